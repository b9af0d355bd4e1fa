//! Sizes at which anything that is not nearly linear would never come to an end, and anything that recurses would overflow its stack.

mod world;

use ocap_kernel::*;
use world::Stage;

#[test]
fn ls4_a_chain_of_a_million_promises_is_followed_and_taken_down_without_recursion() {
    const LINKS: u64 = 1_000_000;
    const LINKS_PER_CRANK: u64 = 100_000;
    let mut stage = Stage::with(&["alice"]);
    let (mut last, mut held) = (None, Vec::new());
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        last = Some((promise, resolver));
        held.push(promise);
    });
    for _ in 0..LINKS / LINKS_PER_CRANK {
        stage.kernel.ask(stage.root("alice"), "go", Payload::plain([])).expect("a root");
        let crank = stage.kernel.begin().expect("a message waits");
        let (_, mut resolver) = last.expect("there is one");
        let Delivery::Message { resolver: Some(asked), .. } = &crank.delivery else { panic!("it was asked") };
        let (mut syscalls, mut dropped, mut next) = (Vec::new(), vec![asked.slot], crank.next_slot.0);
        for _ in 0..LINKS_PER_CRANK {
            let (promise, resolves) = (Slot(next), Slot(next + 1));
            next += 2;
            syscalls.push(Syscall::NewPromise { promise, resolver: resolves });
            syscalls.push(Syscall::Settle { resolver, answer: Answer::Forward(promise) });
            dropped.push(resolver);
            held.push(promise);
            last = Some((promise, resolves));
            resolver = resolves;
        }
        let report = Report { outcome: Outcome::Done, syscalls, store: vec![], taken: vec![], dropped };
        assert_eq!(stage.kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
    }
    assert!(stage.kernel.promises() as u64 > LINKS);
    stage.kernel.ask(stage.root("alice"), "go", Payload::plain([])).expect("a root");
    let crank = stage.kernel.begin().expect("a message waits");
    let Delivery::Message { resolver: Some(asked), .. } = &crank.delivery else { panic!("it was asked") };
    let (_, resolver) = last.expect("there is one");
    // Everything is dropped, from the first link to the last.
    held.extend([resolver, asked.slot]);
    let answer = Answer::Fulfill(Payload::plain(*b"the end"));
    let report = Report {
        outcome: Outcome::Done,
        syscalls: vec![Syscall::Settle { resolver, answer }],
        store: vec![],
        taken: vec![],
        dropped: held,
    };
    let verdict = stage.kernel.finish(crank.vat, crank.id, report);
    assert_eq!(verdict, Verdict::Applied);
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=the end");
    assert!(stage.kernel.promises() <= 1, "the host's question is all that is left");
}

#[test]
fn a_vat_with_a_hundred_thousand_notices_takes_them_in_order_and_can_lose_them_all_at_once() {
    const NOTICES: u64 = 100_000;
    let mut stage = Stage::with(&["alice", "bob"]);
    let bob = Slot(2);
    for half in 0..2 {
        stage.kernel.ask(stage.root("alice"), "go", Payload::plain([])).expect("a root");
        let crank = stage.kernel.begin().expect("a message waits");
        let tokens = half * NOTICES..(half + 1) * NOTICES;
        let syscalls = tokens.map(|token| Syscall::Watch { promise: bob, token }).collect();
        let report = Report { outcome: Outcome::Done, syscalls, store: vec![], taken: vec![], dropped: vec![] };
        assert_eq!(stage.kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
        if half == 0 {
            let mut next = 0;
            while let Some(crank) = stage.kernel.begin() {
                let Delivery::Settled(notices) = &crank.delivery else { panic!("only notices wait") };
                for (token, _) in notices {
                    assert_eq!(*token, next);
                    next += 1;
                }
                let report =
                    Report { outcome: Outcome::Done, syscalls: vec![], store: vec![], taken: vec![], dropped: vec![] };
                stage.kernel.finish(crank.vat, crank.id, report);
            }
            assert_eq!(next, NOTICES);
        }
    }
    stage.kernel.quarantine(stage.id("alice"), Body::from([])).expect("alice lives");
    assert_eq!(stage.kernel.vat(stage.id("alice")).expect("alice lives").queued, 0);
}

#[test]
fn a_promise_with_a_hundred_thousand_watches_can_lose_them_one_by_one() {
    const WATCHES: u64 = 100_000;
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, _) = alice.new_promise();
        (0..WATCHES).for_each(|token| alice.watch(promise, token));
        (0..WATCHES).for_each(|token| alice.syscall(Syscall::Unwatch { token }));
    });
    assert!(!stage.is_told("alice"));
}

#[test]
fn ten_thousand_messages_and_watches_go_along_with_every_link_of_a_chain() {
    const WAITING: u64 = 10_000;
    const LINKS: u64 = 5_000;
    let mut stage = Stage::with(&["alice", "bob"]);
    let bob = Slot(2);
    stage.kernel.ask(stage.root("alice"), "go", Payload::plain([])).expect("a root");
    let crank = stage.kernel.begin().expect("a message waits");
    let (first, mut resolver) = (crank.next_slot, Slot(crank.next_slot.0 + 1));
    let mut syscalls = vec![Syscall::NewPromise { promise: first, resolver }];
    for number in 0..WAITING {
        let args = Payload::plain(number.to_be_bytes());
        syscalls.push(Syscall::Send { target: first, method: "m".to_owned(), args, answer: AnswerTo::Nobody });
        syscalls.push(Syscall::Watch { promise: first, token: number });
        syscalls.push(Syscall::Listen { promise: first, listener: bob });
    }
    for _ in 0..LINKS {
        let (promise, resolves) = (Slot(resolver.0 + 1), Slot(resolver.0 + 2));
        syscalls.push(Syscall::NewPromise { promise, resolver: resolves });
        syscalls.push(Syscall::Settle { resolver, answer: Answer::Forward(promise) });
        resolver = resolves;
    }
    syscalls.push(Syscall::Settle { resolver, answer: Answer::Forward(bob) });
    let report = Report { outcome: Outcome::Done, syscalls, store: vec![], taken: vec![], dropped: vec![] };
    assert_eq!(stage.kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
    stage.check();
    let inbox = stage.kernel.vat(stage.id("bob")).expect("bob lives").queued;
    assert_eq!(inbox, 50, "his mailbox is full");
    assert_eq!(stage.kernel.vat(stage.id("alice")).expect("alice lives").queued as u64, WAITING);
}
