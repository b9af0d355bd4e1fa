//! The disk: what was committed. Every number on it is newer than those before it (I15).

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::*;

#[derive(Default, Clone, PartialEq, Debug)]
pub struct Rows {
    pub counters: Counters,
    pub subclusters: BTreeMap<SubclusterId, Subcluster>,
    pub vats: BTreeMap<VatId, Vat>,
    pub progress: BTreeMap<VatId, Progress>,
    pub objects: BTreeMap<ObjectId, Object>,
    pub promises: BTreeMap<PromiseId, Promise>,
    pub clist: BTreeMap<(VatId, Slot), ClistRow>,
    pub queue: BTreeMap<MessageId, Queued>,
    pub holds: BTreeMap<ObjectId, Kref>,
    pub suspicions: BTreeMap<VatId, Suspicion>,
    pub dead_letters: BTreeMap<MessageId, DeadLetter>,
    pub store: BTreeMap<StoreKey, Payload<Slot>>,
}

/// Writes changes; a new row must satisfy `is_new`, because numbers are never given twice.
fn put<K: Ord + std::fmt::Debug, V>(
    rows: &mut BTreeMap<K, V>,
    changes: Vec<Change<K, V>>,
    is_new: impl Fn(&K) -> bool,
) {
    for Change { key, value } in changes {
        match value {
            Some(value) => {
                assert!(rows.contains_key(&key) || is_new(&key), "{key:?} was given before");
                rows.insert(key, value);
            }
            None => drop(rows.remove(&key)),
        }
    }
}

impl Rows {
    pub fn write(&mut self, commit: Commit) {
        let before = self.counters;
        self.counters = commit.counters.unwrap_or(before);
        let after = self.counters;
        let slots: BTreeMap<VatId, Slot> = self.progress.iter().map(|(vat, row)| (*vat, row.next_slot)).collect();
        put(&mut self.subclusters, commit.subclusters, |id| (before.subcluster..after.subcluster).contains(&id.0));
        put(&mut self.vats, commit.vats, |id| (before.vat..after.vat).contains(&id.0));
        put(&mut self.progress, commit.progress, |id| (before.vat..after.vat).contains(&id.0));
        put(&mut self.objects, commit.objects, |id| (before.object..after.object).contains(&id.0));
        put(&mut self.promises, commit.promises, |id| (before.promise..after.promise).contains(&id.0));
        put(&mut self.queue, commit.queue, |id| (before.message..after.message).contains(&id.0));
        put(&mut self.holds, commit.holds, |_| true);
        put(&mut self.suspicions, commit.suspicions, |_| true);
        put(&mut self.dead_letters, commit.dead_letters, |id| id.0 < after.message);
        // A row may come long after its slot was given: what only the heap held is stored when the store mentions it.
        put(&mut self.clist, commit.clist, |(vat, slot)| *slot < self.progress[vat].next_slot);
        for (vat, next) in slots {
            let now = self.progress.get(&vat).map(|row| row.next_slot);
            assert!(now.is_none_or(|now| now >= next), "{vat} gives slots again: {next} before, {now:?} now");
        }
        self.store.retain(|(vat, _), _| !commit.forgotten.contains(vat));
        put(&mut self.store, commit.store, |_| true);
        commit.forgotten.iter().for_each(|vat| self.check_forgotten(*vat));
    }

    /// Of a vat that has ended no row of its own is left.
    fn check_forgotten(&self, vat: VatId) {
        let all = (vat, Slot(0))..=(vat, Slot(u64::MAX));
        let is_left = self.vats.contains_key(&vat)
            || self.progress.contains_key(&vat)
            || self.suspicions.contains_key(&vat)
            || self.clist.range(all).next().is_some()
            || self.queue.values().any(|queued| queued.queue == Queue::Inbox(vat))
            || self.store.keys().any(|(of, _)| *of == vat);
        assert!(!is_left, "{vat} has ended and a row of it is left");
    }

    pub fn settled_promises_that_no_row_names(&self) -> BTreeSet<Kref> {
        let is_settled = |row: &Promise| !matches!(row, Promise::Unsettled { .. });
        let settled = self.promises.iter().filter(|(_, row)| is_settled(row));
        let mut unnamed: BTreeSet<Kref> = settled.map(|(id, _)| Kref::Promise(*id)).collect();
        let mut name = |kref: &Kref| {
            unnamed.remove(kref);
        };
        for row in self.promises.values() {
            match row {
                Promise::Unsettled { listeners } => listeners.iter().for_each(&mut name),
                Promise::Settled(Answer::Fulfill(payload) | Answer::Break(payload)) => {
                    payload.caps.iter().for_each(&mut name)
                }
                Promise::Settled(Answer::Forward(kref)) => name(kref),
                Promise::Failed(_) => {}
            }
        }
        for queued in self.queue.values() {
            if let Item::Message(message) = &queued.item {
                name(&message.target);
                message.args.caps.iter().for_each(&mut name);
            }
        }
        self.holds.values().chain(self.clist.values().map(|row| &row.kref)).for_each(&mut name);
        for row in self.objects.values() {
            if let Owner::Caretaker { target } = &row.owner {
                name(target);
            }
        }
        unnamed
    }

    /// How many rows there are of those that grow.
    pub fn len(&self) -> u64 {
        (self.objects.len() + self.promises.len() + self.clist.len() + self.queue.len()) as u64
    }

    /// All rows, for a kernel to load.
    pub fn state(&self) -> State {
        fn rows<K: Clone, V: Clone>(map: &BTreeMap<K, V>) -> Vec<(K, V)> {
            map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
        }
        let holding = self.store.iter().filter(|(_, value)| !value.caps.is_empty());
        State {
            counters: self.counters,
            subclusters: rows(&self.subclusters),
            vats: rows(&self.vats),
            progress: rows(&self.progress),
            objects: rows(&self.objects),
            promises: rows(&self.promises),
            clist: rows(&self.clist),
            queue: rows(&self.queue),
            damaged: Vec::new(),
            holds: rows(&self.holds),
            suspicions: rows(&self.suspicions),
            dead_letters: rows(&self.dead_letters),
            holdings: holding.map(|(key, value)| (key.clone(), value.caps.clone())).collect(),
        }
    }
}
