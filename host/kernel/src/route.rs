//! Where a message goes: to an inbox, to a promise, to the host, to a resolver, or back as a failure.

use crate::body;
use crate::id::{Kref, ObjectId, PromiseId};
use crate::kernel::Kernel;
use crate::message::{Answer, Code, Payload};
use crate::promise::{End, Settlement};
use crate::rows::{Fate, Message, Owner, Promise};

impl Kernel {
    /// Moves a message to where its target is now. Settlements that follow from it are put on the work list, not carried out.
    pub(crate) fn route(&mut self, mut message: Message) {
        let refused = match message.target {
            Kref::Object(object) => self.route_to_object(object, message),
            Kref::Resolver(promise) => {
                self.settle_by_message(promise, &message);
                Ok(())
            }
            Kref::Promise(promise) => match self.end_of(promise) {
                End::Unsettled(end) => {
                    message.target = Kref::Promise(end);
                    self.enqueue_at_promise(end, message)
                }
                End::Reference(Kref::Object(object)) => {
                    message.target = Kref::Object(object);
                    self.route_to_object(object, message)
                }
                End::Reference(resolver) => {
                    message.target = resolver;
                    // A reference at the end of a chain is an object or a resolver: one more step, never more.
                    self.route_to_resolver(resolver, &message);
                    Ok(())
                }
                End::Data(_) => Err((Code::NotACapability, message)),
                End::Broken(end) => {
                    self.answer(&message, self.settlement_of(end));
                    Ok(())
                }
            },
        };
        if let Err((code, message)) = refused {
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
            (Fate::Live, Owner::Host(_) | Owner::HostUntilBoot(_)) => {
                self.enqueue_at_host(message);
                Ok(())
            }
        }
    }

    fn route_to_resolver(&mut self, resolver: Kref, message: &Message) {
        if let Kref::Resolver(promise) = resolver {
            self.settle_by_message(promise, message);
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
        if matches!(self.promises.get(&promise), Some(Promise::Unsettled { .. })) {
            self.push_work(promise, Settlement::By(answer));
            self.answer(message, Settlement::By(Answer::Fulfill(Payload::plain(body::null()))));
        } else {
            self.answer(message, Settlement::Failed(Code::AlreadySettled));
        }
    }

    /// Settles the promise of a message's answer, if an answer is wanted.
    pub(crate) fn answer(&mut self, message: &Message, settlement: Settlement) {
        if let Some(promise) = message.answer {
            self.push_work(promise, settlement);
        }
    }
}
