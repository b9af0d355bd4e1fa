//! Services: what the host itself does for vats, as objects that a declaration grants (`uses = ["service.timer"]`).
//!
//! Each subcluster has its own object of each service that it uses, so that the limit of one is not another's. Calls come in with
//! [`Services::take`], and what follows from them goes to the run loop ([`FromServices`]) or, for the service `kernel`, to whoever serves
//! the operators ([`Errand`]). The rule: all that is durable of a service are its objects and their names (names.rs); what is kept here
//! follows from them and is made anew at each boot ([`Services::restore`]).
//!
//! This room knows nothing of SQL, WebAssembly, the kernel's tables or the daemon.

mod body;
mod facet;
mod limits;
mod names;
mod schedule;
mod table;
#[cfg(test)]
mod tests;
mod timer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ocap_kernel::{Answer, Code, HostCall, Kref, MessageId, ObjectId, Payload, Reply, Resolution};
use ocap_passable::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, oneshot};

pub use self::facet::{Act, Errand};
pub use self::limits::{PERIOD_MIN_MS, TIMERS_MAX};
pub use self::names::Name;
pub use self::schedule::Now;
pub use self::table::Service;

use self::names::TimerName;
use self::schedule::{Due, Schedule};
use self::timer::Wish;

/// What services say to the run loop.
#[derive(Debug)]
pub enum FromServices {
    /// The one answer to a [`HostCall`].
    Answer {
        /// Which.
        call: MessageId,
        /// The answer.
        answer: Reply,
    },
    /// The call is answered later: with a promise that a new durable object of this name settles. [`Services::made`] says which.
    Defer {
        /// Which call.
        call: MessageId,
        /// What is made.
        name: TimerName,
    },
    /// The call is answered with a new object of this name, which lasts as long as somebody holds it. [`Services::made`] says which.
    Lend {
        /// Which call.
        call: MessageId,
        /// What is made.
        name: TimerName,
        /// What it keeps.
        keeps: Kref,
    },
    /// The answer that was put off: it settles the promise, and the object ends.
    Conclude {
        /// The object that [`FromServices::Defer`] made.
        object: ObjectId,
        /// The answer.
        answer: Answer<Kref>,
    },
    /// The only tick of a timer, and its end, in one.
    Ring {
        /// The object that [`FromServices::Lend`] made.
        object: ObjectId,
        /// To whom.
        target: Kref,
        /// The arguments of `tick`.
        args: Payload<Kref>,
    },
    /// An object is over; nothing will mention it any more.
    End {
        /// Which.
        object: ObjectId,
    },
    /// A message to whom a vat named.
    Send {
        /// To whom.
        target: Kref,
        /// The method's name.
        method: String,
        /// The arguments.
        args: Payload<Kref>,
        /// The end of the answer. Dropped: the host stops.
        reply: oneshot::Sender<Resolution<Kref>>,
    },
}

/// The time of day and the time that nobody can set.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// All services of a host.
#[derive(Clone)]
pub struct Services(Arc<Shared>);

struct Shared {
    runtime: Handle,
    clock: Clock,
    state: Mutex<State>,
    /// Something may be due sooner than the clock's task thinks.
    changed: Notify,
    to_loop: UnboundedSender<FromServices>,
    errands: UnboundedSender<Errand>,
}

#[derive(Default)]
struct State {
    /// Every service that is granted, with the subcluster that it is granted to.
    granted: BTreeMap<ObjectId, (String, Service)>,
    schedule: Schedule,
}

impl Services {
    /// No services yet. What happens goes out over `to_loop` and `errands`; the clock's task runs on `runtime`.
    pub fn start(
        runtime: Handle,
        clock: Clock,
        to_loop: UnboundedSender<FromServices>,
        errands: UnboundedSender<Errand>,
    ) -> Services {
        let (state, changed) = (Mutex::default(), Notify::new());
        let shared = Arc::new(Shared { runtime, clock, state, changed, to_loop, errands });
        shared.runtime.spawn(keep_time(shared.clone()));
        Services(shared)
    }

    /// Serves a durable object again, as its name says. `keeps` is what the kernel keeps for it. Other rooms' objects are ignored.
    pub fn restore(&self, object: ObjectId, name: &str, keeps: Option<Kref>) {
        match Name::parse(name) {
            Some(Name::Service { subcluster, service }) => {
                self.0.state().granted.insert(object, (subcluster, service));
            }
            Some(Name::Timer(timer)) => {
                let now = self.0.now();
                self.0.state().schedule.restore(object, timer, keeps, now);
                self.0.changed.notify_one();
            }
            None => {}
        }
    }

    /// Takes a vat's message to an object of this room.
    ///
    /// # Errors
    /// The message, if it is for another room's object.
    pub fn take(&self, call: HostCall) -> Result<(), HostCall> {
        let shared = &self.0;
        let mut state = shared.state();
        if state.schedule.has(call.object) {
            shared.use_timer(&mut state, &call);
            return Ok(());
        }
        match state.granted.get(&call.object).cloned() {
            Some((subcluster, Service::Timer)) => shared.set_timer(&mut state, &call, subcluster),
            Some((_, Service::Kernel)) => shared.run_errand(&call),
            None => return Err(call),
        }
        Ok(())
    }

