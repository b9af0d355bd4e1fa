//! The end of a seed. First nothing fails any more: everybody lets go of the resolvers, and whoever asked must hear. Then everybody
//! forgets everything, and nothing may be left.

use std::collections::BTreeSet;

use ocap_kernel::*;

use super::options::Losses;
use super::run::World;
use super::{Turn, Worker};

/// What vats let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LetGo {
    /// Whatever may settle a promise: resolvers, promises, whose values may mention some, and caretakers of such.
    Promises,
    Everything,
}

/// Rounds after which a world that still moves is said to move for ever.
const ROUNDS_MAX: u32 = 2_000;

impl World {
    /// The whole end of a seed.
    pub fn finish(&mut self) {
        self.come_to_rest(LetGo::Promises);
        self.assert_everybody_has_heard();
        self.come_to_rest(LetGo::Everything);
        // The host keeps what it lately showed to people until the process ends.
        self.crash();
        self.come_to_rest(LetGo::Everything);
        self.assert_nothing_is_left();
    }

    /// Everybody lets go, until nothing moves any more.
    fn come_to_rest(&mut self, what: LetGo) {
        self.heal();
        self.close();
        for _ in 0..ROUNDS_MAX {
            self.kernel.sweep();
            self.kernel.end_slice();
            self.commit();
            self.heal();
            for call in std::mem::take(&mut self.calls) {
                self.reply(&call, Reply::Fail(Code::OutcomeUnknown));
            }
            self.flying.extend(std::iter::from_fn(|| self.kernel.begin()));
            let moves = !self.flying.is_empty();
            for crank in std::mem::take(&mut self.flying) {
                self.let_go_in(&crank, what);
            }
            if !moves {
                let holding = self.who_still_holds(what);
                if holding.is_empty() && self.calls.is_empty() {
                    self.commit();
                    return self.check();
                }
                for vat in holding {
                    let root = self.kernel.root_of(vat).expect("a root");
                    // With no answer wanted it fits in any c-list.
                    self.send(root, Vec::new());
                }
            }
        }
        panic!("the world never comes to rest");
    }

    fn who_still_holds(&self, what: LetGo) -> Vec<VatId> {
        let holds = |vat: &VatId, worker: &Worker| match what {
            LetGo::Everything => !worker.store.is_empty() || !worker.handles.is_empty(),
            LetGo::Promises => self.kernel.references(*vat).any(|(_, kref)| !self.is_plain(kref)),
        };
        self.workers.iter().filter(|(vat, worker)| holds(vat, worker)).map(|(vat, _)| *vat).collect()
    }

    fn let_go_in(&mut self, crank: &Crank, what: LetGo) {
        let mut names: std::collections::BTreeMap<Slot, Kref> = self.kernel.references(crank.vat).collect();
        let before = self.workers.get(&crank.vat).cloned().unwrap_or_default();
        let mut worker = before.clone();
        let mut turn = Turn::new(&mut worker, crank);
        // What this very delivery brings is not known yet.
        let goes = |slot: &Slot| names.get(slot).is_none_or(|kref| !self.is_plain(*kref));
        for (key, slots) in turn.worker.store.clone() {
            if what == LetGo::Everything || slots.iter().any(goes) {
                turn.remove(&key);
            }
        }
        match what {
            LetGo::Everything => turn.keep_only(&[]),
            LetGo::Promises => turn.worker.handles.retain(|slot| !goes(slot)),
        }
        let report = turn.end();
        let verdict = self.kernel.finish(crank.vat, crank.id, report);
        self.log(&verdict);
        self.cranks += 1;
        match verdict {
            Verdict::Applied => {
                names.extend(self.kernel.references(crank.vat));
                self.believe(crank, &mut names);
                self.workers.insert(crank.vat, worker);
            }
            Verdict::Stale => return self.meet(),
            failed @ (Verdict::Undone(_) | Verdict::Quarantined(_) | Verdict::RolledBack(_)) => {
                panic!("letting go breaks no rule: {failed:?}");
            }
        }
        self.note_delivery(crank);
    }

