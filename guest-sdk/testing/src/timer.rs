//! The service `timer`, on a clock that only the test moves.

use std::collections::BTreeMap;
use std::time::Duration;

use ocap_kernel::{Answer, AskId, Code, HostCall, Kernel, Kref, ObjectId, Payload, Reply, Resolution};
use ocap_passable::{Failure, Value, decode, encode};

/// The shortest period, as at the real one.
const PERIOD_MIN_MS: u64 = 100;

/// Services, and what waits at them.
#[derive(Default)]
pub(crate) struct Timers {
    services: Vec<ObjectId>,
    timers: BTreeMap<ObjectId, Timer>,
    /// Ticks that wait for their answers.
    ticks: BTreeMap<AskId, ObjectId>,
}

struct Timer {
    /// In milliseconds since 1970.
    due_ms: u64,
    kind: Kind,
}

enum Kind {
    Conclude,
    Ring { target: Kref },
    Every { period_ms: u64, target: Kref, unanswered: Option<AskId> },
}

impl Timers {
    /// This object is a timer service.
    pub(crate) fn serve(&mut self, object: ObjectId) {
        self.services.push(object);
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.timers.len()
    }

    /// Takes a message to a service or a timer.
    ///
    /// # Errors
    /// The message, if it is for another object.
    pub(crate) fn take(&mut self, kernel: &mut Kernel, call: HostCall, now: Duration) -> Result<(), HostCall> {
        if self.timers.contains_key(&call.object) {
            self.cancel(kernel, &call);
            return Ok(());
        }
        if !self.services.contains(&call.object) {
            return Err(call);
        }
        let (now_ms, args) = (millis(now), arguments(&call.args));
        match (call.method.as_str(), args.as_slice()) {
            ("after", [Value::Integer(span)]) if *span >= 0 => self.defer(kernel, &call, now_ms + *span as u64),
            ("at", [Value::Integer(at)]) if *at >= 0 => self.defer(kernel, &call, *at as u64),
            ("once", [Value::Integer(span), Value::Cap(target)]) if *span >= 0 => {
                let due_ms = now_ms + *span as u64;
                self.lend(kernel, &call, *target, |target| Timer { due_ms, kind: Kind::Ring { target } });
            }
            ("every", [Value::Integer(period), Value::Cap(target)]) if *period >= i128::from(PERIOD_MIN_MS) => {
                let period_ms = *period as u64;
                self.lend(kernel, &call, *target, |target| Timer {
                    due_ms: now_ms + period_ms,
                    kind: Kind::Every { period_ms, target, unanswered: None },
                });
            }
            ("after", _) => refuse(kernel, &call, "after takes a number of milliseconds"),
            ("at", _) => refuse(kernel, &call, "at takes a time in milliseconds since 1970"),
            ("once", _) => refuse(kernel, &call, "once takes a number of milliseconds, and a capability to be told"),
            ("every", _) => {
                let wanted = format!("every takes milliseconds, at least {PERIOD_MIN_MS}, and a capability to be told");
                refuse(kernel, &call, &wanted);
            }
            _ => kernel.answer_call(call.id, Reply::Fail(Code::NoSuchMethod)),
        }
        Ok(())
    }

    fn defer(&mut self, kernel: &mut Kernel, call: &HostCall, due_ms: u64) {
        if let Some(object) = kernel.defer(call.id, "timer".to_owned()) {
            self.timers.insert(object, Timer { due_ms, kind: Kind::Conclude });
        }
    }

    /// A timer that tells somebody, and lasts as long as it is held.
    fn lend(&mut self, kernel: &mut Kernel, call: &HostCall, target: usize, timer: impl FnOnce(Kref) -> Timer) {
        let Some(target) = call.args.caps.get(target).copied() else { return };
        if let Some(object) = kernel.export_while_held(call.id, "timer".to_owned(), Some(target)) {
            self.timers.insert(object, timer(target));
        }
    }

    fn cancel(&mut self, kernel: &mut Kernel, call: &HostCall) {
        if call.method != "cancel" {
            return kernel.answer_call(call.id, Reply::Fail(Code::NoSuchMethod));
        }
        self.timers.remove(&call.object);
        kernel.answer_call(call.id, Reply::Settle(Answer::Fulfill(Payload::plain(encode(&Value::Null)))));
        kernel.end_object(call.object);
    }

    /// The object is over.
    pub(crate) fn forget(&mut self, object: ObjectId) {
        self.timers.remove(&object);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.timers.values().map(|timer| timer.due_ms).min().map(Duration::from_millis)
    }

    /// Fires the first that is due.
    pub(crate) fn fire(&mut self, kernel: &mut Kernel, now: Duration) {
        let now_ms = millis(now);
        let due = self.timers.iter_mut().filter(|(_, timer)| timer.due_ms <= now_ms);
        let Some((&object, timer)) = due.min_by_key(|(object, timer)| (timer.due_ms, **object)) else { return };
        let time = Payload::plain(encode(&Value::List(vec![Value::from(now_ms)])));
        match &mut timer.kind {
            Kind::Conclude => {
                self.timers.remove(&object);
                kernel.conclude(object, Answer::Fulfill(Payload::plain(encode(&Value::from(now_ms)))));
            }
            Kind::Ring { target } => {
                // As at the host: a target that is gone has nobody to be told.
                let _ = kernel.ask(*target, "tick", time);
                self.timers.remove(&object);
                kernel.end_object(object);
            }
            Kind::Every { period_ms, target, unanswered } => {
                timer.due_ms += *period_ms;
                if unanswered.is_none()
                    && let Ok(ask) = kernel.ask(*target, "tick", time)
                {
                    *unanswered = Some(ask);
                    self.ticks.insert(ask, object);
                }
            }
        }
    }

    /// A tick was answered. A timer whose target is gone for good ends.
    pub(crate) fn answered(&mut self, kernel: &mut Kernel, ask: AskId, resolution: &Resolution<Kref>) {
        let Some(object) = self.ticks.remove(&ask) else { return };
        if let Resolution::Failed(Code::ObjectGone | Code::ObjectRevoked | Code::VatTerminated) = resolution {
            self.timers.remove(&object);
            return kernel.end_object(object);
        }
        if let Some(Timer { kind: Kind::Every { unanswered, .. }, .. }) = self.timers.get_mut(&object) {
            *unanswered = None;
        }
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a time within some million years")
}

/// The arguments of a call; none if they are no list.
pub(crate) fn arguments(args: &Payload<Kref>) -> Vec<Value> {
    match decode(&args.body) {
        Ok(Value::List(values)) => values,
        _ => Vec::new(),
    }
}

/// An error by name.
pub(crate) fn error(name: &str, message: &str) -> Reply {
    let failure = Failure { name: name.to_owned(), message: message.to_owned() };
    Reply::Settle(Answer::Break(Payload::plain(encode(&Value::Error(failure)))))
}

fn refuse(kernel: &mut Kernel, call: &HostCall, wanted: &str) {
    kernel.answer_call(call.id, error("bad-arguments", wanted));
}
