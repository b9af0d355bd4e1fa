//! The store against maps in memory: whatever is committed is what comes back.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::{
    Change, ClistRow, Commit, Counters, DeadLetter, Kref, MessageId, Object, ObjectId, Payload, Progress, Promise,
    PromiseId, Queued, Slot, State, Subcluster, SubclusterId, Suspicion, Vat, VatId,
};

use super::random::Random;
use super::{Home, vat_store, write};
use crate::store::VatEntries;

/// What the store has to remember.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Model {
    counters: Counters,
    subclusters: BTreeMap<SubclusterId, Subcluster>,
    vats: BTreeMap<VatId, Vat>,
    progress: BTreeMap<VatId, Progress>,
    objects: BTreeMap<ObjectId, Object>,
    promises: BTreeMap<PromiseId, Promise>,
    clist: BTreeMap<(VatId, Slot), ClistRow>,
    queue: BTreeMap<MessageId, Queued>,
    holds: BTreeMap<ObjectId, Kref>,
    suspicions: BTreeMap<VatId, Suspicion>,
    dead_letters: BTreeMap<MessageId, DeadLetter>,
    store: BTreeMap<(VatId, Vec<u8>), Payload<Slot>>,
    /// Vats that are never written or read again.
    forgotten: BTreeSet<VatId>,
}

