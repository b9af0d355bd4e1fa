use std::sync::{Arc, Mutex};

use super::*;

fn value(text: &str, caps: &[u64]) -> Payload<Slot> {
    Payload { body: text.as_bytes().into(), caps: caps.iter().map(|&slot| Slot(slot)).collect() }
}

fn filled(bytes_max: u64) -> VatStore {
    let entries = ["a", "b/1", "b/2", "b/3", "c"].map(|key| (key.as_bytes().to_vec(), value(key, &[1])));
    VatStore::whole(entries.to_vec(), bytes_max)
}

fn keys(store: &mut VatStore, prefix: &str, after: Option<&str>) -> Vec<String> {
    let mut keys = Vec::new();
    let walked = store.walk(prefix.as_bytes(), after.map(str::as_bytes), |key, _| {
        keys.push(String::from_utf8_lossy(key).into_owned());
        ControlFlow::Continue(())
    });
    walked.map(|()| keys).expect("it can be read")
}

#[test]
fn an_undone_crank_leaves_entries_counts_and_sizes_as_they_were() {
    let mut store = filled(100);
    let bytes = store.bytes();
    store.put(b"a".to_vec(), value("other", &[2, 2])).expect("it fits");
    store.put(b"a".to_vec(), value("third", &[3])).expect("it fits");
    store.put(b"new".to_vec(), value("", &[1])).expect("it fits");
    assert_eq!(store.remove(b"c".to_vec()), Ok(true));
    assert_eq!(store.get(b"a"), Ok(Some(&value("third", &[3]))), "a crank reads its own writes");
    store.undo();
    assert_eq!(store.get(b"a"), Ok(Some(&value("a", &[1]))));
    assert_eq!(keys(&mut store, "", None), ["a", "b/1", "b/2", "b/3", "c"]);
    assert_eq!((store.bytes(), store.mentions(Slot(1)), store.mentions(Slot(2))), (bytes, 5, 0));
    assert_eq!(store.commit(), (Vec::new(), Vec::new()));
}

#[test]
fn only_the_last_write_that_changed_something_is_reported() {
    let mut store = filled(100);
    store.put(b"a".to_vec(), value("other", &[])).expect("it fits");
    store.put(b"a".to_vec(), value("a", &[1])).expect("it fits");
    store.put(b"c".to_vec(), value("other", &[2])).expect("it fits");
    store.remove(b"b/1".to_vec()).expect("it can be read");
    store.put(b"new".to_vec(), value("", &[])).expect("it fits");
    store.remove(b"new".to_vec()).expect("it can be read");
    let (writes, slots) = store.commit();
    assert_eq!(
        writes,
        [
            StoreWrite { key: b"b/1".to_vec(), value: None },
            StoreWrite { key: b"c".to_vec(), value: Some(value("other", &[2])) },
        ]
    );
    assert_eq!(slots, [Slot(1), Slot(1), Slot(2)]);
}

#[test]
fn a_walk_begins_after_its_key_and_ends_with_its_prefix() {
    let mut store = filled(100);
    assert_eq!(keys(&mut store, "b/", None), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys(&mut store, "b/", Some("b/1")), ["b/2", "b/3"]);
    assert_eq!(keys(&mut store, "b/", Some("a")), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys(&mut store, "b/", Some("c")), Vec::<String>::new());
}

#[test]
fn a_full_store_refuses_growth_but_not_shrinking() {
    let mut store = filled(0);
    store.bytes_max = store.bytes();
    assert!(matches!(store.put(b"a".to_vec(), value("aa", &[1])), Err(Broken::StoreFull { .. })));
    store.bytes_max = 1;
    assert_eq!(store.put(b"a".to_vec(), value("", &[1])), Ok(()), "an over-full store may shrink");
    assert_eq!(store.put(vec![0; 513], value("", &[])), Err(Broken::Key { bytes: 513 }));
}

type Disk = Arc<Mutex<BTreeMap<Vec<u8>, Payload<Slot>>>>;

/// A store below that gives so many entries at once.
#[derive(Debug)]
struct Pages {
    disk: Disk,
    entries: usize,
}

impl Below for Pages {
    fn page(&mut self, from: &[u8]) -> Option<Page> {
        let disk = self.disk.lock().expect("nobody panicked");
        let mut rest = disk.range::<[u8], _>((Bound::Included(from), Bound::Unbounded));
        let entries: Entries =
            rest.by_ref().take(self.entries).map(|(key, value)| (key.clone(), value.clone())).collect();
        Some(Page { entries, next: rest.next().map(|(key, _)| key.clone()) })
    }
}

/// A store of which at most `kept_max` bytes stay in memory, read `entries` at a time.
fn in_part(disk: &Disk, entries: usize, kept_max: u64) -> VatStore {
    let mut below = Pages { disk: disk.clone(), entries };
    let first = below.page(b"").expect("it can be read");
    let all = disk.lock().expect("nobody panicked").clone().into_iter().collect();
    let mut store = VatStore::in_part(first, Totals::of(&all), Box::new(below), u64::MAX);
    store.kept_max = kept_max;
    store
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn key(&mut self) -> Vec<u8> {
        let group = [b"a/", b"b/", b"c/"][self.roll(3) as usize];
        [group.as_slice(), &[self.roll(12) as u8]].concat()
    }
}

