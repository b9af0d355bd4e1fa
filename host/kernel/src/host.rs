//! The host as an endpoint: what it exports, asks, answers and holds (design section 4, kernel-rules 21).
//!
//! Channels are host objects for as long as they are declared; a connection is one until the next boot.

use crate::drop::held_by;
use crate::id::{Kref, MessageId, ObjectId};
use crate::kernel::Kernel;
use crate::limits::LENT_REFERENCES_MAX;
use crate::message::{Answer, Code, Payload, Resolution};
use crate::promise::Settlement;
use crate::rows::{Fate, Item, Message, Object, Owner, Queue, Sender};

/// A question of the host that waits for its answer; ends with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// What the host may do or say, but not before the commit that was taken together with it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A question was answered.
    Answered {
        /// As [`Kernel::ask`] gave it.
        ask: AskId,
        /// The end of the answer's chain.
        resolution: Resolution<Kref>,
    },
    /// A message for a host object. [`Kernel::answer_call`] ends it.
    Call(HostCall),
    /// Nobody holds this [`Owner::HostUntilBoot`] object any more; it is gone.
    Released(ObjectId),
    /// A vat ended by its own wish.
    Exited(crate::id::VatId, Result<Payload<Kref>, Payload<Kref>>),
}

/// A message for a host object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCall {
    /// Names it in [`Kernel::answer_call`].
    pub id: MessageId,
    /// The object.
    pub object: ObjectId,
    /// The method's name.
    pub method: String,
    /// The arguments, held until it is answered.
    pub args: Payload<Kref>,
}

/// How the host answers a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// As a vat would.
    Settle(Answer<Kref>),
    /// With one of the kernel's codes.
    Fail(Code),
}

/// Why the kernel did not take something from outside. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The reference names nothing that exists.
    #[error("{0} does not exist")]
    NoSuchReference(Kref),
    /// There is no such vat, or it was terminated.
    #[error("{0} is no living vat")]
    NoSuchVat(crate::id::VatId),
    /// There is no such subcluster.
    #[error("{0} is no living subcluster")]
    NoSuchSubcluster(crate::id::SubclusterId),
    /// A living subcluster has that name.
    #[error("a subcluster named `{0}` is running")]
    NameTaken(String),
    /// The launch contradicts itself.
    #[error("the launch names {0}, which it does not contain")]
    Dangling(String),
}

impl Kernel {
    /// Sends a message from the host and asks for the end of its answer, which comes as [`Output::Answered`].
    ///
    /// # Errors
    /// If a reference names nothing.
    pub fn ask(&mut self, target: Kref, method: &str, args: Payload<Kref>) -> Result<AskId, Refusal> {
        for kref in args.caps.iter().chain([&target]) {
            self.check_exists(*kref)?;
        }
        let ask = AskId(self.next_ask);
        self.next_ask += 1;
        let promise = self.new_promise();
        self.watch_for_host(ask, promise);
        let answer = Some(promise);
        self.route(Message { target, method: method.to_owned(), args, answer, sender: Sender::Host });
        self.settle_down();
        Ok(ask)
    }

    /// Answers a message for a host object. A second answer, or one to a call of which nothing is known, is ignored; one that names
    /// what is gone by now fails with `object-gone`.
    pub fn answer_call(&mut self, call: MessageId, reply: Reply) {
        if !matches!(self.queue.get(&call), Some(queued) if queued.queue == Queue::Host) {
            return;
        }
        let settlement = match reply {
            Reply::Settle(answer) if held_by(&answer).iter().any(|kref| self.check_exists(*kref).is_err()) => {
                Settlement::Failed(Code::ObjectGone)
            }
            Reply::Settle(answer) => Settlement::By(answer),
            Reply::Fail(code) => Settlement::Failed(code),
        };
        let (message, held) = self.take_message(call);
        self.answer(&message, settlement);
        self.drain_work();
        self.release_all(held);
        self.settle_down();
    }

    /// A new host object that is gone at the next boot, held until [`Kernel::end_object`].
    pub fn export_until_boot(&mut self, name: String) -> ObjectId {
        let object = self.new_object(Object { owner: Owner::HostUntilBoot(name), fate: Fate::Live });
        self.hold(Kref::Object(object));
        self.host_handles.insert(object);
        self.settle_down();
        object
    }

    /// A host object is over: messages to it are answered `object-gone` from now on. Others are not touched.
    pub fn end_object(&mut self, object: ObjectId) {
        if self.host_handles.remove(&object) {
            self.lose_object(object, Code::ObjectGone);
            self.release(Kref::Object(object));
            self.settle_down();
        }
    }

    /// What a host object keeps for good, in place of what it kept before.
    ///
    /// # Errors
    /// If the reference names nothing, or the object is none of the host's or over.
    pub fn keep(&mut self, object: ObjectId, reference: Option<Kref>) -> Result<(), Refusal> {
        if !matches!(
            self.objects.get(&object),
            Some(Object { owner: Owner::Host(_) | Owner::HostUntilBoot(_), fate: Fate::Live })
        ) {
            return Err(Refusal::NoSuchReference(Kref::Object(object)));
        }
        if let Some(kref) = reference {
            self.check_exists(kref)?;
            self.hold(kref);
        }
        let before = match reference {
            Some(kref) => {
                let before = self.holds.get(&object).copied();
                self.holds.insert(object, kref);
                before
            }
            None => self.holds.remove(&object),
        };
        self.release_all(before);
        self.settle_down();
        Ok(())
    }

    /// What a host object keeps.
    pub fn kept_by(&self, object: ObjectId) -> Option<Kref> {
        self.holds.get(&object).copied()
    }

    /// Messages that the host has not answered, oldest first: at boot, those of the last run.
    pub fn unanswered_calls(&self) -> Vec<HostCall> {
        let calls = self.queue.iter().filter(|(_, queued)| queued.queue == Queue::Host);
        calls.filter_map(|(&id, _)| self.host_call(id)).collect()
    }

    pub(crate) fn call_host(&mut self, id: MessageId) {
        self.outputs.extend(self.host_call(id).map(Output::Call));
    }

    fn host_call(&self, id: MessageId) -> Option<HostCall> {
        let Item::Message(message) = &self.queue.get(&id)?.item else { return None };
        let Kref::Object(object) = message.target else { return None };
        Some(HostCall { id, object, method: message.method.clone(), args: message.args.clone() })
    }

    /// Keeps what is about to be shown to a person, so that it can be named in the next call; the oldest go.
    pub(crate) fn lend(&mut self, krefs: Vec<Kref>) {
        for kref in krefs {
            self.hold(kref);
            self.lent.push_back(kref);
        }
        while self.lent.len() > LENT_REFERENCES_MAX {
            let oldest = self.lent.pop_front();
            self.release_all(oldest);
        }
    }

    /// The host may name what somebody holds, roots and its own objects. An object that nobody holds is about to be dropped, and its
    /// vat may be hearing so right now.
    fn check_exists(&self, kref: Kref) -> Result<(), Refusal> {
        let is_held = self.count(kref) > 0;
        let exists = match kref {
            Kref::Object(object) => {
                self.objects.get(&object).is_some_and(|row| is_held || self.stays_unheld(object, row))
            }
            Kref::Promise(promise) => self.promises.get(&promise).is_some(),
            // A spent one holds nothing, but is still somebody's.
            Kref::Resolver(_) => is_held,
        };
        if exists { Ok(()) } else { Err(Refusal::NoSuchReference(kref)) }
    }
}
