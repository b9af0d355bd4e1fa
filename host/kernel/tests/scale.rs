//! Sizes at which anything that is not nearly linear would never come to an end, and anything that recurses would overflow its stack.

mod world;

use ocap_kernel::*;
use world::Stage;

const LINKS: u64 = 1_000_000;
const LINKS_PER_CRANK: u64 = 100_000;

/// Promises of alice, each forwarded to the next before that one is settled, and the resolver of the last.
fn chain_of_a_million(stage: &mut Stage) -> (Vec<Slot>, Slot) {
    let (mut resolver, mut links) = (None, Vec::new());
    stage.act("alice", |alice| {
        let (promise, resolves) = alice.new_promise();
        alice.put(b"first", vec![promise]);
        alice.watch(promise, 1);
        links.push(promise);
        resolver = Some(resolves);
    });
    let mut resolver = resolver.expect("there is one");
    for _ in 0..LINKS / LINKS_PER_CRANK {
        let (crank, asked) = go(stage);
        let (mut syscalls, mut dropped, mut next) = (Vec::new(), vec![asked], crank.next_slot.0);
        for _ in 0..LINKS_PER_CRANK {
            let (promise, resolves) = (Slot(next), Slot(next + 1));
            next += 2;
            syscalls.push(Syscall::NewPromise { promise, resolver: resolves });
            syscalls.push(Syscall::Settle { resolver, answer: Answer::Forward(promise) });
            dropped.push(resolver);
            links.push(promise);
            resolver = resolves;
        }
        let report = Report { outcome: Outcome::Done, syscalls, store: vec![], taken: vec![], dropped };
        assert_eq!(stage.kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
    }
    assert!(stage.kernel.promises() as u64 > LINKS);
    (links, resolver)
}

/// Alice's next crank, without the stage's audit after it, and the resolver of what the host asks in it.
fn go(stage: &mut Stage) -> (Crank, Slot) {
    stage.kernel.ask(stage.root("alice"), "go", Payload::plain([])).expect("a root");
    let crank = stage.kernel.begin().expect("a message waits");
    let Delivery::Message { resolver: Some(asked), .. } = &crank.delivery else { panic!("it was asked") };
    let asked = asked.slot;
    (crank, asked)
}

#[test]
fn ls4_a_chain_of_a_million_promises_is_followed_and_taken_down_without_recursion() {
    let mut stage = Stage::with(&["alice"]);
    let (links, resolver) = chain_of_a_million(&mut stage);
    let (crank, asked) = go(&mut stage);
    // Everything is dropped, from the first link to the last.
    let answer = Answer::Fulfill(Payload::plain(*b"the end"));
    let report = Report {
        outcome: Outcome::Done,
        syscalls: vec![Syscall::Settle { resolver, answer }],
        store: vec![StoreWrite { key: b"first".to_vec(), value: None }],
        taken: vec![],
        dropped: [links, vec![resolver, asked]].concat(),
    };
    let verdict = stage.kernel.finish(crank.vat, crank.id, report);
    assert_eq!(verdict, Verdict::Applied);
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=the end");
    assert!(stage.kernel.promises() <= 1, "the host's question is all that is left");
}

#[test]
fn ls4_a_chain_of_a_million_promises_is_loaded_and_followed_without_recursion() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let (links, resolver) = chain_of_a_million(&mut stage);
    let (crank, asked) = go(&mut stage);
    let last = Payload { body: Body::from([]), caps: vec![resolver] };
    let store = vec![StoreWrite { key: b"last".to_vec(), value: Some(last) }];
    let report = Report { outcome: Outcome::Done, syscalls: vec![], store, taken: vec![], dropped: vec![asked] };
    assert_eq!(stage.kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
    stage.commit();
    // Without the stage, whose audit after each act takes its time with so many rows.
    let (alice, bob, first) = (stage.id("alice"), stage.id("bob"), links[0]);
    let mut kernel = Kernel::load(stage.disk.state).expect("what was committed loads");
    assert!(kernel.promises() as u64 > LINKS, "the first link holds all that follow");
    kernel.wake(alice);
    let crank = kernel.begin().expect("her start");
    let send = |method: &str| Syscall::Send {
        target: first,
        method: method.to_owned(),
        args: Payload::plain([]),
        answer: AnswerTo::Nobody,
    };
    let syscalls = vec![send("early"), Syscall::Settle { resolver, answer: Answer::Forward(Slot(2)) }, send("late")];
    let forget = |key: &[u8]| StoreWrite { key: key.to_vec(), value: None };
    let store = vec![forget(b"first"), forget(b"last")];
    let report = Report { outcome: Outcome::Done, syscalls, store, taken: vec![], dropped: vec![] };
    assert_eq!(kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
    assert_eq!(kernel.promises(), 0);
    kernel.audit().unwrap_or_else(|discrepancy| panic!("{discrepancy}"));
    let queued = kernel.vat(bob).expect("bob lives").queued;
    assert_eq!(queued, 2);
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
