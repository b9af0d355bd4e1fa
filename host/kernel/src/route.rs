//! Where a message goes: to an inbox, to a promise, to the host, through caretakers, to a resolver, or back as a failure.

use crate::body;
use crate::id::{Kref, ObjectId, PromiseId, VatId};
use crate::kernel::Kernel;
use crate::limits::CARETAKERS_MAX;
use crate::message::{Answer, Code, Payload};
use crate::promise::{End, Settlement, Work};
use crate::rows::{Fate, Message, Owner};

/// Where a message to an object goes from there.
enum Way {
    /// On to what a caretaker guards.
    Through(Kref),
    /// Nowhere: it revokes this caretaker.
    Revokes(ObjectId),
    Vat(VatId),
    Host,
    /// Back, with this code.
    None(Code),
}

impl Kernel {
    /// Moves a message to where its target is now, or answers it. Settlements that follow from it are put on the work list, not
    /// carried out.
    pub(crate) fn route(&mut self, message: Message) {
        if let Err((settlement, message)) = self.place(message) {
            self.answer(&message, settlement);
        }
    }

    /// Moves a message to where its target is now; it comes back with its answer if it can't be delivered.
    pub(crate) fn place(&mut self, mut message: Message) -> Result<(), (Settlement, Message)> {
        let refused = |(code, message)| (Settlement::Failed(code), message);
        loop {
            match message.target {
                Kref::Promise(promise) => match self.end_of(promise) {
                    End::Unsettled(end) => {
                        message.target = Kref::Promise(end);
                        return self.enqueue_at_promise(end, message).map_err(refused);
                    }
                    End::Reference(kref) => message.target = kref,
                    End::Data(_) => return Err((Settlement::Failed(Code::NotACapability), message)),
                    End::Broken(end) => return Err((self.settlement_of(end), message)),
                },
                Kref::Resolver(promise) => {
                    self.settle_by_message(promise, &message);
                    return Ok(());
                }
                Kref::Object(object) => match self.way_on(object) {
                    Way::Through(_) if message.through.len() >= CARETAKERS_MAX => {
                        return Err((Settlement::Failed(Code::ForwardCycle), message));
                    }
                    Way::Through(target) => {
                        message.through.push(object);
                        message.target = target;
                    }
                    Way::Revokes(caretaker) => {
                        self.revoke_by_message(caretaker, &message);
                        return Ok(());
                    }
                    Way::Vat(vat) => return self.enqueue_message(vat, message).map_err(refused),
                    Way::Host => return self.enqueue_at_host(message).map_err(refused),
                    Way::None(code) => return Err((Settlement::Failed(code), message)),
                },
            }
        }
    }

    fn way_on(&self, object: ObjectId) -> Way {
        let Some(row) = self.objects.get(&object) else { return Way::None(Code::ObjectGone) };
        match (row.fate, &row.owner) {
            (Fate::Lost(code), _) => Way::None(code),
            (Fate::Live, Owner::Vat(vat, _)) if self.endings.contains(vat) => Way::None(Code::VatTerminated),
            (Fate::Live, Owner::Vat(vat, _)) => Way::Vat(*vat),
            (Fate::Live, Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_)) => Way::Host,
            (Fate::Live, Owner::Caretaker { target }) => Way::Through(*target),
            (Fate::Live, Owner::Revoker(caretaker)) => Way::Revokes(*caretaker),
        }
    }

    /// A revoker knows one message.
    fn revoke_by_message(&mut self, caretaker: ObjectId, message: &Message) {
        if message.method != "revoke" {
            return self.answer(message, Settlement::Failed(Code::NoSuchMethod));
        }
        self.revoke_object(caretaker);
        self.answer(message, Settlement::By(Answer::Fulfill(Payload::plain(body::null()))));
    }

    /// A resolver is a capability that is used by message too: `fulfill`, `forward` with one capability, `break` (kernel-rules 7, 9).
    fn settle_by_message(&mut self, promise: PromiseId, message: &Message) {
        let answer = match (message.method.as_str(), message.args.caps.as_slice()) {
            ("fulfill", _) => Answer::Fulfill(message.args.clone()),
            ("forward", [only]) => Answer::Forward(*only),
            ("break", _) => Answer::Break(message.args.clone()),
            _ => return self.answer(message, Settlement::Failed(Code::NoSuchMethod)),
        };
        let by = Some(message.giver());
        self.push(Work { promise, settlement: Settlement::By(answer), asked: message.answer, by });
    }

    /// Settles the promise of a message's answer, if an answer is wanted.
    pub(crate) fn answer(&mut self, message: &Message, settlement: Settlement) {
        if let Some(promise) = message.answer {
            self.push_work(promise, settlement);
        }
    }
}
