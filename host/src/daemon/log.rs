//! The log: JSON lines in the home for programs and for later, readable lines on stderr for whoever watches.
//!
//! What comes from guests is escaped before it is logged.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::panic::PanicHookInfo;

use cap_std::fs::{OpenOptions, OpenOptionsExt};
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Identity, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::home::{Home, LOG};
use crate::problem::{Level, Problem};

/// How the log looks on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines for people, without colour.
    Plain,
    /// Lines for people, with colour.
    Coloured,
    /// One JSON object a line.
    Json,
    /// Not at all: nobody watches.
    Silent,
}

/// Events with this target are in the file only, because they reach people by another way.
const FILE_ONLY: &str = "ocap::recorded";

/// Begins to log for this process, panics included. Once a process.
///
/// # Errors
/// If the log can't be opened or this process logs already.
pub fn start(home: &Home, form: Form) -> Result<(), Problem> {
    let unusable = |error: &dyn std::error::Error| {
        Problem::new("ocap::home::unwritable", format!("the log {} can't be opened", home.path_of(LOG).display()))
            .because(error)
            .with_help("see that you may write the home")
    };
    let file = open(home).map_err(|error| unusable(&error))?;
    tracing::subscriber::set_global_default(subscriber(file, io::stderr, form)).map_err(|error| unusable(&error))?;
    let place = home.path_of(LOG).display().to_string();
    std::panic::set_hook(Box::new(move |panic| note_panic(panic, &place)));
    Ok(())
}

/// Puts a problem into the log's file. For those that are shown to people in full.
pub fn record(problem: &Problem) {
    match problem.level {
        Level::Error => problem_event!(FILE_ONLY, tracing::Level::ERROR, problem),
        Level::Advice => problem_event!(FILE_ONLY, tracing::Level::INFO, problem),
    }
}

/// Puts a problem into the log, on stderr too. For those that arise while the host serves.
pub fn tell(problem: &Problem) {
    match problem.level {
        Level::Error => problem_event!("ocap::problem", tracing::Level::ERROR, problem),
        Level::Advice => problem_event!("ocap::problem", tracing::Level::INFO, problem),
    }
}

/// A macro, because an event's target and level must be constants.
macro_rules! problem_event {
    ($target:expr, $level:expr, $problem:expr) => {
        tracing::event!(
            target: $target,
            $level,
            code = $problem.code,
            subcluster = $problem.subcluster,
            vat = $problem.vat,
            path_written = $problem.path_written,
            path_resolved = $problem.path_resolved,
            causes = (!$problem.causes.is_empty()).then(|| $problem.causes.join("; ")),
            help = $problem.help,
            "{}",
            $problem.message
        )
    };
}
use problem_event;

fn open(home: &Home) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    home.dir().open_with(LOG, &options).map(cap_std::fs::File::into_std)
}

fn subscriber<F, E>(file: F, stderr: E, form: Form) -> impl Subscriber + Send + Sync
where
    F: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    E: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(json(file).with_filter(LevelFilter::INFO)).with(
        readable(stderr, form)
            .with_filter(filter_fn(|event| event.target() != FILE_ONLY))
            .with_filter(LevelFilter::INFO),
    )
}

/// A closed stderr or a full disk must not end a host by a panic in its log, hence no internal errors.
fn json<S, W>(writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .log_internal_errors(false)
        .with_writer(writer)
        .boxed()
}

/// Without the time: whoever keeps stderr adds it, and who watches has a clock.
fn readable<S, W>(writer: W, form: Form) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().compact().without_time().with_target(false).log_internal_errors(false);
    match form {
        Form::Json => json(writer),
        Form::Silent => Identity::new().boxed(),
        Form::Plain => lines.with_ansi(false).with_writer(writer).boxed(),
        Form::Coloured => lines.with_ansi(true).with_writer(writer).boxed(),
    }
}

thread_local! {
    /// The last panic of this thread.
    static PANIC: Cell<Option<Problem>> = const { Cell::new(None) };
}

/// What is to be said of a host that a panic of this thread ends.
pub(super) fn panicked() -> Problem {
    PANIC.take().unwrap_or_else(|| Problem::new("ocap::host::panic", "a bug in ocap-host: it panicked"))
}

fn note_panic(panic: &PanicHookInfo<'_>, log: &str) {
    let words = panic.payload_as_str().unwrap_or("no words");
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let message = format!("a bug in ocap-host: {words}{place}, in thread {thread}");
    let problem = Problem::new("ocap::host::panic", message).with_help(format!("report it with the end of {log}"));
    tell(&problem);
    PANIC.set(Some(problem));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        tracing::error!(target: FILE_ONLY, %trace, "where the panic came from");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cap_std::fs::MetadataExt;

    use super::*;
    use crate::daemon::test_home;

    /// What is in the file and on stderr after these events.
    fn logged(form: Form, events: impl FnOnce()) -> (Vec<serde_json::Value>, String) {
        let (root, home) = test_home();
        let stderr = root.path().join("stderr");
        let file = open(&home).expect("the log");
        let stream = Arc::new(File::create(&stderr).expect("a file"));
        tracing::subscriber::with_default(subscriber(file, stream, form), events);
        assert_eq!(home.dir().metadata(LOG).expect("metadata").mode() & 0o777, 0o600);
        let lines = home.dir().read_to_string(LOG).expect("the log");
        let lines = lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
        (lines, std::fs::read_to_string(stderr).expect("stderr"))
    }

    fn problem() -> Problem {
        Problem::new("ocap::component::missing", "the component is missing")
            .of_vat("matcher", "index")
            .with_help("build it")
    }

    #[test]
    fn a_problem_is_a_structured_line_in_the_log_and_a_readable_one_on_stderr() {
        let (lines, stderr) = logged(Form::Plain, || tell(&problem()));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["level"], "ERROR");
        assert_eq!(lines[0]["code"], "ocap::component::missing");
        assert_eq!(lines[0]["vat"], "index");
        assert_eq!(lines[0]["message"], "the component is missing");
        assert_eq!(lines[0].get("path_written"), None);
        assert!(stderr.starts_with("ERROR the component is missing "), "{stderr}");
        assert!(!stderr.contains('\u{1b}'), "{stderr}");
    }

    #[test]
    fn a_problem_that_is_shown_in_full_is_not_also_a_line_on_stderr() {
        let (lines, stderr) = logged(Form::Plain, || record(&problem()));
        assert_eq!(lines.len(), 1);
        assert_eq!(stderr, "");
    }

    #[test]
    fn stderr_is_json_when_json_is_asked_for() {
        let (_, stderr) = logged(Form::Json, || tell(&problem().as_advice()));
        let line: serde_json::Value = serde_json::from_str(&stderr).expect("one object");
        assert_eq!(line["level"], "INFO");
    }
}
