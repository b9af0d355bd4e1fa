//! Calls under a key: done once, however often they are asked for, and answered with what was recorded (issue 4).
//!
//! A keyed call is a durable object of the host that keeps the promise of its answer; its name says key, request and time:
//! `call/MILLISECONDS/SHA-256/KEY`. It becomes true in the commit that accepts the message, and the answer is recorded in the commit that
//! settles the promise, with the capabilities in it. So there is nothing to store beside the kernel's rows. What is here is an index of
//! them, made anew at each boot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ocap_kernel::{Kernel, Kref, ObjectId, Payload};
use sha2::{Digest as _, Sha256};

use crate::component::Digest;
use crate::problem::{Problem, printable};

/// What the name of such an object begins with.
const NAME: &str = "call";
/// The most keys: 10,000.
const KEYS_MAX: usize = 10_000;
/// The most bytes of all recorded answers together, the newest one excepted: 64 MiB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// How long a recorded answer is kept for sure, unless there are too many: 7 days.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// The longest key.
const KEY_BYTES_MAX: usize = 128;

/// All keyed calls that are remembered.
#[derive(Debug, Default)]
pub(super) struct KeyedCalls {
    by_key: BTreeMap<String, Entry>,
    /// Those that had no answer when they were last looked at.
    open: BTreeSet<ObjectId>,
    /// Those that had one, oldest first: objects are numbered in the order in which calls were accepted.
    answered: BTreeMap<ObjectId, Answered>,
    answer_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    object: ObjectId,
    request: Digest,
    accepted_ms: u64,
}

#[derive(Debug)]
struct Answered {
    key: String,
    accepted_ms: u64,
    bytes: u64,
}

/// A call that somebody makes under a key.
#[derive(Debug, Clone)]
pub(super) struct Keyed {
    key: String,
    request: Digest,
}

impl Keyed {
    /// # Errors
    /// If it is no key.
    pub(super) fn new(key: String, target: &str, method: &str, args: &Payload<Kref>) -> Result<Keyed, Problem> {
        let is_key = !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control);
        if !is_key {
            let message = format!("`{}` can not be a key", printable(&key));
            return Err(Problem::new("ocap::usage::key", message)
                .with_help(format!("a key has 1 to {KEY_BYTES_MAX} bytes and no control characters; a UUID will do")));
        }
        let mut hasher = Sha256::new();
        let caps: Vec<String> = args.caps.iter().map(Kref::to_string).collect();
        for part in [target.as_bytes(), method.as_bytes(), &args.body, caps.join(" ").as_bytes()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Ok(Keyed { key, request: Digest::from_bytes(hasher.finalize().into()) })
    }

    /// The name of its object.
    pub(super) fn name(&self, now_ms: u64) -> String {
        format!("{NAME}/{now_ms}/{}/{}", self.request.hex(), self.key)
    }
}

