//! Rows that contradict each other are refused with a word about where, and never followed for ever.

use ocap_kernel::*;

fn forward(to: u64) -> Promise {
    Promise::Settled(Answer::Forward(Kref::Promise(PromiseId(to))))
}

#[test]
fn kr15_promises_that_are_forwarded_in_a_circle_are_refused_with_the_circle() {
    let promises = vec![(PromiseId(1), forward(2)), (PromiseId(2), forward(3)), (PromiseId(3), forward(2))];
    let corrupt = Kernel::load(State { promises, ..State::default() }).expect_err("no kernel made these rows");
    assert_eq!(corrupt.0, "kp1 is forwarded in a circle through kp2");
}

#[test]
fn a_slot_that_is_kept_and_has_no_row_is_refused() {
    let vat = VatId(1);
    let mut kernel = Kernel::empty();
    let one = LaunchVat {
        name: "one".to_owned(),
        code: Body::from([]),
        parameters: Body::from([]),
        grants: Vec::new(),
        mailbox_max: 1,
        references_max: 1,
        turns: 1,
        when_quarantined: WhenQuarantined::Park,
    };
    let launch = Launch {
        name: "one".to_owned(),
        bootstrap: "one".to_owned(),
        declaration: Body::from([]),
        host_objects: Vec::new(),
        vats: vec![one],
    };
    kernel.launch(launch).expect("a launch");
    let commit = kernel.take_commit();
    let put = |change: Change<VatId, Vat>| Some((change.key, change.value?));
    let state = State {
        counters: commit.counters.expect("numbers were given"),
        vats: commit.vats.into_iter().filter_map(put).collect(),
        progress: commit.progress.into_iter().filter_map(|change| Some((change.key, change.value?))).collect(),
        holdings: vec![((vat, b"key".to_vec()), vec![Slot(9)])],
        ..State::default()
    };
    let corrupt = Kernel::load(state).expect_err("nothing is at slot 9");
    assert_eq!(corrupt.0, "v1 keeps slot 9, which its c-list does not have");
}
