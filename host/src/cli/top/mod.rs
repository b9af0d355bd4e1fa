//! `top`: what each vat does and takes, again and again, until `q`.
//!
//! The terminal is given back as it was found, whatever ends the command: a key, a signal, a host that goes away, or a panic.

mod screen;
mod view;

use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::runtime::Runtime;

use crate::cli::Format;
use crate::cli::client::Client;
use crate::cli::exit::ExitStatus;
use crate::cli::session::Session;
use crate::daemon::requests::{InspectBody, Inspection, Kind, Metrics, Ps};
use crate::daemon::{Ending, Signals};
use crate::problem::Problem;

use view::{View, Wish};

/// How long a key or a signal may have to wait.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Watch what each vat does and takes; `q` ends it
///
/// Keys: arrows choose a vat, Enter shows everything about it; b, r, m, i, n order by time, rate, memory, inbox, name; q or Esc goes back
/// or ends. BUSY is the part of one worker that a vat takes: two workers are 200% together.
#[derive(Debug, clap::Args)]
#[command(after_help = crate::cli::exit::HELP)]
pub(super) struct TopArgs {
    /// How often it looks, in milliseconds
    #[arg(long, default_value_t = 1_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(100..=60_000))]
    interval: u64,
}

pub(super) fn run(args: &TopArgs, session: &Session) -> Result<ExitStatus, Problem> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() || session.format() != Format::Text {
        return Err(Problem::new("ocap::usage::no_terminal", "`top` is for a person at a terminal")
            .with_help("once and for programs, too: `ocap-host ps`; figures of the whole host: `ocap-host metrics`"));
    }
    let mut client = session.client()?;
    let mut view = View::new(look(&mut client)?);
    let mut signals = Caught::new()?;
    let mut terminal = ratatui::try_init().map_err(|error| {
        Problem::new("ocap::cli::terminal", "the terminal can't be drawn on")
            .because(&error)
            .with_help("once: `ocap-host ps`")
    })?;
    let _restored = Restored;
    let drawn = |error: io::Error| Problem::new("ocap::cli::terminal", "the terminal is gone").because(&error);
    let mut waited = Duration::ZERO;
    loop {
        terminal.draw(|frame| screen::draw(&mut view, frame)).map_err(drawn)?;
        let wish = next_key(&view).map_err(drawn)?;
        match wish {
            Some(Wish::End) => return Ok(ExitStatus::Ok),
            Some(Wish::Interrupt) => return Ok(ExitStatus::Interrupted),
            Some(Wish::Inspect(vat)) => view.show(vat.clone(), inspect(&mut client, vat)),
            Some(Wish::Press(key)) => view.press(key),
            None => waited += LOOK_EVERY,
        }
        if let Some(ending) = signals.take() {
            return Ok(if ending == Ending::Interrupted { ExitStatus::Interrupted } else { ExitStatus::Ok });
        }
        if waited >= Duration::from_millis(args.interval) {
            waited = Duration::ZERO;
            view.update(look(&mut client)?);
            if let Some(vat) = view.shown() {
                view.show(vat.clone(), inspect(&mut client, vat));
            }
        }
    }
}

fn look(client: &mut Client) -> Result<(Ps, Metrics), Problem> {
    Ok((client.get("/v1/ps")?, client.get("/v1/metrics")?))
}

/// A vat may have ended meanwhile: that is shown in its place.
fn inspect(client: &mut Client, vat: String) -> Result<Inspection, Problem> {
    client.post("/v1/inspect", &InspectBody { target: vat, kind: Some(Kind::Vat) })
}

fn next_key(view: &View) -> io::Result<Option<Wish>> {
    if !event::poll(LOOK_EVERY)? {
        return Ok(None);
    }
    Ok(match event::read()? {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(view.wish(key)),
        _ => None,
    })
}

/// Gives the terminal back.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Signals that somebody else sends: control-C is a key here.
struct Caught {
    runtime: Runtime,
    signals: Signals,
}

impl Caught {
    fn new() -> Result<Caught, Problem> {
        let of = |error: io::Error| {
            Problem::new("ocap::cli::signals", "the system does not let signals be caught").because(&error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(of)?;
        let signals = runtime.block_on(async { Signals::catch() })?;
        Ok(Caught { runtime, signals })
    }

    /// A signal that has come.
    fn take(&mut self) -> Option<Ending> {
        let Caught { runtime, signals } = self;
        runtime.block_on(async { tokio::time::timeout(Duration::from_millis(1), signals.next()).await.ok() })
    }
}
