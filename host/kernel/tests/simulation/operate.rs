//! What happens to the kernel from outside: operators, clients, channels, the power.

use std::collections::BTreeSet;

use ocap_kernel::*;

use super::options::{Act, Host};
use super::run::World;

impl World {
    pub fn operate(&mut self, act: Act) {
        match act {
            Act::Begin | Act::Finish => unreachable!("cranks are no business of operators"),
            Act::Commit => self.commit(),
            Act::AnswerCall => self.answer_one(),
            Act::Poke => self.poke(),
            Act::Connect => self.connect(),
            Act::Disconnect => self.disconnect(),
            Act::Crash => self.crash(),
            Act::Quarantine => self.quarantine(),
            Act::Heal => self.heal(),
            Act::End => self.end(),
            Act::Launch => self.launch_again(),
            Act::Hibernate => self.hibernate(),
            Act::Wake => {
                if let Some(vat) = self.random_vat() {
                    self.kernel.wake(vat);
                }
            }
            Act::Sweep => self.sweep(),
            Act::Serve => self.serve(),
            Act::Conclude => self.conclude_one(),
            Act::Revoke
            | Act::RevokeGrant
            | Act::Restart
            | Act::Upgrade
            | Act::Rollback
            | Act::EndVat
            | Act::Slice
            | Act::Die
            | Act::DropDeadLetter => self.rule(act),
        }
    }

    fn sweep(&mut self) {
        let before = self.kernel.promises();
        self.kernel.sweep();
        if self.kernel.promises() < before {
            self.note("a sweep breaks a cycle");
        }
    }

    fn hibernate(&mut self) {
        let Some(vat) = self.random_vat() else { return };
        if self.chance.below(8) == 0 && self.kernel.hibernate_by_force(vat) {
            self.model.forget_watches(vat);
            return self.note("a vat is made to hibernate");
        }
        let held: Vec<(Slot, Kref)> = self.kernel.references(vat).collect();
        if !self.kernel.hibernate(vat) {
            return;
        }
        self.note("a vat hibernates");
        self.check_nothing_was_lost(vat, &held);
    }

    /// A vat that left memory by the kernel's leave finds again what it had, but for handles on what its store or its grants name.
    fn check_nothing_was_lost(&self, vat: VatId, held: &[(Slot, Kref)]) {
        let after: BTreeSet<Kref> = self.kernel.references(vat).map(|(_, kref)| kref).collect();
        let lost: Vec<_> = held.iter().filter(|(_, kref)| !after.contains(kref)).collect();
        let worker = &self.workers[&vat];
        let incarnation_only =
            |slot: &Slot| worker.exports.values().any(|(at, of)| at == slot && *of == Lifetime::Incarnation);
        assert!(lost.iter().all(|(slot, _)| incarnation_only(slot)), "{vat} loses {lost:?} by its sleep");
    }

    fn quarantine(&mut self) {
        let Some(vat) = self.random_vat() else { return };
        let waiting = self.kernel.vat(vat).expect("a living vat").queued;
        self.kernel.quarantine(vat, Body::from([])).expect("a living vat");
        self.model.forget_watches(vat);
        let view = self.kernel.vat(vat).expect("a living vat");
        let (rejects, left) = (view.row.when_quarantined == WhenQuarantined::Reject, view.queued);
        if rejects {
            self.note("a vat rejects in quarantine");
        } else if waiting > 0 && left > 0 {
            self.note("messages wait for a quarantined vat");
        }
    }

    pub fn heal(&mut self) {
        for vat in self.workers.keys().copied().collect::<Vec<_>>() {
            let view = self.kernel.vat(vat).expect("a living vat");
            if view.row.status != VatStatus::Active && view.queued > 0 {
                self.note("a vat is healed with messages waiting");
            }
            self.kernel.heal(vat).expect("a living vat");
            self.kernel.rested(vat);
        }
    }

    fn end(&mut self) {
        let living: Vec<SubclusterId> = self.kernel.subclusters().map(|(id, _)| id).collect();
        let Some(id) = self.chance.pick(&living) else { return };
        let name = self.kernel.subclusters().find(|(of, _)| *of == id).expect("it lives").1.name.clone();
        let of_it = format!("channel {name} door");
        let doors: Vec<_> = self.kernel.host_objects().filter(|(_, name)| *name == of_it).map(|(id, _)| id).collect();
        self.kernel.terminate(id, &doors).expect("it lives");
        self.meet();
        self.note("a subcluster ends");
    }

    fn launch_again(&mut self) {
        let names: BTreeSet<String> = self.kernel.subclusters().map(|(_, row)| row.name.clone()).collect();
        for number in 0..self.options.subclusters.len() {
            if !names.contains(&format!("sub{number}")) {
                self.launch(number);
                return self.note("a name is used again");
            }
        }
        if self.workers.is_empty() {
            self.end();
        }
    }

    /// A message from outside, which may mention what the host knows.
    pub fn poke(&mut self) {
        let Some(root) = self.random_vat().and_then(|vat| self.kernel.root_of(vat)) else { return };
        let known: Vec<_> = self.shown.iter().copied().chain([root]).collect();
        let target = match self.chance.below(8) {
            0 => Kref::Object(ObjectId(1 + self.chance.below(self.kernel.next_object().0))),
            1 | 2 => self.chance.pick(&known).expect("the root"),
            _ => root,
        };
        let caps = (0..self.chance.below(3)).filter_map(|_| self.chance.pick(&known)).collect();
        match self.chance.below(4) {
            // This reaches a vat with a full c-list too.
            0 => self.send(target, Vec::new()),
            _ if self.options.host == Host::Tells => self.send(target, caps),
            _ => self.ask(target, caps),
        }
    }
}
