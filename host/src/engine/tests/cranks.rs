//! Deliveries, syscalls, slots and handles.

use ocap_kernel::{AnswerTo, Code as Failure, Resolution};

use super::*;

fn slots(numbers: &[u64]) -> Vec<Slot> {
    numbers.iter().map(|&slot| Slot(slot)).collect()
}

#[test]
fn a_message_is_delivered_and_its_answer_settles_the_resolver() {
    let mut vat = Vat::new();
    let delivered = vat.message("echo", "hello", &[PEER]);
    assert_eq!(answer(&delivered.report), "hello");
    // The vat let go of the argument and of the resolver. The grant's handle of `start` was dropped in that crank.
    assert_eq!(delivered.report.dropped, slots(&[2, 90]));
    assert_eq!((delivered.report.taken, delivered.report.store), (vec![], vec![]));
}

#[test]
fn a_grant_counts_as_held_only_if_start_keeps_it() {
    let mut careless = Vat::with(Limits::default(), b"");
    assert_eq!(careless.start().report.dropped, [PEER]);
    let mut keeping = Vat::with(Limits::default(), b"keep");
    let report = keeping.start().report;
    assert_eq!((report.taken, report.dropped), (vec![], vec![]));
    assert_eq!(keeping.message("release", "", &[]).report.dropped, [PEER, RESOLVER]);
}

#[test]
fn syscalls_come_in_order_with_ascending_slots() {
    let mut vat = Vat::new();
    let report = vat.message("promise", "", &[PEER]).report;
    assert_eq!(answer(&report), "200 201");
    assert_eq!(
        report.syscalls[..4],
        [
            Syscall::NewPromise { promise: Slot(200), resolver: Slot(201) },
            Syscall::Watch { promise: Slot(200), token: 7 },
            Syscall::Listen { promise: Slot(200), listener: PEER },
            Syscall::Settle { resolver: Slot(201), answer: Answer::Forward(Slot(200)) },
        ]
    );
    assert_eq!(report.dropped, slots(&[2, 90, 200, 201]));
}

#[test]
fn a_call_makes_one_promise_and_borrows_what_it_sends() {
    let mut vat = Vat::new();
    let report = vat.message("call", "body", &[PEER]).report;
    let args = Payload { body: b"body"[..].into(), caps: vec![PEER] };
    let call = Syscall::Send { target: PEER, method: "ping".to_owned(), args, answer: AnswerTo::Promise(Slot(200)) };
    assert_eq!(report.syscalls[0], call);
    assert_eq!((report.taken, report.dropped), (vec![], slots(&[2, 90])), "the promise is kept");
    assert_eq!(vat.ask("kept", ""), "200");
}

#[test]
fn a_second_handle_keeps_the_reference() {
    let mut vat = Vat::new();
    assert_eq!(vat.message("duplicate", "", &[Slot(50)]).report.dropped, [RESOLVER]);
    assert_eq!(vat.ask("kept", ""), "50");
    assert_eq!(vat.message("release", "", &[]).report.dropped, slots(&[50, 90]));
}

#[test]
fn an_object_has_one_slot_and_knows_its_own_number() {
    let mut vat = Vat::new();
    let report = vat.message("expose", "5", &[]).report;
    assert_eq!(answer(&report), "200 Some(5)");
    let exposed = Exposed { object: 5, lifetime: Lifetime::Durable };
    assert_eq!(report.syscalls[0], Syscall::Expose { exposed, slot: Slot(200) });
    assert_eq!(vat.ask("expose", "5"), "200 Some(5)");
    assert_eq!(vat.ask("expose", "0"), "1 Some(0)", "the root is exposed from the beginning");
    let again = vat.trap("expose-briefly", "5");
    assert_eq!(again.lines().next(), Some("the vat broke a rule: object 5 is already exposed with the other lifetime"));
}

#[test]
fn what_nobody_holds_is_free_before_the_vat_hears_of_it() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("expose", "99"), "200 Some(99)");
    vat.message("release", "", &[]);
    let delivered = vat.deliver(Delivery::Dropped(vec![99]));
    let exposed = Exposed { object: 99, lifetime: Lifetime::Durable };
    assert_eq!(
        delivered.report.syscalls,
        [Syscall::Expose { exposed, slot: Slot(400) }],
        "a new object and a new slot"
    );
    assert_eq!(delivered.logs[0].message, "dropped 99");
}

#[test]
fn an_incarnation_object_is_unbound_by_the_next_start() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("expose-briefly", "6"), "200 Some(6)");
    assert_eq!(vat.start().report.outcome, Outcome::Done);
    assert_eq!(vat.ask("expose-briefly", "6"), "400 Some(6)");
}

#[test]
fn settled_promises_arrive_by_token() {
    let mut vat = Vat::new();
    let held = Held { slot: Slot(60), local: None };
    let delivered = vat.deliver(Delivery::Settled(vec![
        (1, Resolution::Forwarded(held)),
        (2, Resolution::Fulfilled(Payload { body: b""[..].into(), caps: vec![held] })),
        (3, Resolution::Failed(Failure::VatTrapped)),
    ]));
    let said: Vec<_> = delivered.logs.iter().map(|line| (line.message.as_str(), line.fields[0].1.as_str())).collect();
    assert_eq!(said, [("forwarded", "1"), ("fulfilled", "2"), ("vat-trapped", "3")]);
    assert_eq!((delivered.report.taken, delivered.report.dropped), (vec![], vec![]));
    assert_eq!(vat.ask("kept", ""), "60 60");
}

#[test]
fn pin_and_exit_reach_the_kernel() {
    let mut vat = Vat::new();
    let pinned = vat.message("pin", "", &[]).report.syscalls;
    assert_eq!(pinned[..2], [Syscall::Pin(true), Syscall::Unwatch { token: 7 }]);
    let left = vat.message("exit", "", &[]).report.syscalls;
    assert_eq!(left, [Syscall::Exit(Ok(Payload::plain(&b"bye"[..])))]);
}

#[test]
fn a_failed_start_is_told_and_undone() {
    let mut vat = Vat::with(Limits::default(), b"fail");
    let report = vat.start().report;
    assert_eq!(report.outcome, Outcome::StartFailed("told to fail\\n\\u{1b}[31m".to_owned()));
    assert_eq!(report.store, []);
    assert!(!vat.instance.is_live());
}

#[test]
fn the_same_deliveries_give_the_same_reports() {
    let run = || {
        let mut vat = Vat::new();
        let story =
            [("call", ""), ("expose", "8"), ("store-put", "k"), ("random", ""), ("release", ""), ("store-get", "old")];
        story.map(|(method, body)| vat.message(method, body, &[PEER, Slot(70)]).report)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_vat_moves_between_threads_and_sleeps_between_cranks() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("count", ""), "1");
    let mut vat = std::thread::spawn(move || {
        assert_eq!(vat.ask("count", ""), "2");
        vat
    })
    .join()
    .expect("no panic");
    vat.instance.hibernate();
    assert!(!vat.instance.is_live());
    vat.start();
    assert_eq!(vat.ask("count", ""), "3", "the store outlives the heap");
}
