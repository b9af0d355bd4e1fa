//! Caretakers and revocation (kernel-rules 13).
//!
//! A caretaker is an object of the kernel's own: what is sent to it goes on to its target until it is revoked. A message remembers the
//! caretakers that it passed, so that revoking one also stops what it let through and is not delivered yet.

use crate::host::Refusal;
use crate::id::{Kref, MessageId, ObjectId, VatId};
use crate::kernel::{BegunKind, Kernel};
use crate::limits::{DEAD_LETTER_BYTES_MAX, DEAD_LETTERS_MAX};
use crate::message::Code;
use crate::promise::Settlement;
use crate::rows::{DeadLetter, Fate, Item, Message, Object, Owner, Queue, Why};

impl Kernel {
    /// From now on nothing that was not begun reaches what the reference names: messages to an object, queued ones too, are answered
    /// `object-revoked`, and its vat hears `dropped`; a resolver's promise breaks. What others hold is not touched, and of no use.
    ///
    /// # Errors
    /// If the reference names nothing, or a promise: those have no owner who could take them back.
    pub fn revoke(&mut self, kref: Kref) -> Result<(), Refusal> {
        self.check_exists(kref)?;
        match kref {
            Kref::Object(object) => self.revoke_object(object),
            Kref::Resolver(promise) => self.push_work(promise, Settlement::Failed(Code::ObjectRevoked)),
            Kref::Promise(_) => return Err(Refusal::NotRevocable(kref)),
        }
        self.settle_down();
        Ok(())
    }

    /// Takes back what a vat was granted under a name, wherever the vat has passed it on to. Other grants of the same thing go on.
    ///
    /// # Errors
    /// If there is no such vat, it has no such grant, or the grant is older than grants that can be revoked.
    pub fn revoke_grant(&mut self, vat: VatId, name: &str) -> Result<(), Refusal> {
        let row = self.living(vat)?;
        let grant = row.grants.iter().find(|(grant, _)| grant == name);
        let kref = grant.and_then(|(_, slot)| Some(self.clists.get(vat, *slot)?.kref));
        let Some(Kref::Object(object)) = kref else { return Err(Refusal::NoSuchGrant(vat, name.to_owned())) };
        if !matches!(self.objects.get(&object), Some(Object { owner: Owner::Caretaker { .. }, .. })) {
            return Err(Refusal::NotRevocable(Kref::Object(object)));
        }
        self.revoke_object(object);
        self.settle_down();
        Ok(())
    }

    /// A new caretaker and the revoker that goes with it.
    pub(crate) fn new_guard(&mut self, target: Kref) -> (ObjectId, ObjectId) {
        let caretaker = self.new_caretaker(target);
        let revoker = self.new_object(Object { owner: Owner::Revoker(caretaker), fate: Fate::Live });
        (caretaker, revoker)
    }

    /// A new caretaker, which holds its target.
    pub(crate) fn new_caretaker(&mut self, target: Kref) -> ObjectId {
        self.hold(target);
        self.new_object(Object { owner: Owner::Caretaker { target }, fate: Fate::Live })
    }

    /// Revokes an object; the rest of the act is up to [`Kernel::settle_down`].
    pub(crate) fn revoke_object(&mut self, object: ObjectId) {
        let Some(Object { owner, fate: Fate::Live }) = self.objects.get(&object).cloned() else { return };
        self.lose_object(object, Code::ObjectRevoked);
        match owner {
            Owner::Vat(vat, exposed) => {
                self.answer_undeliverable(vat);
                // Its vat may clean up behind it. Until it has, its number means the revoked object.
                if exposed.object != 0 && self.is_bound(vat, exposed.object, object) && self.notified.insert(object) {
                    self.enqueue_notice(vat, Item::Dropped(object));
                }
            }
            Owner::Caretaker { .. } => self.answer_guarded(object),
            Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) => self.tell_released(object),
            Owner::Host(_) | Owner::Revoker(_) => {}
        }
    }

    /// Answers everything that came through a caretaker and is not delivered yet. What the host was handed has begun.
    fn answer_guarded(&mut self, caretaker: ObjectId) {
        for id in self.guarded.get(&caretaker).cloned().unwrap_or_default() {
            match self.queue.get(&id).expect("a queued id has a row").queue {
                Queue::Host => {}
                Queue::Inbox(vat) if self.is_begun(vat, id) => {}
                Queue::Inbox(vat) => {
                    let (item, held) = self.take_from_inbox(vat, id);
                    if let Item::Message(message) = item {
                        self.answer(&message, Settlement::Failed(Code::ObjectRevoked));
                    }
                    self.release_all(held);
                }
                Queue::Promise(promise) => {
                    self.leave_waiting(promise, id);
                    let (message, held) = self.take_message(id);
                    self.answer(&message, Settlement::Failed(Code::ObjectRevoked));
                    self.release_all(held);
                }
            }
        }
    }

    /// Answers the messages in an inbox whose way is closed: the target or a caretaker that they passed answers no more.
    pub(crate) fn answer_undeliverable(&mut self, vat: VatId) {
        let closed = |id: &MessageId| {
            let Item::Message(message) = &self.queue.get(id).expect("a queued id has a row").item else { return None };
            self.loss_on_the_way(message).filter(|_| !self.is_begun(vat, *id)).map(|code| (*id, code))
        };
        let closed: Vec<_> = self.seats.get(&vat).into_iter().flat_map(|seat| &seat.inbox).filter_map(closed).collect();
        for (id, code) in closed {
            let (item, held) = self.take_from_inbox(vat, id);
            if let Item::Message(message) = item {
                self.answer(&message, Settlement::Failed(code));
            }
            self.release_all(held);
        }
    }

    /// Why a message can't be delivered any more, if so.
    pub(crate) fn loss_on_the_way(&self, message: &Message) -> Option<Code> {
        let Kref::Object(target) = message.target else { return None };
        message.through.iter().chain([&target]).find_map(|object| match self.objects.get(object)?.fate {
            Fate::Lost(code) => Some(code),
            Fate::Live => None,
        })
    }

    /// Whether a message is being delivered right now: such a delivery completes.
    pub(crate) fn is_begun(&self, vat: VatId, id: MessageId) -> bool {
        let begun = self.seats.get(&vat).and_then(|seat| seat.crank.as_ref());
        begun.is_some_and(|begun| matches!(begun.kind, BegunKind::Message(message) if message == id))
    }

    /// Keeps the bytes and labels of a message that is not delivered; the oldest go.
    pub(crate) fn bury(&mut self, id: MessageId, vat: VatId, message: &Message, why: Why) {
        let Kref::Object(object) = message.target else { return };
        let (body, method) = (&message.args.body, message.method.clone());
        let kept = body.get(..DEAD_LETTER_BYTES_MAX).map_or_else(|| body.clone(), Into::into);
        let letter = DeadLetter { vat, object, method, body: kept, bytes: body.len() as u64, why };
        self.dead_letters.insert(id, letter);
        let too_many = self.dead_letters.len().saturating_sub(DEAD_LETTERS_MAX);
        for oldest in self.dead_letters.iter().take(too_many).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.dead_letters.remove(&oldest);
        }
    }

    /// Messages that will never be delivered, oldest first.
    pub fn dead_letters(&self) -> impl Iterator<Item = (MessageId, &DeadLetter)> {
        self.dead_letters.iter().map(|(id, letter)| (*id, letter))
    }

    /// Forgets a dead letter, and says whether there was one.
    pub fn drop_dead_letter(&mut self, id: MessageId) -> bool {
        self.dead_letters.remove(&id).is_some()
    }
}
