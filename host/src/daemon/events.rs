//! What happens in the host: told once, to the log, to whoever follows, and to whoever asks a little later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast;

use super::log::{EVENT, Log, LogLevel, LogLine, Readers, now};
use super::requests::{Event, Happening};
use crate::powers::Powers;
use crate::problem::{Level, Problem};

/// How many events are remembered.
pub const REMEMBERED_MAX: usize = 1_000;

/// How many events of a kind that others cause at will are told within a second.
const CHATTY_PER_SECOND: u64 = 50;

/// The target of events in the log.
pub const TARGET: &str = "ocap::event";

/// The events of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Log,
    powers: Powers,
    book: Mutex<Book>,
    live: broadcast::Sender<Arc<str>>,
}

#[derive(Debug, Default)]
struct Book {
    last: u64,
    remembered: VecDeque<Arc<str>>,
    gates: BTreeMap<&'static str, Gate>,
    /// What is not durable yet.
    later: Vec<(Whom, Happening)>,
}

/// Lets so many of a kind through in each second.
#[derive(Debug, Default)]
struct Gate {
    second: u64,
    passed: u64,
    skipped: u64,
}

/// Whom an event befell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    subcluster: Option<String>,
    vat: Option<String>,
}

impl Whom {
    /// The host as a whole.
    pub const HOST: Whom = Whom { subcluster: None, vat: None };

    /// A subcluster.
    pub fn subcluster(name: &str) -> Whom {
        Whom { subcluster: Some(name.to_owned()), vat: None }
    }

    /// Whom a problem befell.
    pub fn of(problem: &Problem) -> Whom {
        Whom { subcluster: problem.subcluster.clone(), vat: problem.vat.clone() }
    }

    /// A vat, as `subcluster/vat`; one that has no name any more by its number.
    pub fn vat(label: &str) -> Whom {
        match label.split_once('/') {
            Some((subcluster, vat)) => Whom { subcluster: Some(subcluster.to_owned()), vat: Some(vat.to_owned()) },
            None => Whom { subcluster: None, vat: Some(label.to_owned()) },
        }
    }
}

impl Events {
    /// None yet.
    pub fn new(log: Log, powers: Powers) -> Events {
        let (book, live) = (Mutex::default(), broadcast::Sender::new(REMEMBERED_MAX));
        Events(Arc::new(Inner { log, powers, book, live }))
    }

    /// Something happened. Only for what is durable, or was never meant to be.
    pub fn tell(&self, whom: Whom, mut what: Happening) {
        let Inner { log, powers, book, live } = &*self.0;
        let time_ms = powers.now_ms();
        let mut book = locked(book);
        if !book.let_through(&mut what, time_ms) {
            return;
        }
        book.last += 1;
        let event = Event { seq: book.last, time_ms, subcluster: whom.subcluster, vat: whom.vat, what };
        let value = serde_json::to_value(&event).expect("an event has only text for keys");
        let text: Arc<str> = value.to_string().into();
        if book.remembered.len() == REMEMBERED_MAX {
            book.remembered.pop_front();
        }
        book.remembered.push_back(text.clone());
        // Under the lock, so that whoever follows misses none and gets none twice. It may be that nobody does.
        let _ = live.send(text);
        drop(book);
        let (line, readers) = line_of(event, value);
        log.write(&line, readers);
    }

    /// Something happened in a boot that has no commit yet: it is told by [`Events::tell_what_was_kept`].
    pub fn tell_later(&self, whom: Whom, what: Happening) {
        locked(&self.0.book).later.push((whom, what));
    }

    /// What was kept for later is durable.
    pub fn tell_what_was_kept(&self) {
        let later = std::mem::take(&mut locked(&self.0.book).later);
        later.into_iter().for_each(|(whom, what)| self.tell(whom, what));
    }

    /// What is remembered, oldest first, and all that comes.
    pub(super) fn follow(&self) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        let book = locked(&self.0.book);
        (book.remembered.iter().cloned().collect(), self.0.live.subscribe())
    }

    /// The log that they are told to.
    pub fn log(&self) -> &Log {
        &self.0.log
    }
}

/// Whether an event, as it is on the wire, is of a kind.
pub fn is_of(event: &str, kind: &str) -> bool {
    // Most are told apart without a look at what they are made of.
    event.contains(kind) && serde_json::from_str::<Event>(event).is_ok_and(|event| event.what.kind() == kind)
}

