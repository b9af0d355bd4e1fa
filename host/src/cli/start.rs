//! `start`: the host in the background. It waits for what the host says of itself, never for a time to pass.

use std::ffi::OsString;
use std::future::Future;
use std::time::Duration;

use clap::ValueEnum;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use super::exit::ExitStatus;
use super::replace;
use super::run::{self, HostArgs};
use super::session::Session;
use crate::daemon::background::{self, Begun};
use crate::daemon::requests::Ready;
use crate::daemon::{Home, HostRecord};
use crate::problem::{Level, Problem};

/// Start the host in the background, and wait until it serves
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct StartArgs {
    #[command(flatten)]
    host: HostArgs,
}

/// After so long in one phase a person who waits is told so, and so long again.
const A_WHILE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &StartArgs, session: &Session) -> Result<ExitStatus, Problem> {
    replace::ask_at_rest("start", &args.host, session)?;
    let home = Home::make(session.home_path(), session.powers())?;
    // Before there is a host that it could not hear.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| background::not_begun(&home, &error))?;
    let begun = background::begin(&home, session.powers(), &words(&args.host, session))?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = Waiting { begun, home: &home, session, last: None }.wait() => outcome.map(Some),
            _ = tokio::signal::ctrl_c() => Ok(None),
        }
    });
    let Some(ready) = outcome? else {
        session.tell(&left_alone(&home));
        return Ok(ExitStatus::Interrupted);
    };
    run::tell_ready(&ready, session)?;
    let is_degraded = ready.problems.iter().any(|problem| problem.level == Level::Error);
    Ok(if is_degraded { ExitStatus::Degraded } else { ExitStatus::Ok })
}

/// The command line of the host.
fn words(args: &HostArgs, session: &Session) -> Vec<OsString> {
    let if_changed = args.if_changed.to_possible_value().expect("no value is hidden");
    let mut words: Vec<OsString> = ["--format", "jsonl", "--home"].map(OsString::from).into();
    words.push(session.home_path().into());
    words.extend(["run", "--detached", "--if-changed", if_changed.get_name()].map(OsString::from));
    if args.any_filesystem {
        words.push("--any-filesystem".into());
    }
    words.push("--".into());
    // As they were written: the host is in the same directory, and says in its diagnostics what the user wrote.
    words.extend(args.files.iter().map(OsString::from));
    words
}

/// A host that was begun, and what it has said so far.
struct Waiting<'a> {
    begun: Begun,
    home: &'a Home,
    session: &'a Session,
    last: Option<HostRecord>,
}

/// What a line of the host's tells.
enum Said {
    Record(HostRecord),
    Problem(Problem),
    Ready(Ready),
}

impl Waiting<'_> {
    /// Until it serves.
    ///
    /// # Errors
    /// Why it does not: in its own words, or, if it could say nothing, in those of the system.
    async fn wait(mut self) -> Result<Ready, Problem> {
        let pid = self.begun.pid();
        let news = pipe::Receiver::from_owned_fd(self.begun.news()).map_err(|error| unheard(self.home, pid, &error))?;
        let mut lines = BufReader::new(news).lines();
        loop {
            let line = self.patiently(lines.next_line()).await;
            // A pipe that breaks off and one that ends are the same: nobody is at the other end.
            let Ok(Some(line)) = line else { return Err(self.ended_unheard()) };
            match said(&line) {
                Some(Said::Record(record)) => self.heard(record),
                Some(Said::Problem(problem)) if problem.level == Level::Advice => self.session.tell(&problem),
                Some(Said::Problem(problem)) => return Err(self.with_the_end(problem)),
                Some(Said::Ready(ready)) => return Ok(ready),
                // Words of another version: the pipe's end or a later line will tell.
                None => {}
            }
        }
    }

    /// The future's outcome; a person who waits for long is told what for.
    async fn patiently<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                outcome = &mut future => return outcome,
                () = tokio::time::sleep(A_WHILE) => self.session.tell(&self.still()),
            }
        }
    }

    fn heard(&mut self, record: HostRecord) {
        if let Some(step) = &record.step {
            self.session.progress(&format!("{}: {step}", record.phase.as_str()));
        }
        self.last = Some(record);
    }

    fn still(&self) -> Problem {
        let pid = self.begun.pid();
        let powers = self.session.powers();
        let at = self.last.as_ref().map_or_else(
            || format!("process {pid}, which has said nothing yet"),
            |record| record.sentence(powers.now_ms()),
        );
        let mut problem = Problem::new("ocap::daemon::still_starting", format!("still waiting for {at}")).as_advice();
        if self.begun.is_halted(powers) {
            problem.causes.push(format!("somebody has halted the process: `kill -CONT {pid}` lets it go on"));
        }
        problem.with_help(format!("its log is {}", self.home.path_of(crate::daemon::home::LOG).display()))
    }

    /// What is to be said of a host that ended without a last word; its record may have one.
    fn ended_unheard(&mut self) -> Problem {
        match self.last.as_mut().and_then(|record| record.problem.take()) {
            Some(problem) => self.with_the_end(problem),
            None => self.begun.obituary(self.home, self.last.as_ref()),
        }
    }

    /// The host's own diagnostic, and where more is to be found.
    fn with_the_end(&mut self, mut problem: Problem) -> Problem {
        let (pid, how) = (self.begun.pid(), self.begun.ended());
        let log = self.home.path_of(crate::daemon::home::LOG);
        problem.causes.push(format!("said by process {pid}, which {how}; its log is {}", log.display()));
        problem
    }
}

fn said(line: &str) -> Option<Said> {
    fn parsed<T: DeserializeOwned>(value: Value) -> Option<T> {
        serde_json::from_value(value).ok()
    }
    let value: Value = serde_json::from_str(line).ok()?;
    match value["$type"].as_str()? {
        "host" => parsed(value).map(Said::Record),
        "problem" => parsed(value).map(Said::Problem),
        "ready" => parsed(value).map(Said::Ready),
        _ => None,
    }
}

fn unheard(home: &Home, pid: u32, error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new("ocap::daemon::unheard", format!("the host was begun as process {pid} and can't be heard"))
        .because(error)
        .with_help(format!("ask how it does: `{}`", home.command("status")))
}

/// Control-C ends the waiting, not the host.
fn left_alone(home: &Home) -> Problem {
    Problem::new("ocap::daemon::still_starting", "the host goes on starting in the background")
        .as_advice()
        .with_help(format!("ask how it does: `{}`; end it: `{}`", home.command("status"), home.command("stop")))
}
