//! The host as an endpoint: what it exports, asks, answers and holds (design section 4, kernel-rules 21).
//!
//! Channels are host objects for as long as they are declared; a connection is one until the next boot.

use crate::drop::held_by;
use crate::id::{Kref, MessageId, ObjectId};
use crate::kernel::Kernel;
use crate::limits::LENT_REFERENCES_MAX;
use crate::message::{Answer, Code, Payload, Resolution};
use crate::promise::{End, Settlement, Work};
use crate::rows::{Fate, Item, Message, Object, Owner, Promise, Queue, Sender};

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
    /// Nobody holds this [`Owner::HostUntilBoot`] or [`Owner::HostWhileHeld`] object any more, or it was revoked: it is over. May come
    /// twice.
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
    /// The reference names something that can't be revoked.
    #[error("{0} can't be revoked")]
    NotRevocable(Kref),
    /// The vat was granted nothing by that name.
    #[error("{0} has no grant named `{1}`")]
    NoSuchGrant(crate::id::VatId, String),
    /// The vat is quarantined.
    #[error("{0} is quarantined")]
    NotServed(crate::id::VatId),
    /// The vat was never upgraded.
    #[error("{0} has no older code")]
    NothingKept(crate::id::VatId),
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
        let ask = self.new_ask();
        let promise = self.new_promise();
        self.watch_for_host(ask, promise);
        let method = method.to_owned();
        let (through, answer) = (Vec::new(), Some(promise));
        self.route(Message { target, through, method, args, answer, sender: Sender::Host, settler: None });
        self.settle_down();
        Ok(ask)
    }

    /// Sends a message from the host whose answer outlives the process: a new durable host object keeps the promise of it, from the commit
    /// with which the message is accepted and through the one that settles it, until [`Kernel::end_object`]. Who wants to hear the answer
    /// asks with [`Kernel::await_kept`], as often as they like.
    ///
    /// # Errors
    /// If a reference names nothing.
    pub fn ask_and_keep(
        &mut self,
        target: Kref,
        method: &str,
        args: Payload<Kref>,
        name: String,
    ) -> Result<ObjectId, Refusal> {
        for kref in args.caps.iter().chain([&target]) {
            self.check_exists(*kref)?;
        }
        let object = self.new_object(Object { owner: Owner::Host(name), fate: Fate::Live });
        let promise = self.new_promise();
        self.hold(Kref::Promise(promise));
        self.holds.insert(object, Kref::Promise(promise));
        let method = method.to_owned();
        let (through, answer) = (Vec::new(), Some(promise));
        self.route(Message { target, through, method, args, answer, sender: Sender::Host, settler: None });
        self.settle_down();
        Ok(object)
    }

    /// Asks for the end of the promise that a host object keeps, which comes as [`Output::Answered`]. `None` if it keeps none.
    pub fn await_kept(&mut self, object: ObjectId) -> Option<AskId> {
        let Some(&Kref::Promise(promise)) = self.holds.get(&object) else { return None };
        let ask = self.new_ask();
        match self.end_of(promise) {
            End::Unsettled(end) => self.watch_for_host(ask, end),
            End::Reference(_) | End::Data(_) | End::Broken(_) => self.tell_host(ask, promise),
        }
        self.settle_down();
        Some(ask)
    }

    /// How many bytes the answer has that a host object keeps; `None` as long as there is none.
    pub fn kept_answer_bytes(&self, object: ObjectId) -> Option<u64> {
        let Some(&Kref::Promise(mut at)) = self.holds.get(&object) else { return None };
        loop {
            match self.promises.get(&at)? {
                Promise::Unsettled { .. } => return None,
                Promise::Settled(Answer::Forward(Kref::Promise(next))) => at = *next,
                Promise::Settled(Answer::Fulfill(payload) | Answer::Break(payload)) => {
                    return Some(payload.body.len() as u64);
                }
                Promise::Settled(Answer::Forward(_)) | Promise::Failed(_) => return Some(0),
            }
        }
    }

    fn new_ask(&mut self) -> AskId {
        let ask = AskId(self.next_ask);
        self.next_ask += 1;
        ask
    }

    /// Sends a message from the host whose answer nobody wants.
    ///
    /// # Errors
    /// If a reference names nothing.
    pub fn send(&mut self, target: Kref, method: &str, args: Payload<Kref>) -> Result<(), Refusal> {
        for kref in args.caps.iter().chain([&target]) {
            self.check_exists(*kref)?;
        }
        let method = method.to_owned();
        let through = Vec::new();
        self.route(Message { target, through, method, args, answer: None, sender: Sender::Host, settler: None });
        self.settle_down();
        Ok(())
    }

    /// Answers a message for a host object. A second answer, or one to a call of which nothing is known, is ignored; one that names
    /// what is gone by now fails with `object-gone`.
    pub fn answer_call(&mut self, call: MessageId, reply: Reply) {
        if self.host_call(call).is_none() {
            return;
        }
        let settlement = match reply {
            Reply::Settle(answer) if held_by(&answer).iter().any(|kref| self.check_exists(*kref).is_err()) => {
                Settlement::Failed(Code::ObjectGone)
            }
            Reply::Settle(answer) => Settlement::By(answer),
            Reply::Fail(code) => Settlement::Failed(code),
        };
        self.reply(call, settlement);
    }

    fn reply(&mut self, call: MessageId, settlement: Settlement) {
        let (message, held) = self.take_message(call);
        if let Some(promise) = message.answer {
            self.push(Work { promise, settlement, asked: None, by: Some(Sender::Host) });
        }
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
        let is_the_hosts = self
            .objects
            .get(&object)
            .is_some_and(|row| matches!(row.owner, Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_)));
        if is_the_hosts {
            self.lose_object(object, Code::ObjectGone);
        }
        if self.host_handles.remove(&object) {
            self.release(Kref::Object(object));
        }
        self.settle_down();
    }

    /// A new durable host object, there until [`Kernel::end_object`], whoever holds it.
    pub fn export(&mut self, name: String) -> ObjectId {
        let object = self.new_object(Object { owner: Owner::Host(name), fate: Fate::Live });
        self.settle_down();
        object
    }

    /// Answers a call with a new durable host object that is gone when nobody holds it any more, which is then told as
    /// [`Output::Released`]. It keeps `keeps`, if that exists. `None` if nothing is known of the call.
    pub fn export_while_held(&mut self, call: MessageId, name: String, keeps: Option<Kref>) -> Option<ObjectId> {
        self.host_call(call)?;
        let object = self.new_object(Object { owner: Owner::HostWhileHeld(name), fate: Fate::Live });
        if let Some(kref) = keeps.filter(|kref| self.check_exists(*kref).is_ok()) {
            self.hold(kref);
            self.holds.insert(object, kref);
        }
        self.reply(call, Settlement::By(Answer::Forward(Kref::Object(object))));
        Some(object)
    }

    /// Answers a call with a promise that the host settles later with [`Kernel::conclude`], also in a later boot: the right to do so is
    /// kept by a new durable host object. `None` if nothing is known of the call.
    pub fn defer(&mut self, call: MessageId, name: String) -> Option<ObjectId> {
        self.host_call(call)?;
        let object = self.new_object(Object { owner: Owner::Host(name), fate: Fate::Live });
        let promise = self.new_promise();
        self.hold(Kref::Resolver(promise));
        self.holds.insert(object, Kref::Resolver(promise));
        self.reply(call, Settlement::By(Answer::Forward(Kref::Promise(promise))));
        Some(object)
    }

    /// Settles the promise of [`Kernel::defer`], and ends its object. Ignored if the object is over.
    pub fn conclude(&mut self, object: ObjectId, answer: Answer<Kref>) {
        if let Some(&Kref::Resolver(promise)) = self.holds.get(&object) {
            let settlement = match held_by(&answer).iter().all(|kref| self.check_exists(*kref).is_ok()) {
                true => Settlement::By(answer),
                false => Settlement::Failed(Code::ObjectGone),
            };
            self.push(Work { promise, settlement, asked: None, by: Some(Sender::Host) });
        }
        self.end_object(object);
    }

    /// What a host object keeps for good, in place of what it kept before.
    ///
    /// # Errors
    /// If the reference names nothing, or the object is none of the host's or over.
    pub fn keep(&mut self, object: ObjectId, reference: Option<Kref>) -> Result<(), Refusal> {
        if !matches!(
            self.objects.get(&object),
            Some(Object {
                owner: Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_),
                fate: Fate::Live
            })
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
        let queued = self.queue.get(&id).filter(|queued| queued.queue == Queue::Host)?;
        let Item::Message(message) = &queued.item else { return None };
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
    pub(crate) fn check_exists(&self, kref: Kref) -> Result<(), Refusal> {
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