impl Book {
    /// What clients and operators cause as often as they like must not push out the rest.
    fn let_through(&mut self, what: &mut Happening, time_ms: u64) -> bool {
        let kind = what.kind();
        let skipped = match what {
            Happening::ClientConnected { skipped, .. }
            | Happening::ClientLeft { skipped, .. }
            | Happening::OperatorCalled { skipped, .. } => skipped,
            _ => return true,
        };
        let gate = self.gates.entry(kind).or_default();
        if gate.second != time_ms / 1_000 {
            *gate = Gate { second: time_ms / 1_000, passed: 0, skipped: gate.skipped };
        }
        if gate.passed == CHATTY_PER_SECOND {
            gate.skipped += 1;
            return false;
        }
        gate.passed += 1;
        *skipped = std::mem::take(&mut gate.skipped);
        true
    }
}

/// An event as a line of the log. What people watch for is on stderr too.
fn line_of(event: Event, value: Value) -> (LogLine, Readers) {
    let (level, readers) = match (event.what.level(), &event.what) {
        (Level::Error, _) => (LogLevel::Warn, Readers::All),
        (Level::Advice, Happening::HostPhase { .. } | Happening::VatHealed | Happening::ChannelHealed { .. }) => {
            (LogLevel::Info, Readers::All)
        }
        (Level::Advice, _) => (LogLevel::Info, Readers::File),
    };
    let vat = match (&event.subcluster, event.vat) {
        (Some(subcluster), Some(vat)) => Some(format!("{subcluster}/{vat}")),
        (_, vat) => vat,
    };
    let subcluster = if vat.is_some() { None } else { event.subcluster };
    let line = LogLine {
        timestamp: now(),
        level,
        target: TARGET.to_owned(),
        message: event.what.sentence(),
        subcluster,
        vat,
        more: BTreeMap::from([(EVENT.to_owned(), value)]),
    };
    (line, readers)
}

/// What is behind the lock is whole between any two statements, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::log::Form;
    use crate::daemon::test_home;

    fn events() -> (tempfile::TempDir, crate::daemon::Home, Events) {
        let (root, home) = test_home();
        let log = Log::open(&home, Form::Plain, Box::new(std::io::sink())).expect("a log");
        (root, home, Events::new(log, Powers::of_this_process()))
    }

    fn parsed(lines: Vec<Arc<str>>) -> Vec<Event> {
        lines.iter().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }

    #[test]
    fn an_event_is_remembered_followed_and_in_the_log() {
        let (_root, home, events) = events();
        events.tell(Whom::vat("counter/counter"), Happening::VatStarted { incarnation: 1 });
        let (past, mut live) = events.follow();
        events.tell(Whom::subcluster("counter"), Happening::SubclusterTerminated);
        let past = parsed(past);
        assert_eq!((past.len(), past[0].seq, past[0].vat.as_deref()), (1, 1, Some("counter")));
        let next = parsed(vec![live.try_recv().expect("an event")]);
        assert_eq!((next[0].seq, &next[0].what), (2, &Happening::SubclusterTerminated));
        let log = home.dir().read_to_string("log").expect("the log");
        let line: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("json");
        assert_eq!((&line["vat"], &line["message"]), (&"counter/counter".into(), &"started, incarnation 1".into()));
        assert_eq!(line["event"]["kind"], "vat-started");
    }

    #[test]
    fn only_the_last_thousand_are_remembered() {
        let (_root, _home, events) = events();
        (0..REMEMBERED_MAX + 3).for_each(|_| events.tell(Whom::HOST, Happening::VatHibernated));
        let (past, _) = events.follow();
        assert_eq!((past.len(), parsed(past)[0].seq), (REMEMBERED_MAX, 4));
    }

    #[test]
    fn a_flood_of_calls_is_counted_and_pushes_nothing_out() {
        let mut book = Book::default();
        let call = || Happening::OperatorCalled { target: "a".into(), method: "b".into(), skipped: 0 };
        let passed = (0..1_000).filter(|_| book.let_through(&mut call(), 5_000)).count() as u64;
        assert_eq!(passed, CHATTY_PER_SECOND);
        let mut next = call();
        assert!(book.let_through(&mut next, 6_000));
        let Happening::OperatorCalled { skipped, .. } = next else { unreachable!("it is a call") };
        assert_eq!(skipped, 950);
        assert!(book.let_through(&mut Happening::VatHealed, 6_000));
    }
}
