//! What operators decide about vats and grants, and what a death of the process leads to.

use ocap_kernel::*;

use super::number_of;
use super::options::Act;
use super::run::World;

/// Deaths of the process in lone deliveries of one message after which it is set aside.
const DEATHS_MAX: u32 = 3;

/// In a seed with poison the code of which the first byte is below this kills the process at each start.
const DEADLY_CODE: u8 = 20;

/// What kills the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killer {
    Message(u64),
    Code,
}

impl World {
    pub fn rule(&mut self, act: Act) {
        match act {
            Act::Revoke => self.revoke(),
            Act::Slice => {
                if self.kernel.has_ending() {
                    self.note("a vat ends in several slices");
                    self.kernel.end_slice();
                }
            }
            Act::Die => {
                if self.options.poison.is_none() {
                    self.die(None);
                }
            }
            Act::DropDeadLetter => {
                let first = self.kernel.dead_letters().next().map(|(id, _)| id);
                if first.is_some_and(|id| self.kernel.drop_dead_letter(id)) {
                    self.note("a dead letter is dropped");
                }
            }
            act => {
                if let Some(vat) = self.random_vat() {
                    self.rule_on(act, vat);
                }
            }
        }
    }

    fn rule_on(&mut self, act: Act, vat: VatId) {
        let under_way = self.flying.iter().any(|crank| crank.vat == vat);
        let ruled = match act {
            Act::Restart => self.kernel.restart(vat),
            Act::Upgrade => {
                self.kernel.upgrade(vat, Body::from([u8::try_from(self.chance.below(250)).expect("small")]))
            }
            Act::Rollback => self.kernel.rollback(vat),
            Act::EndVat => self.kernel.terminate_vat(vat),
            _ => return self.revoke_grant(vat),
        };
        match ruled {
            Ok(()) => {
                self.model.forget_watches(vat);
                self.note(match act {
                    Act::Restart => "a vat is restarted",
                    Act::Upgrade => "a vat is upgraded",
                    Act::Rollback => "a vat is rolled back",
                    _ => "a vat is ended",
                });
                if under_way {
                    self.note("a ruling interrupts a delivery");
                }
            }
            Err(Refusal::NotServed(_)) => assert_eq!(act, Act::Restart, "only a restart needs a vat that is served"),
            Err(Refusal::NothingKept(_)) => assert_eq!(act, Act::Rollback, "only a way back needs a way"),
            Err(refusal) => panic!("{refusal}"),
        }
        self.meet();
    }

    fn revoke_grant(&mut self, vat: VatId) {
        let grants: Vec<(String, Option<ObjectId>)> =
            self.kernel.grants(vat).map(|grant| (grant.name.to_owned(), grant.caretaker)).collect();
        if grants.is_empty() {
            return;
        }
        let index = usize::try_from(self.chance.below(grants.len() as u64)).expect("small");
        let (name, caretaker) = &grants[index];
        self.kernel.revoke_grant(vat, name).expect("the vat was granted it");
        self.model.revoke(Kref::Object(caretaker.expect("each grant is a caretaker")));
        self.note("a grant is revoked");
    }

    fn revoke(&mut self) {
        let any = Kref::Object(ObjectId(1 + self.chance.below(self.kernel.next_object().0)));
        let known: Vec<Kref> = self.shown.iter().copied().chain([any, any]).collect();
        let kref = self.chance.pick(&known).expect("some");
        if self.is_root_or_door(kref) {
            return;
        }
        match self.kernel.revoke(kref) {
            Ok(()) => {
                self.model.revoke(kref);
                self.note(match kref {
                    Kref::Resolver(_) => "a resolver is revoked",
                    Kref::Object(_) | Kref::Promise(_) => "an object is revoked",
                });
            }
            Err(Refusal::NotRevocable(_)) => assert!(matches!(kref, Kref::Promise(_)), "{kref} can be revoked"),
            Err(Refusal::NoSuchReference(_)) => {}
            Err(refusal) => panic!("{refusal}"),
        }
    }

    /// Without these the world could not be brought to rest.
    fn is_root_or_door(&self, kref: Kref) -> bool {
        let Kref::Object(object) = kref else { return false };
        match self.kernel.object(object).map(|row| &row.owner) {
            Some(Owner::Vat(_, exposed)) => exposed.object == 0,
            Some(Owner::Host(name)) => name != "service",
            Some(_) | None => false,
        }
    }

    /// Whether this delivery kills the process.
    pub fn is_poison(&self, crank: &Crank) -> Option<Killer> {
        let every = self.options.poison?;
        match &crank.delivery {
            Delivery::Message { method, args, .. } => {
                let number = number_of(&args.body).filter(|number| self.model.is_message(*number, method))?;
                number.is_multiple_of(every).then_some(Killer::Message(number))
            }
            Delivery::Start(_) => {
                let code = &self.kernel.vat(crank.vat)?.row.code;
                code.first().is_some_and(|byte| *byte < DEADLY_CODE).then_some(Killer::Code)
            }
            Delivery::Settled(_) | Delivery::Dropped(_) => None,
        }
    }

    /// The process dies with everything that is under way, and with this delivery, which killed it.
    pub fn die(&mut self, killer: Option<(Crank, Killer)>) {
        let boot = self.kernel.boot();
        let cranks = self.flying.iter().chain(killer.as_ref().map(|(crank, _)| crank));
        let marker = |crank: &Crank| Marker { boot, vat: crank.vat, message: crank.message, company: crank.company };
        let markers: Vec<Marker> = cranks.map(marker).collect();
        self.crash();
        let consequences = self.kernel.suspect(&markers);
        for consequence in &consequences {
            self.judge_consequence(consequence);
        }
        if let Some((crank, killer)) = killer
            && crank.company == Company::Alone
        {
            let is_dealt_with = consequences.iter().any(|consequence| match consequence {
                Consequence::SetAside(vat, _) | Consequence::Quarantined(vat) | Consequence::RolledBack(vat) => {
                    *vat == crank.vat
                }
            });
            let before = self.deaths.remove(&crank.vat).filter(|(other, _)| *other == killer);
            let deaths = before.map_or(0, |(_, deaths)| deaths) + 1;
            assert!(deaths < DEATHS_MAX || is_dealt_with, "{killer:?} killed the process {deaths} times alone");
            if !is_dealt_with {
                self.deaths.insert(crank.vat, (killer, deaths));
            }
        }
        self.commit();
        self.meet();
    }

    fn judge_consequence(&mut self, consequence: &Consequence) {
        match consequence {
            Consequence::SetAside(_, id) => {
                let Item::Message(message) = &self.disk.queue[id].item else { panic!("a notice is set aside") };
                let number = number_of(&message.args.body);
                if let (Some(every), Some(number)) = (self.options.poison, number) {
                    assert!(number.is_multiple_of(every), "message {number} is set aside and is innocent");
                    self.note("a message that kills is set aside");
                }
            }
            Consequence::Quarantined(vat) => {
                self.note("a vat is quarantined for deaths");
                self.model.forget_watches(*vat);
            }
            Consequence::RolledBack(_) => self.note("an upgrade is rolled back for deaths"),
        }
    }
}
