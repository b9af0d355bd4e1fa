//! The vat's own store, seen from inside.

use ocap_kernel::StoreWrite;

use super::*;

#[test]
fn a_crank_reports_the_last_write_of_each_key() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("count", ""), "1");
    let report = vat.message("count", "", &[]).report;
    let write = StoreWrite { key: b"count".to_vec(), value: Some(Payload::plain(&b"2"[..])) };
    assert_eq!(report.store, [write]);
}

#[test]
fn a_trap_takes_writes_back() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("store-put", "mine"), "");
    assert!(vat.trap("store-put-trap", "mine").contains("unreachable"));
    vat.start();
    assert_eq!(vat.ask("store-look", "mine"), "mine", "as it was before the crank that trapped");
}

#[test]
fn stored_capabilities_are_taken_out_with_fresh_handles() {
    let mut vat = Vat::new();
    let report = vat.message("store-get", "old", &[]).report;
    assert_eq!((report.taken, report.dropped), (vec![Slot(3)], vec![RESOLVER]));
    assert_eq!(vat.ask("kept", ""), "3");
    assert_eq!(vat.message("store-look", "old", &[]).report.taken, [], "it has a handle already");
    assert_eq!(vat.message("release", "", &[]).report.dropped, [Slot(3), RESOLVER]);
    let glance = vat.message("store-look", "old", &[]).report;
    assert_eq!((glance.taken, glance.dropped), (vec![], vec![RESOLVER]), "taken and given up again is nothing");
}

#[test]
fn storing_a_capability_gives_no_handle_up_and_keeps_none() {
    let mut vat = Vat::new();
    let report = vat.message("store-put", "k", &[Slot(70), Slot(70)]).report;
    assert_eq!(report.store[0].value.as_ref().map(|value| value.caps.clone()), Some(vec![Slot(70), Slot(70)]));
    assert_eq!(report.dropped, [Slot(70), RESOLVER]);
    assert_eq!(vat.message("store-get", "k", &[]).report.taken, [Slot(70)]);
}

#[test]
fn keys_and_entries_are_found_by_prefix() {
    let mut vat = Vat::new();
    for key in ["a1", "a2", "b1"] {
        vat.ask("store-put", key);
    }
    assert_eq!(vat.ask("store-keys", "a"), "a1a2");
    assert_eq!(vat.ask("store-entries", ""), "4");
    assert_eq!(vat.ask("store-remove", "a1"), "\u{1}");
    assert_eq!(vat.ask("store-remove", "a1"), "\0");
    assert_eq!(vat.ask("store-keys", "a"), "a2");
}

#[test]
fn a_store_has_its_limits() {
    let mut vat = Vat::with(Limits { store_bytes: 2 << 20, ..Limits::default() }, b"");
    vat.start();
    assert_eq!(vat.ask("store-big", "3"), "");
    let full = vat.trap("store-big", "5");
    assert!(full.starts_with("the vat broke a rule: the vat's store would take 2"), "{full}");
    vat.start();
    let large = vat.trap("store-too-big", "");
    assert!(
        large.starts_with("the vat broke a rule: a store value of 1048577 bytes; at most 1048576 are allowed"),
        "{large}"
    );
    vat.start();
    assert!(vat.trap("store-put", &"k".repeat(513)).contains("a store key of 513 bytes"));
}