    /// Takes a message that the last boot of the host left without an answer. What it may have done already and must not do twice is
    /// answered with `outcome-unknown`.
    ///
    /// # Errors
    /// The message, if it is for another room's object.
    pub fn take_again(&self, call: HostCall) -> Result<(), HostCall> {
        let is_errand = matches!(self.0.state().granted.get(&call.object), Some((_, Service::Kernel)));
        // What sets or ends a timer does so in the very commit that answers the call: without an answer it was not done.
        let repeat =
            !is_errand || facet::act(&call.method, body::arguments(&call.args)).is_ok_and(|act| act.can_be_repeated());
        if repeat {
            return self.take(call);
        }
        self.answer(call.id, Reply::Fail(Code::OutcomeUnknown));
        Ok(())
    }

    /// What became of a [`FromServices::Defer`] or [`FromServices::Lend`]: its object, or nothing because nobody waits any more.
    pub fn made(&self, name: TimerName, object: Option<ObjectId>, keeps: Option<Kref>) {
        let now = self.0.now();
        let mut state = self.0.state();
        match object {
            Some(object) => state.schedule.arm(object, name, keeps, now),
            None => state.schedule.give_back(&name.subcluster),
        }
        self.0.changed.notify_one();
    }

    /// Answers the call of an [`Errand`].
    pub fn answer(&self, call: MessageId, answer: Reply) {
        self.0.say(FromServices::Answer { call, answer });
    }

    /// The object is no more: nobody holds it, or its subcluster has ended. Other rooms' objects are ignored.
    pub fn forget(&self, object: ObjectId) {
        let mut state = self.0.state();
        state.granted.remove(&object);
        state.schedule.forget(object);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A lock is held for a few lines that do not panic, so what it guards is whole even if another thread did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        (self.clock)()
    }

    fn say(&self, event: FromServices) {
        // A run loop that is gone has nobody left to tell.
        let _ = self.to_loop.send(event);
    }

    fn answer(&self, call: &HostCall, answer: Reply) {
        self.say(FromServices::Answer { call: call.id, answer });
    }

    /// A message to the service `timer`.
    fn set_timer(&self, state: &mut State, call: &HostCall, subcluster: String) {
        let wish = timer::wish(&call.method, body::arguments(&call.args).as_ref(), self.now().wall_ms);
        let wish = match wish {
            Ok(wish) => wish,
            Err(misunderstood) => return self.answer(call, misunderstood.into()),
        };
        if !state.schedule.take_place(&subcluster) {
            let told = format!("a subcluster has at most {TIMERS_MAX} timers at once");
            return self.answer(call, body::refusal("too-many-timers", &told));
        }
        let call = call.id;
        self.say(match wish {
            Wish::Later(kind) => FromServices::Defer { call, name: TimerName { subcluster, kind } },
            Wish::Ticks(kind, keeps) => FromServices::Lend { call, name: TimerName { subcluster, kind }, keeps },
        });
    }

    /// A message to what `once` or `every` gave.
    fn use_timer(&self, state: &mut State, call: &HostCall) {
        let wish = match (call.method.as_str(), body::arguments(&call.args)) {
            ("cancel", Some(args)) if args.values.is_empty() => Ok(()),
            ("cancel", _) => Err(body::Misunderstood::Arguments("cancel takes nothing".to_owned())),
            _ => Err(body::Misunderstood::Method),
        };
        if let Err(misunderstood) = wish {
            return self.answer(call, misunderstood.into());
        }
        state.schedule.forget(call.object);
        self.answer(call, Reply::Settle(Answer::Fulfill(body::plain(&Value::Null))));
        self.say(FromServices::End { object: call.object });
    }

    /// A message to the service `kernel`.
    fn run_errand(&self, call: &HostCall) {
        match facet::act(&call.method, body::arguments(&call.args)) {
            // Whoever serves the operators is gone only when the host stops.
            Ok(act) => drop(self.errands.send(Errand { call: call.id, act })),
            Err(misunderstood) => self.answer(call, misunderstood.into()),
        }
    }

    fn fire(self: &Arc<Shared>, due: Due, now: Now) {
        match due {
            Due::Conclude(object) => {
                let answer = Answer::Fulfill(body::plain(&Value::from(now.wall_ms)));
                self.say(FromServices::Conclude { object, answer });
            }
            Due::Ring(object, target) => {
                self.say(FromServices::Ring { object, target, args: body::one_time(now.wall_ms) });
            }
            Due::Tick(object, target) => {
                let (reply, answer) = oneshot::channel();
                let (method, args) = ("tick".to_owned(), body::one_time(now.wall_ms));
                self.say(FromServices::Send { target, method, args, reply });
                self.runtime.spawn(self.clone().hear_tick(object, answer));
            }
        }
    }

    /// Waits for the answer to a tick. A timer whose target is gone for good has nothing to tell anybody, and ends.
    async fn hear_tick(self: Arc<Shared>, object: ObjectId, answer: oneshot::Receiver<Resolution<Kref>>) {
        match answer.await {
            Ok(Resolution::Failed(Code::ObjectGone | Code::ObjectRevoked | Code::VatTerminated)) => {
                self.state().schedule.forget(object);
                self.say(FromServices::End { object });
            }
            Ok(_) => self.state().schedule.answered(object),
            // The host stops.
            Err(_) => {}
        }
    }
}

/// Says what is due, when it is due, for as long as the host runs.
async fn keep_time(shared: Arc<Shared>) {
    loop {
        let now = shared.now();
        let (due, sleep_ms) = {
            let mut state = shared.state();
            (state.schedule.take_due(now), state.schedule.sleep_ms(now))
        };
        due.into_iter().for_each(|due| shared.fire(due, now));
        let sleep = async {
            match sleep_ms {
                Some(sleep_ms) => tokio::time::sleep(Duration::from_millis(sleep_ms)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = shared.changed.notified() => {}
        }
    }
}
