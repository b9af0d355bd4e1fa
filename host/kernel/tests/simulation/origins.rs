//! How references came, as the kernel remembers it, against what was seen: a vat holds a thing since the crank that brought it, and has
//! it from somebody who was given it before.

use ocap_kernel::*;

use super::model::Names;
use super::run::World;

impl World {
    /// Everything that a vat holds since the crank that has just been applied; slots from `made` on are those it took itself.
    pub fn check_origins(&mut self, crank: &Crank, new: &Names, made: Slot) {
        let held: Vec<_> = self.kernel.held(crank.vat).filter(|held| new.contains_key(&held.slot)).collect();
        let notes: Vec<_> = held.iter().map(|held| self.check_origin(crank, held, made)).collect();
        notes.into_iter().for_each(|event| self.note(event));
    }

    fn check_origin(&self, crank: &Crank, held: &HeldView<'_>, made: Slot) -> &'static str {
        let origin = held.origin.expect("no row of this world is older than such notes");
        let now = Moment { boot: self.kernel.boot(), ms: self.now() };
        assert_eq!(origin.since, now, "{} holds {} since another time", crank.vat, held.kref);
        match (&origin.how, &crank.delivery) {
            (How::Made | How::Asked { .. } | How::Exposed, _) if held.slot >= made => "a vat made what it holds",
            (How::Sent { message, by, method, .. }, Delivery::Message { method: called, .. }) if held.slot < made => {
                assert_eq!((Some(*message), method), (crank.message, called), "{} was sent by another", held.kref);
                self.check_giver(*by, held.kref);
                "a message brought what a vat holds"
            }
            (How::Answered { .. }, Delivery::Settled(_)) if held.slot < made => "an answer brought what a vat holds",
            (How::Answered { by: Some(_) }, Delivery::Message { .. }) if held.slot < made => {
                "a listener was told what a vat holds"
            }
            (how, delivery) => panic!("{} holds {} by {how:?} after {delivery:?}", crank.vat, held.kref),
        }
    }

    /// Whoever sent a reference had it, but for the resolver of an answer, which the kernel makes. What a vat made and sent in the crank
    /// that ended it the model has not noted.
    fn check_giver(&self, giver: Sender, kref: Kref) {
        if let (Sender::Vat(giver), Kref::Object(_) | Kref::Promise(_)) = (giver, kref)
            && self.kernel.vat(giver).is_some()
        {
            assert!(self.model.was_given(giver, kref), "{giver} sent {kref}, which nobody gave it");
        }
    }
}
