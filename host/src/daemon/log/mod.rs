//! The log: JSON lines in the home for programs and for later, readable lines on stderr for whoever watches.
//!
//! What comes from guests is escaped before it is logged, and bounded: a vat that logs without end costs itself its lines.

mod flood;
mod history;
mod journal;
mod layer;
mod line;
mod stderr;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::daemon::home::{Home, LOG};
use crate::problem::{Level, Problem};
use flood::{Fate, Flood};
use journal::Journal;

pub use history::{Found, Selection, last, unknown};
pub use journal::{Pages, Rotation, pages};
pub(super) use line::EVENT;
pub use line::{LogLevel, LogLine, Paint};
use stderr::Stderr;

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

/// The target of vats' own words.
const VAT: &str = "vat";

/// Who gets a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// The file, and whoever follows it.
    File,
    /// Those, and stderr.
    All,
}

/// The log of this process. Cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    journal: Journal,
    form: Form,
    stderr: Stderr,
    flood: Mutex<Flood>,
    /// Where time passes, for what is told a while after it happened.
    runtime: OnceLock<Handle>,
}

/// A vat's own words, escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// How important the vat says it is.
    pub level: LogLevel,
    /// By which way it was said: `log`, `stdout`, `stderr`, or `host` for what the host says about them.
    pub stream: &'static str,
    /// What.
    pub message: String,
    /// What it added, by name.
    pub fields: Vec<(String, String)>,
}

/// Begins to log for this process, panics included. Once a process.
///
/// # Errors
/// If the log can't be opened or this process logs already.
pub fn start(home: &Home, form: Form) -> Result<Log, Problem> {
    let unusable = |error: &(dyn std::error::Error + 'static)| {
        Problem::new("ocap::home::unwritable", format!("the log {} can't be opened", home.path_of(LOG).display()))
            .because(error)
            .with_help("see that you may write the home")
    };
    let log = Log::open(home, form, Box::new(io::stderr())).map_err(|error| unusable(&error))?;
    let layer = log.clone().with_filter(LevelFilter::INFO);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(|error| unusable(&error))?;
    let place = home.path_of(LOG).display().to_string();
    std::panic::set_hook(Box::new(move |panic| note_panic(panic, &place)));
    Ok(log)
}

