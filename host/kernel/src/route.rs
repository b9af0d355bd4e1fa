//! Where a message goes: to an inbox, to a promise, to the host, to a resolver, or back as a failure.

use crate::id::{Kref, ObjectId, PromiseId};
use crate::kernel::Kernel;
use crate::message::{Answer, Code};
use crate::promise::{End, Settlement};
use crate::rows::{Fate, Message, Owner};

impl Kernel {
    /// Moves a message to where its target is now. Settlements that follow from it are put on the work list, not carried out.
    pub(crate) fn route(&mut self, mut message: Message) {
        if let Kref::Promise(promise) = message.target {
            message.target = match self.end_of(promise) {
                End::Unsettled(end) => Kref::Promise(end),
                End::Reference(kref) => kref,
                End::Data(_) => return self.answer(&message, Settlement::Failed(Code::NotACapability)),
                End::Broken(end) => return self.answer(&message, self.settlement_of(end)),
            };
        }
        let taken = match message.target {
            Kref::Object(object) => self.route_to_object(object, message),
            Kref::Promise(end) => self.enqueue_at_promise(end, message),
            Kref::Resolver(promise) => {
                self.settle_by_message(promise, &message);
                Ok(())
            }
        };
        if let Err((code, message)) = taken {
            self.answer(&message, Settlement::Failed(code));
        }
    }

    fn route_to_object(&mut self, object: ObjectId, message: Message) -> Result<(), (Code, Message)> {
        let Some(row) = self.objects.get(&object) else { return Err((Code::ObjectGone, message)) };
        match (row.fate, &row.owner) {
            (Fate::Lost(code), _) => Err((code, message)),
            (Fate::Live, Owner::Vat(vat, _)) => {
                let vat = *vat;
                self.enqueue_message(vat, message)
            }
            (Fate::Live, Owner::Host(_) | Owner::HostUntilBoot(_)) => self.enqueue_at_host(message),
        }
    }

    /// A resolver is a capability that is used by message too: `fulfill`, `forward` with one capability, `break` (kernel-rules 7, 9).
    fn settle_by_message(&mut self, promise: PromiseId, message: &Message) {
        let answer = match (message.method.as_str(), message.args.caps.as_slice()) {
            ("fulfill", _) => Answer::Fulfill(message.args.clone()),
            ("forward", [only]) => Answer::Forward(*only),
            ("break", _) => Answer::Break(message.args.clone()),
            _ => return self.answer(message, Settlement::Failed(Code::NoSuchMethod)),
        };
        self.push_asked(promise, Settlement::By(answer), message.answer);
    }

    /// Settles the promise of a message's answer, if an answer is wanted.
    pub(crate) fn answer(&mut self, message: &Message, settlement: Settlement) {
        if let Some(promise) = message.answer {
            self.push_work(promise, settlement);
        }
    }
}