/// One act of a crank, on a store that is read in part and on one that is in memory: both must show the same.
fn act(dice: &mut Dice, part: &mut VatStore, whole: &mut VatStore) {
    let key = dice.key();
    match dice.roll(5) {
        0 => assert_eq!(part.get(&key), whole.get(&key)),
        1 => assert_eq!(part.remove(key.clone()), whole.remove(key)),
        2 => {
            let (prefix, after) = (&key[..dice.roll(3) as usize], dice.key());
            let seen = |store: &mut VatStore| {
                let (mut seen, mut left) = (Vec::new(), 6);
                let walked = store.walk(prefix, Some(&after), |key, value| {
                    seen.push((key.to_vec(), value.clone()));
                    left -= 1;
                    if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                walked.map(|()| seen)
            };
            assert_eq!(seen(part), seen(whole));
        }
        _ => {
            let value = value(&"x".repeat(dice.roll(40) as usize), &vec![dice.roll(4); dice.roll(3) as usize]);
            assert_eq!(part.put(key.clone(), value.clone()), whole.put(key, value));
        }
    }
}

#[test]
fn a_store_that_is_read_in_part_is_like_one_that_is_in_memory_whatever_is_done_to_it() {
    let mut let_go = 0;
    for seed in 0..400 {
        let dice = &mut Dice(seed);
        let disk = Disk::default();
        let mut whole = VatStore::whole(Vec::new(), u64::MAX);
        let (entries, kept_max) = (1 + dice.roll(5) as usize, dice.roll(400));
        let mut part = in_part(&disk, entries, kept_max);
        // What was reported and not written below yet.
        let mut waiting = Vec::new();
        for crank in 0..60 {
            part.make_room();
            let_go += u32::from(part.entries.len() < whole.entries.len());
            for _ in 0..dice.roll(8) {
                act(dice, &mut part, &mut whole);
                assert_eq!((part.bytes(), part.entries()), (whole.bytes(), whole.entries()), "seed {seed}, {crank}");
            }
            if dice.roll(4) == 0 {
                part.undo();
                whole.undo();
            } else {
                let reported = part.commit();
                assert_eq!(reported, whole.commit(), "seed {seed}, crank {crank}");
                waiting.extend(reported.0);
            }
            assert_eq!(part.totals, whole.totals, "seed {seed}, crank {crank}");
            if dice.roll(3) == 0 {
                let mut disk = disk.lock().expect("nobody panicked");
                for StoreWrite { key, value } in waiting.drain(..) {
                    match value {
                        Some(value) => drop(disk.insert(key, value)),
                        None => drop(disk.remove(&key)),
                    }
                }
                drop(disk);
                // That it is below may be told later than it is so.
                if dice.roll(2) == 0 {
                    part.all_is_below();
                }
            }
            if waiting.is_empty() && dice.roll(10) == 0 {
                // It leaves memory and comes back.
                part = in_part(&disk, entries, kept_max);
            }
        }
        let sum = |store: &VatStore| store.entries.iter().map(|(key, value)| weight(key, value)).sum::<u64>();
        assert_eq!(part.bytes_in_memory(), sum(&part), "seed {seed}");
    }
    assert!(let_go > 1_000, "often enough not everything was in memory: {let_go}");
}

#[test]
fn keys_behind_the_last_one_are_known_to_be_free_once_the_end_was_read() {
    let disk = Disk::default();
    disk.lock().expect("nobody panicked").insert(b"m".to_vec(), value("", &[]));
    let mut store = in_part(&disk, 8, 1 << 20);
    // What is below is not asked again: it would say otherwise.
    disk.lock().expect("nobody panicked").insert(b"z".to_vec(), value("", &[]));
    assert_eq!(store.get(b"z"), Ok(None));
}

#[test]
fn an_entry_that_cannot_be_read_ends_the_crank_and_changes_nothing() {
    #[derive(Debug)]
    struct Broke;
    impl Below for Broke {
        fn page(&mut self, _: &[u8]) -> Option<Page> {
            None
        }
    }
    let first = Page { entries: vec![(b"a".to_vec(), value("", &[]))], next: Some(b"b".to_vec()) };
    let totals = Totals { entries: 2, bytes: 4, ..Totals::default() };
    let mut store = VatStore::in_part(first, totals.clone(), Box::new(Broke), u64::MAX);
    assert_eq!(store.get(b"a"), Ok(Some(&value("", &[]))));
    assert_eq!(store.put(b"b".to_vec(), value("", &[])), Err(Broken::Unreadable));
    assert_eq!(store.remove(b"b".to_vec()), Err(Broken::Unreadable));
    assert_eq!(store.get(b"c"), Err(Broken::Unreadable));
    store.undo();
    assert_eq!(store.totals, totals);
}