impl Log {
    /// Opens the log of a home.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(home: &Home, form: Form, stderr: Box<dyn Write + Send>) -> io::Result<Log> {
        let journal = Journal::open(home.dir().try_clone()?)?;
        let (flood, runtime) = (Mutex::default(), OnceLock::new());
        let stderr = Stderr::start(stderr)?;
        Ok(Log(Arc::new(Inner { journal, form, stderr, flood, runtime })))
    }

    /// From now on it is rotated so.
    pub fn rotate_by(&self, rotation: Rotation) {
        self.0.journal.rotate_by(rotation);
    }

    /// From now on what is told later can be told. Within a tokio runtime.
    pub(super) fn tell_later_here(&self) {
        // A second time it is the same runtime.
        let _ = self.0.runtime.set(Handle::current());
    }

    /// What a vat says in one crank, as long as it does not say too much.
    pub fn said(&self, vat: &str, words: Vec<Words>) {
        for words in words.into_iter().filter(|words| words.level >= LogLevel::Info) {
            let fields: usize = words.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
            let fate = locked(&self.0.flood).weigh(vat, words.message.len() + fields, Instant::now());
            match fate {
                Fate::Kept => self.write(&line_of(vat, words), Readers::All),
                Fate::Dropped => {}
                Fate::FirstDropped => self.tell_of_flood_later(),
            }
        }
    }

    /// To be dropped before the process says something else on stderr, or ends.
    pub fn last_lines(&self) -> LastLines {
        LastLines(self.clone())
    }

    /// How many lines were dropped of each vat that said too much, since this process began.
    pub fn dropped(&self) -> BTreeMap<String, u64> {
        locked(&self.0.flood).dropped()
    }

    fn tell_of_flood_later(&self) {
        let Some(runtime) = self.0.runtime.get() else { return };
        let log = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(flood::REPORT_AFTER).await;
            let dropped = locked(&log.0.flood).report(Instant::now());
            for (vat, lines) in dropped {
                let message = format!("{lines} lines of vat {vat} were dropped in the last second: it logs too much");
                let stream = "host";
                let words = Words { level: LogLevel::Warn, stream, message, fields: Vec::new() };
                log.write(&line_of(&vat, words), Readers::All);
            }
        });
    }

    /// Everything that was logged, as files, and all that will be.
    pub(super) fn follow(&self) -> (Pages, broadcast::Receiver<Arc<str>>) {
        self.0.journal.follow()
    }

    pub(super) fn write(&self, line: &LogLine, readers: Readers) {
        self.0.journal.write(&line.json());
        if readers == Readers::All {
            let shown: fn(&LogLine) -> String = match self.0.form {
                Form::Silent => return,
                Form::Json => LogLine::json,
                Form::Plain => |line| line.text(Paint::Plain),
                Form::Coloured => |line| line.text(Paint::Coloured),
            };
            self.0.stderr.write(shown(line), |unseen| shown(&missing(unseen)));
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

/// Dropped, it returns when stderr has everything, or when nobody reads it.
#[derive(Debug)]
pub struct LastLines(Log);

impl Drop for LastLines {
    fn drop(&mut self) {
        self.0.0.stderr.finish();
    }
}

/// Said on stderr of lines for which there was no room.
fn missing(lines: u64) -> LogLine {
    LogLine {
        timestamp: now(),
        level: LogLevel::Warn,
        target: "ocap::log".to_owned(),
        message: format!("{lines} lines are missing here, because nobody read them; the log's file has them"),
        subcluster: None,
        vat: None,
        more: BTreeMap::new(),
    }
}

fn line_of(vat: &str, words: Words) -> LogLine {
    let mut more = BTreeMap::from([("stream".to_owned(), Value::from(words.stream))]);
    if !words.fields.is_empty() {
        let fields: Map<String, Value> =
            words.fields.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        more.insert(line::FIELDS.to_owned(), fields.into());
    }
    LogLine {
        timestamp: now(),
        level: words.level,
        target: VAT.to_owned(),
        message: words.message,
        subcluster: None,
        vat: Some(vat.to_owned()),
        more,
    }
}

pub(super) fn now() -> String {
    let mut text = String::new();
    match tracing_subscriber::fmt::time().format_time(&mut Writer::new(&mut text)) {
        Ok(()) => text,
        // The clock is before 1970 or after 9999: the line is more important.
        Err(_) => "unknown".to_owned(),
    }
}

/// What is behind these locks is whole between any two statements, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            subcluster_id = $problem.subcluster_id,
            vat = $problem.vat,
            vat_id = $problem.vat_id,
            since = $problem.since,
            path_written = $problem.path_written,
            path_resolved = $problem.path_resolved,
            causes = (!$problem.causes.is_empty()).then(|| $problem.causes.join("; ")),
            errno = $problem.errno,
            help = $problem.help,
            "{}",
            $problem.message
        )
    };
}
use problem_event;

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
    use cap_std::fs::MetadataExt;

    use super::*;
    use crate::daemon::test_home;

    /// A stderr that can be read.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            locked(&self.0).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is in the file and on stderr after these events.
    fn logged(form: Form, events: impl FnOnce(&Log)) -> (Vec<Value>, String) {
        let (_root, home) = test_home();
        let heard = Heard::default();
        let log = Log::open(&home, form, Box::new(heard.clone())).expect("the log");
        let subscriber = tracing_subscriber::registry().with(log.clone().with_filter(LevelFilter::INFO));
        tracing::subscriber::with_default(subscriber, || events(&log));
        drop(log.last_lines());
        assert_eq!(home.dir().metadata(LOG).expect("metadata").mode() & 0o777, 0o600);
        let lines = home.dir().read_to_string(LOG).expect("the log");
        let lines = lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
        let stderr = locked(&heard.0).clone();
        (lines, String::from_utf8(stderr).expect("text"))
    }

    fn problem() -> Problem {
        Problem::new("ocap::component::missing", "the component is missing")
            .of_vat("matcher", "index")
            .with_help("build it")
    }

    #[test]
    fn a_problem_is_a_structured_line_in_the_log_and_a_readable_one_on_stderr() {
        let (lines, stderr) = logged(Form::Plain, |_| tell(&problem()));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["$type"], "log");
        assert_eq!(lines[0]["level"], "ERROR");
        assert_eq!(lines[0]["code"], "ocap::component::missing");
        assert_eq!((&lines[0]["subcluster"], &lines[0]["vat"]), (&"matcher".into(), &"index".into()));
        assert_eq!(lines[0]["message"], "the component is missing");
        assert_eq!(lines[0].get("path_written"), None);
        let said = "ERROR matcher/index: the component is missing code=ocap::component::missing help=\"build it\"\n";
        assert_eq!(stderr, said);
    }

    #[test]
    fn a_problem_that_is_shown_in_full_is_not_also_a_line_on_stderr() {
        let (lines, stderr) = logged(Form::Plain, |_| record(&problem()));
        assert_eq!(lines.len(), 1);
        assert_eq!(stderr, "");
    }

    #[test]
    fn stderr_is_json_when_json_is_asked_for() {
        let (_, stderr) = logged(Form::Json, |_| tell(&problem().as_advice()));
        let line: Value = serde_json::from_str(&stderr).expect("one object");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_vats_words_are_a_line_with_its_fields_apart_and_what_is_less_than_info_is_not_kept() {
        let words = |level| Words {
            level,
            stream: "log",
            message: "hot".into(),
            fields: vec![("code".into(), "ocap::forged::code".into())],
        };
        let (lines, stderr) =
            logged(Form::Plain, |log| log.said("lamp/lamp", vec![words(LogLevel::Debug), words(LogLevel::Warn)]));
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["vat"], &lines[0]["target"]), (&"lamp/lamp".into(), &"vat".into()));
        assert_eq!(lines[0]["fields"]["code"], "ocap::forged::code");
        assert_eq!(lines[0].get("code"), None);
        assert_eq!(stderr, "WARN lamp/lamp: hot code=ocap::forged::code\n");
    }

    #[test]
    fn a_vat_that_floods_the_log_is_told_of_in_one_line() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let words = || Words { level: LogLevel::Info, stream: "log", message: "x".repeat(4_000), fields: vec![] };
        let mut counted = BTreeMap::new();
        let (lines, _) = logged(Form::Plain, |log| {
            runtime.block_on(async {
                log.tell_later_here();
                (0..1_000).for_each(|_| log.said("loud/loud", vec![words()]));
                log.said("quiet/quiet", vec![words()]);
                tokio::time::sleep(flood::REPORT_AFTER * 2).await;
            });
            counted = log.dropped();
        });
        assert!(lines.len() < 200, "{} lines", lines.len());
        assert_eq!(lines[lines.len() - 2]["vat"], "quiet/quiet");
        let told = lines[lines.len() - 1]["message"].as_str().expect("a text").to_owned();
        let dropped = 1_002 - lines.len() as u64;
        assert_eq!(told, format!("{dropped} lines of vat loud/loud were dropped in the last second: it logs too much"));
        assert_eq!(counted, BTreeMap::from([("loud/loud".to_owned(), dropped)]));
    }
}