/// The reverse of [`Keyed::name`].
fn parse(name: &str) -> Option<(u64, Keyed)> {
    let mut parts = name.splitn(4, '/');
    let (NAME, accepted, request, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    Some((accepted.parse().ok()?, Keyed { key: key.to_owned(), request: Digest::from_hex(request).ok()? }))
}

/// The key of a call, by the name of its object.
pub(super) fn key_of(name: &str) -> Option<String> {
    parse(name).map(|(_, keyed)| keyed.key)
}

impl KeyedCalls {
    /// As the kernel's rows have them.
    pub(super) fn of(kernel: &Kernel) -> KeyedCalls {
        let mut calls = KeyedCalls::default();
        for (object, name) in kernel.host_objects() {
            if let Some((accepted_ms, keyed)) = parse(name) {
                calls.add(object, keyed, accepted_ms);
            }
        }
        calls
    }

    /// A call was accepted.
    pub(super) fn add(&mut self, object: ObjectId, keyed: Keyed, accepted_ms: u64) {
        let Keyed { key, request } = keyed;
        self.by_key.insert(key, Entry { object, request, accepted_ms });
        self.open.insert(object);
    }

    /// The object of a call that was accepted before.
    ///
    /// # Errors
    /// If it was another call.
    pub(super) fn find(&self, keyed: &Keyed) -> Result<Option<ObjectId>, Problem> {
        match self.by_key.get(&keyed.key) {
            None => Ok(None),
            Some(entry) if entry.request == keyed.request => Ok(Some(entry.object)),
            Some(_) => {
                let message = format!("the key `{}` names another call already", printable(&keyed.key));
                Err(Problem::new("ocap::call::key_reused", message).with_help(
                    "a key stands for one target, method and arguments, as they were written; take a new key for another call",
                ))
            }
        }
    }

    /// Makes room for one more; the oldest recorded answers go.
    ///
    /// # Errors
    /// If none of the keys has an answer yet.
    pub(super) fn make_room(&mut self, kernel: &mut Kernel, now_ms: u64) -> Result<(), Problem> {
        self.look(kernel);
        let too_old = u64::try_from(AGE_MAX.as_millis()).unwrap_or(u64::MAX);
        while let Some((&object, oldest)) = self.answered.first_key_value() {
            let is_old = now_ms.saturating_sub(oldest.accepted_ms) > too_old;
            if !is_old && self.by_key.len() < KEYS_MAX && self.answer_bytes <= ANSWER_BYTES_MAX {
                return Ok(());
            }
            let gone = self.answered.remove(&object).expect("looked at a moment ago");
            self.answer_bytes -= gone.bytes;
            self.by_key.remove(&gone.key);
            kernel.end_object(object);
        }
        if self.by_key.len() < KEYS_MAX {
            return Ok(());
        }
        let message = format!("{KEYS_MAX} calls with keys have no answer yet, which is the most");
        Err(Problem::new("ocap::call::too_many_keys", message)
            .with_help("see which vats do not answer: `ocap-host status`"))
    }

    /// Which of those without an answer have one by now.
    fn look(&mut self, kernel: &Kernel) {
        let found = self.open.iter().filter_map(|object| Some((*object, kernel.kept_answer_bytes(*object)?)));
        let found: BTreeMap<ObjectId, u64> = found.collect();
        if found.is_empty() {
            return;
        }
        for (key, entry) in &self.by_key {
            if let Some(&bytes) = found.get(&entry.object) {
                self.open.remove(&entry.object);
                self.answer_bytes += bytes;
                let answered = Answered { key: key.clone(), accepted_ms: entry.accepted_ms, bytes };
                self.answered.insert(entry.object, answered);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(key: &str, method: &str) -> Keyed {
        Keyed::new(key.to_owned(), "counter", method, &Payload::plain([1])).expect("a key")
    }

    #[test]
    fn a_name_says_everything_and_nothing_else_is_taken_for_one() {
        let name = keyed("a/b c", "get").name(17);
        let (accepted_ms, read) = parse(&name).expect("its own name");
        assert_eq!((accepted_ms, read.key.as_str(), read.request), (17, "a/b c", keyed("x", "get").request));
        for other in ["pin/a", "call/1/2/3", "call/x/y", "channel/a/b", "calls/1/2/3"] {
            assert!(parse(other).is_none(), "{other}");
        }
        assert_ne!(keyed("x", "get").request, keyed("x", "set").request);
        for bad in ["", "a\nb", &"x".repeat(129)] {
            assert!(Keyed::new(bad.to_owned(), "a", "b", &Payload::plain([])).is_err(), "{bad}");
        }
    }

    /// A kernel with this many keyed calls, none of which anybody answers: their targets are promises of earlier ones.
    fn with_calls(count: u64) -> (Kernel, KeyedCalls) {
        let mut kernel = Kernel::empty();
        let mut calls = KeyedCalls::default();
        for number in 0..count {
            accept(&mut kernel, &mut calls, number, 0);
        }
        (kernel, calls)
    }

    /// A call to a host object, which has to be answered by hand.
    fn accept(kernel: &mut Kernel, calls: &mut KeyedCalls, number: u64, now_ms: u64) -> ObjectId {
        let door = kernel.export("door".to_owned());
        let call = keyed(&number.to_string(), "get");
        let name = call.name(now_ms);
        let object = kernel.ask_and_keep(Kref::Object(door), "get", Payload::plain([1]), name).expect("it exists");
        calls.add(object, call, now_ms);
        object
    }

    fn answer(kernel: &mut Kernel, which: usize, bytes: usize) {
        let call = kernel.unanswered_calls().swap_remove(which);
        let body = vec![0_u8; bytes];
        kernel.answer_call(call.id, ocap_kernel::Reply::Settle(ocap_kernel::Answer::Fulfill(Payload::plain(body))));
    }

    #[test]
    fn the_oldest_recorded_answers_make_room_and_open_calls_never_do() {
        let (mut kernel, mut calls) = with_calls(KEYS_MAX as u64);
        let full = calls.make_room(&mut kernel, 0).expect_err("none has an answer");
        assert_eq!(full.code, "ocap::call::too_many_keys");
        answer(&mut kernel, 7, 1);
        calls.make_room(&mut kernel, 0).expect("one has an answer");
        assert_eq!((calls.by_key.len(), calls.by_key.contains_key("7")), (KEYS_MAX - 1, false));
        calls.make_room(&mut kernel, 0).expect("there is room");
        assert_eq!(calls.by_key.len(), KEYS_MAX - 1);
        let again = KeyedCalls::of(&kernel);
        assert_eq!(again.by_key.len(), KEYS_MAX - 1, "the kernel's rows say the same");
    }

    #[test]
    fn answers_that_are_old_or_too_large_together_are_forgotten() {
        let (mut kernel, mut calls) = with_calls(3);
        answer(&mut kernel, 0, (ANSWER_BYTES_MAX / 2) as usize);
        answer(&mut kernel, 0, (ANSWER_BYTES_MAX / 2) as usize + 1);
        calls.make_room(&mut kernel, 0).expect("there is room");
        assert_eq!(calls.by_key.keys().collect::<Vec<_>>(), ["1", "2"]);
        calls.make_room(&mut kernel, AGE_MAX.as_millis() as u64 + 1).expect("there is room");
        assert_eq!(calls.by_key.keys().collect::<Vec<_>>(), ["2"], "it has no answer");
        assert_eq!(calls.answer_bytes, 0);
    }
}