fn update<K: Ord + Clone, V: Clone>(rows: &mut BTreeMap<K, V>, changes: &[Change<K, V>]) {
    for Change { key, value } in changes {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
}

fn rows<K: Clone, V: Clone>(map: &BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

impl Model {
    pub(super) fn apply(&mut self, commit: &Commit) {
        self.counters = commit.counters.unwrap_or(self.counters);
        update(&mut self.subclusters, &commit.subclusters);
        update(&mut self.vats, &commit.vats);
        update(&mut self.progress, &commit.progress);
        update(&mut self.objects, &commit.objects);
        update(&mut self.promises, &commit.promises);
        update(&mut self.clist, &commit.clist);
        update(&mut self.queue, &commit.queue);
        update(&mut self.holds, &commit.holds);
        update(&mut self.suspicions, &commit.suspicions);
        update(&mut self.dead_letters, &commit.dead_letters);
        self.forgotten.extend(&commit.forgotten);
        self.store.retain(|(vat, _), _| !commit.forgotten.contains(vat));
        update(&mut self.store, &commit.store);
    }

    pub(super) fn state(&self) -> State {
        let holds_any = self.store.iter().filter(|(_, entry)| !entry.caps.is_empty());
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
            holdings: holds_any.map(|(key, entry)| (key.clone(), entry.caps.clone())).collect(),
        }
    }

    pub(super) fn vat_store(&self, vat: VatId) -> VatEntries {
        let of_vat = self.store.iter().filter(|((owner, _), _)| *owner == vat);
        of_vat.map(|((_, key), entry)| (key.clone(), entry.clone())).collect()
    }

    /// How many entries all vats have.
    pub(super) fn entries(&self) -> i64 {
        self.store.len() as i64
    }

    fn vats_with_a_store(&self) -> impl Iterator<Item = VatId> {
        self.store.keys().map(|(vat, _)| *vat)
    }

    /// Changes that a kernel could make: each row once, and no reference under two slots of one vat.
    pub(super) fn random_commit(&self, random: &mut Random) -> Commit {
        let mut commit = Commit {
            counters: (random.below(2) == 0).then(|| random.counters()),
            subclusters: changes(random, |r| SubclusterId(r.key()), Random::subcluster),
            vats: changes(random, |r| VatId(r.key()), Random::vat),
            progress: changes(random, |r| VatId(r.key()), Random::progress),
            objects: changes(random, |r| ObjectId(r.key()), Random::object),
            promises: changes(random, |r| PromiseId(r.key()), Random::promise),
            clist: self.random_clist(random),
            queue: changes(random, |r| MessageId(r.key()), Random::queued),
            holds: changes(random, |r| ObjectId(r.key()), Random::kref),
            suspicions: changes(random, |r| VatId(r.key()), Random::suspicion),
            dead_letters: changes(random, |r| MessageId(r.key()), Random::dead_letter),
            // The one that is forgotten has kept something in most cases: another one takes its place below.
            forgotten: (0..random.below(4) / 3).map(|_| self.unforgotten(random.key())).collect(),
            store: Vec::new(),
        };
        let written = changes(random, |r| (self.unforgotten(r.key()), r.bytes()), Random::entry);
        commit.store = written.into_iter().filter(|change| !commit.forgotten.contains(&change.key.0)).collect();
        commit
    }

    /// A vat with this key that was not forgotten.
    fn unforgotten(&self, key: u64) -> VatId {
        let mut vats = (0..).map(|life| VatId(key + 100 * life));
        vats.find(|vat| !self.forgotten.contains(vat)).expect("there are more numbers than vats")
    }

    /// Often a reference leaves its slot and gets another one in the same commit, as when it is dropped and comes back.
    fn random_clist(&self, random: &mut Random) -> Vec<Change<(VatId, Slot), ClistRow>> {
        let mut made = changes(random, |r| (VatId(r.key()), Slot(r.key())), Random::clist_row);
        if let Some(((vat, slot), row)) = self.clist.iter().next()
            && made.iter().all(|change| change.key.0 != *vat)
        {
            made.push(Change { key: (*vat, *slot), value: None });
            made.push(Change { key: (*vat, Slot(slot.0 + 1_000)), value: Some(row.clone()) });
            made.reverse();
        }
        made
    }
}

fn changes<K: Ord, V>(
    random: &mut Random,
    key: impl Fn(&mut Random) -> K,
    value: impl Fn(&mut Random) -> V,
) -> Vec<Change<K, V>> {
    let count = random.below(4);
    let keyed: BTreeMap<K, Option<V>> = (0..count)
        .map(|_| {
            let key = key(random);
            (key, (random.below(3) > 0).then(|| value(random)))
        })
        .collect();
    keyed.into_iter().map(|(key, value)| Change { key, value }).collect()
}

/// Every variant of every enum in a row, and lists without and with entries.
const VARIANTS: usize = 2 + 3 + 2 + 3 + 3 + 2 + 6 + 2 + 5 + 3 + 2 + 2 + 2 + 2 + 2 + 14 + 6 + 2 + 1 + 3;

#[test]
fn what_is_committed_is_what_comes_back() {
    for seed in 0..8 {
        let home = Home::new();
        let mut random = Random::new(seed);
        let mut model = Model::default();
        for _ in 0..6 {
            let (store, state) = home.open();
            assert_eq!(state, model.state(), "seed {seed}");
            for _ in 0..40 {
                let commit = model.random_commit(&mut random);
                model.apply(&commit);
                store.write(commit, |result| assert_eq!(result, Ok(())));
            }
            for vat in model.vats_with_a_store() {
                assert_eq!(vat_store(&store.reader(), vat).expect("good rows"), model.vat_store(vat), "seed {seed}");
            }
            store.close().expect("the store closes");
        }
        assert_eq!(random.seen.len(), VARIANTS, "seed {seed} made only {:?}", random.seen);
    }
}

#[test]
fn a_reader_sees_all_that_was_handed_over_before() {
    let home = Home::new();
    let (store, _) = home.open();
    let reader = store.reader();
    for round in 0..50_u8 {
        let entry = Payload::plain(vec![round]);
        let put = Change { key: (VatId(1), b"round".to_vec()), value: Some(entry.clone()) };
        store.write(Commit { store: vec![put], ..Commit::default() }, |_| {});
        assert_eq!(vat_store(&reader, VatId(1)), Ok(vec![(b"round".to_vec(), entry)]));
        assert_eq!(vat_store(&reader, VatId(2)), Ok(vec![]));
    }
}

#[test]
fn a_store_in_memory_takes_the_same_rows() {
    let (store, state) = crate::store::Store::open_in_memory().expect("memory is there");
    assert_eq!(state, State::default());
    let (mut random, mut model) = (Random::new(99), Model::default());
    for _ in 0..20 {
        let commit = model.random_commit(&mut random);
        model.apply(&commit);
        assert_eq!(write(&store, commit), Ok(()));
    }
    for vat in model.vats_with_a_store() {
        assert_eq!(vat_store(&store.reader(), vat), Ok(model.vat_store(vat)));
    }
    assert_eq!(store.close(), Ok(()));
}