    /// Whether nothing can be settled by it.
    fn is_plain(&self, kref: Kref) -> bool {
        let mut at = kref;
        while let Kref::Object(object) = at {
            match self.kernel.object(object).map(|row| &row.owner) {
                Some(Owner::Caretaker { target }) => at = *target,
                // The right to revoke a caretaker keeps it, and with it what it guards.
                Some(Owner::Revoker(caretaker)) => at = Kref::Object(*caretaker),
                Some(_) | None => return true,
            }
        }
        false
    }

    /// Nobody holds a resolver any more, so whoever asked has heard.
    fn assert_everybody_has_heard(&mut self) {
        // A resolver that the host was shown, if only in the value of a promise, is in its hands until the process ends.
        if self.shown.iter().any(|kref| !self.is_plain(*kref)) {
            return;
        }
        assert!(self.asked.is_empty(), "who asked has heard: {:?}, {}", self.asked, self.what_is_open());
        let open = self.model.open_watches();
        assert!(open.is_empty(), "who watched has heard: {open:?}");
        self.note("everybody has heard");
        if self.options.losses == Losses::None {
            let untold = self.model.listeners_untold();
            let untold: Vec<_> = untold.iter().filter(|listener| self.is_of_a_vat(**listener)).collect();
            assert!(untold.is_empty(), "who listened was told: {untold:?}");
            self.note("every listener was told once");
        }
    }

    fn is_of_a_vat(&self, kref: Kref) -> bool {
        let Kref::Object(object) = kref else { return false };
        matches!(self.kernel.object(object), Some(Object { owner: Owner::Vat(..), fate: Fate::Live }))
    }

    /// For whoever has to find out who did not settle what.
    fn what_is_open(&self) -> String {
        let open = self.disk.promises.iter().filter(|(_, row)| matches!(row, Promise::Unsettled { .. }));
        let krefs = |vat: &VatId| self.kernel.references(*vat).map(|(_, kref)| kref).collect::<Vec<_>>();
        let held: Vec<_> = self.workers.keys().map(|vat| (*vat, krefs(vat))).collect();
        format!("{open:?}\n{held:?}\n{:?}\n{:?}", self.disk.holds, self.disk.queue, open = open.collect::<Vec<_>>())
    }

    fn assert_nothing_is_left(&mut self) {
        self.commit();
        assert_eq!(self.kernel.promises(), 0, "no promise is left");
        assert!(self.disk.queue.is_empty(), "no message is left: {:?}", self.disk.queue);
        assert!(self.disk.holds.is_empty(), "no channel keeps anything");
        // What a vat was granted stays as long as the vat, also when it answers no more.
        let granted: BTreeSet<Kref> = self.disk.clist.values().map(|row| row.kref).collect();
        let is_expected = |id: &ObjectId, row: &Object| match row.owner {
            Owner::Vat(_, exposed) => exposed.object == 0,
            Owner::Host(_) => true,
            Owner::Caretaker { .. } => granted.contains(&Kref::Object(*id)),
            Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) | Owner::Revoker(_) => false,
        };
        for (id, row) in self.disk.objects.iter().filter(|(_, row)| row.fate == Fate::Live) {
            assert!(is_expected(id, row), "{id} is left: {row:?}");
        }
        let guarded = self.disk.objects.values().filter_map(|row| match (&row.owner, row.fate) {
            (Owner::Caretaker { target }, Fate::Live) => Some(*target),
            (_, _) => None,
        });
        let granted: BTreeSet<Kref> = granted.iter().copied().chain(guarded).collect();
        let lost = self.disk.objects.iter().filter(|(_, row)| row.fate != Fate::Live);
        lost.for_each(|(id, row)| assert!(granted.contains(&Kref::Object(*id)), "{id} is left: {row:?}"));
        assert!(self.disk.store.is_empty(), "no store entry is left");
        assert!(!self.kernel.has_ending(), "every end has come to its end");
    }
}
