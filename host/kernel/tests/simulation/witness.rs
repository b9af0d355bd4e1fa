//! What vats and the host hear, compared with what the model says was said.

use ocap_kernel::*;

use super::model::{Model, Wanted, is_notice};
use super::number_of;

/// A payload as somebody receives it: references that he let go of at once stay unnamed.
pub type Heard = Payload<Option<Kref>>;

impl Model {
    /// A payload is what its maker made of it, and no other.
    fn recognise(&self, heard: &Heard) -> Option<u64> {
        let number = number_of(&heard.body)?;
        let made = self.payloads.get(&number).unwrap_or_else(|| panic!("payload {number} was never made, or lost"));
        let fits = |(made, heard): (&Option<Kref>, &Option<Kref>)| made.is_none() || heard.is_none() || made == heard;
        let same = made.len() == heard.caps.len() && made.iter().zip(&heard.caps).all(fits);
        assert!(same, "payload {number} was made with {made:?} and arrives with {:?}", heard.caps);
        Some(number)
    }

    /// A message reaches an object: it is one that was sent there, or the notice that a listener asked for. The resolver of its
    /// answer, if one is wanted.
    pub fn receive(
        &mut self,
        object: Kref,
        method: &str,
        heard: &Heard,
        resolver: Option<Option<Kref>>,
    ) -> Option<Kref> {
        let number = self.recognise(heard);
        if let Some(number) = number
            && let Some(sent) = self.sent.get(&number).cloned()
            && sent.method == method
            && sent.on.is_none_or(|on| self.may_be(on, object))
            && !(is_notice(method) && resolver.is_none() && sent.wanted != Wanted::Nowhere)
        {
            return match (sent.wanted, resolver) {
                (Wanted::Nowhere, None) => None,
                (Wanted::AtPromise(promise), Some(at)) if at.is_none_or(|at| at == Kref::Resolver(promise)) => {
                    Some(Kref::Resolver(promise))
                }
                (Wanted::Somewhere, Some(at)) => at,
                (wanted, at) => panic!("message {number} wants its answer {wanted:?} and arrives with {at:?}"),
            };
        }
        assert!(resolver.is_none(), "nobody sent {method} to {object} with an answer wanted");
        self.take_notice(object, method, heard, number);
        None
    }

    /// The references of a payload, also those that its receiver let go of at once.
    pub fn complete(&self, heard: &Heard) -> Vec<Option<Kref>> {
        let made = number_of(&heard.body).and_then(|number| self.payloads.get(&number));
        made.unwrap_or(&heard.caps).iter().zip(&heard.caps).map(|(made, heard)| heard.or(*made)).collect()
    }

    fn take_notice(&mut self, object: Kref, method: &str, heard: &Heard, number: Option<u64>) {
        assert!(is_notice(method), "nobody sent {method} to {object}");
        assert!(
            number.is_some() || method == "forward" || heard.caps.is_empty(),
            "the kernel makes no capabilities up"
        );
        self.told.add_one(object);
        let told = self.told.count(&object);
        if told > self.listens.count(&object) {
            let asked = self.notices_for(object);
            assert!(told <= asked, "{object} asked for {asked} notices and gets {told}");
        }
    }

    /// The value of a promise that was watched or asked for: somebody who could settle it did so.
    pub fn end(&self, of: Option<Kref>, resolution: &Resolution<Option<Kref>>) {
        match resolution {
            Resolution::Fulfilled(heard) | Resolution::Broken(heard) => match self.recognise(heard) {
                Some(number) => {
                    let fits = of.is_none_or(|of| self.may_carry(of, number));
                    assert!(fits, "{of:?} never was settled with payload {number}");
                }
                None => assert!(heard.caps.is_empty(), "the kernel makes no capabilities up"),
            },
            Resolution::Forwarded(Some(kref)) => {
                assert!(of.is_none_or(|of| self.may_be(of, *kref)), "{of:?} never was forwarded to {kref}");
            }
            Resolution::Forwarded(None) | Resolution::Failed(_) => {}
        }
    }
}

/// A resolution in other names.
pub fn named<R, S>(resolution: &Resolution<R>, mut name: impl FnMut(&R) -> S) -> Resolution<S> {
    match resolution {
        Resolution::Fulfilled(payload) => Resolution::Fulfilled(payload.map(name)),
        Resolution::Forwarded(one) => Resolution::Forwarded(name(one)),
        Resolution::Broken(payload) => Resolution::Broken(payload.map(name)),
        Resolution::Failed(code) => Resolution::Failed(*code),
    }
}
