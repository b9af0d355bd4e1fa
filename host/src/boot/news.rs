//! What happens, on its way from the loop and from the acts of operators to whoever watches.

use std::sync::Arc;

use ocap_kernel::{Kernel, VatStatus, Why};

use crate::daemon::events::{Events, Whom};
use crate::daemon::log::{LogLevel, Words};
use crate::daemon::requests::{self, Ender, Happening, Launched, Origin};
use crate::engine::{Level, LogLine, Stream};
use crate::io;
use crate::problem::Problem;
use crate::run_loop::{News, RunLoop, Witness};

use super::house::House;
use super::{calls, reasons};

/// Tells what the loop's news are, in the words of the control socket.
pub(super) fn witness(events: Events) -> Witness {
    Box::new(move |label, news| tell(&events, label, news))
}

fn tell(events: &Events, label: &str, news: News) {
    let what = match news {
        News::Said(lines) => return events.log().said(label, lines.into_iter().map(words).collect()),
        News::Connected(io::Client { channel, number: client, .. }) => {
            let what = Happening::ClientConnected { channel, client, skipped: 0 };
            return events.tell(Whom::subcluster(label), what);
        }
        News::Left(io::Client { channel, number: client, .. }) => {
            return events.tell(Whom::subcluster(label), Happening::ClientLeft { channel, client, skipped: 0 });
        }
        News::ChannelHealed { channel } => {
            return events.tell(Whom::subcluster(label), Happening::ChannelHealed { channel });
        }
        News::Started { incarnation } => Happening::VatStarted { incarnation },
        News::Hibernated => Happening::VatHibernated,
        News::Undone { cause } => Happening::VatTrapped { cause },
        News::Quarantined { reason } => Happening::VatQuarantined { problem: Box::new(reasons::read(&reason)) },
        News::Healed => Happening::VatHealed,
        News::RolledBack { cause } => Happening::VatRolledBack { cause },
        News::Restarted => Happening::VatRestarted,
        News::Terminated => Happening::VatTerminated { by: Ender::Operator },
        News::Exited => Happening::VatTerminated { by: Ender::Vat },
        News::DeadLetter { message, method, why } => {
            let why = match why {
                Why::KilledTheProcess => requests::Why::KilledTheProcess,
                Why::MailboxFull => requests::Why::MailboxFull,
                Why::Damaged => requests::Why::Damaged,
            };
            Happening::DeadLetter { message: message.to_string(), method, why }
        }
    };
    events.tell(Whom::vat(label), what);
}

fn words(line: LogLine) -> Words {
    let LogLine { level, stream, message, fields } = line;
    let level = match level {
        Level::Trace => LogLevel::Trace,
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    };
    let stream = match stream {
        Stream::Log => "log",
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
        Stream::Host => "host",
    };
    Words { level, stream, message, fields }
}

/// A launch is told, with the channels that came with it.
pub(super) async fn tell_launch(house: &Arc<House>, launched: &Launched) -> Result<(), Problem> {
    let Launched { id, name, origin, .. } = launched;
    house.events.tell(Whom::subcluster(name), Happening::SubclusterLaunched { id: id.clone(), origin: *origin });
    if matches!(origin, Origin::New | Origin::Replaced) {
        let name = name.clone();
        house.act(move |run_loop, house| tell_channels(run_loop, house, Some(&name))).await?;
    }
    Ok(())
}

/// What a boot found: what it could not do is told here, because it was done before there was anybody to tell. Durable by then.
pub(super) async fn tell_boot(house: &Arc<House>) -> Result<(), Problem> {
    house.act(|_, _| ()).await?;
    house
        .act(|run_loop, house| {
            house.events.tell_what_was_kept();
            tell_channels(run_loop, house, None);
            tell_quarantined(run_loop.kernel(), house);
        })
        .await
}

fn tell_quarantined(kernel: &Kernel, house: &House) {
    for vat in kernel.vats() {
        let VatStatus::Quarantined(reason) = &vat.row.status else { continue };
        let problem = Box::new(reasons::read(reason));
        house.events.tell(Whom::vat(&calls::label_of(kernel, vat.row)), Happening::VatQuarantined { problem });
    }
}

/// Of all subclusters, or of one.
fn tell_channels(run_loop: &RunLoop, house: &House, subcluster: Option<&str>) {
    let channels = run_loop.io().status();
    for channel in channels.into_iter().filter(|channel| subcluster.is_none_or(|name| name == channel.subcluster)) {
        let name = channel.name;
        let what = match channel.state {
            io::ChannelState::Up => Happening::ChannelOpen { channel: name },
            io::ChannelState::Down(problem) => {
                let id = run_loop.kernel().subclusters().find(|(_, row)| row.name == channel.subcluster);
                let problem = id.into_iter().fold(*problem, |problem, (id, _)| problem.in_subcluster(id));
                Happening::ChannelDown { channel: name, problem: Box::new(problem) }
            }
        };
        house.events.tell(Whom::subcluster(&channel.subcluster), what);
    }
}
