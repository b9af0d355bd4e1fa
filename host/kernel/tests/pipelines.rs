//! Messages to promises that others decide: another vat, the host, somebody whose message is parked; in order, and of any length.

mod world;

use ocap_kernel::*;
use world::Stage;

/// What one vat is told next, until nothing is left.
fn all_told(stage: &mut Stage, vat: &str) -> Vec<String> {
    let mut told = Vec::new();
    while stage.is_told(vat) {
        told.push(stage.turn(vat, |turn| turn.keep_only(&[])));
    }
    told
}

#[test]
fn kr4_a_message_to_a_promise_that_another_vat_decides_waits_and_goes_where_that_vat_says() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.act("alice", |alice| {
        let way = alice.call(alice.peer("bob"), "the way", vec![]);
        let answer = alice.call(way, "hello", vec![]);
        alice.watch(answer, 1);
        alice.keep_only(&[]);
    });
    assert!(!stage.is_told("carol"));
    stage.turn("bob", |bob| bob.forward(bob.resolver.expect("an answer is wanted"), bob.peer("carol")));
    assert!(!stage.is_told("bob"), "he showed the way and is not on it");
    assert_eq!(stage.turn("carol", |carol| carol.fulfill(carol.resolver.expect("asked"), "hi")), "0.hello");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=hi");
}

#[test]
fn kr4_a_message_to_a_promise_that_the_host_decides_waits_also_over_a_restart() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let bob = stage.root("bob");
    stage.act("alice", |alice| {
        let way = alice.call(alice.peer("door"), "the way", vec![]);
        let ear = alice.expose(7, Lifetime::Durable);
        alice.send(way, "hello", vec![], Some(ear));
    });
    stage.restart();
    stage.kernel.answer_call(stage.calls()[0].id, Reply::Settle(Answer::Forward(bob)));
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "hi")), "0.hello");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "7.fulfill");
}

#[test]
fn kr4_a_message_to_a_promise_whose_resolver_lies_in_a_parked_message_waits_until_that_is_delivered() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.kernel.quarantine(stage.id("bob"), Body::from(*b"why")).expect("bob lives");
    stage.act("alice", |alice| {
        let (way, resolver) = alice.new_promise();
        alice.send(alice.peer("bob"), "decide", vec![resolver], None);
        let answer = alice.call(way, "hello", vec![]);
        alice.watch(answer, 1);
        alice.keep_only(&[]);
    });
    // Whatever comes between: a sweep, a restart of everybody.
    stage.kernel.sweep();
    stage.restart();
    stage.kernel.sweep();
    assert!(!stage.is_told("carol"));
    stage.kernel.heal(stage.id("bob")).expect("bob lives");
    assert_eq!(stage.turn("bob", |_| {}), "start");
    let told = stage.turn("bob", |bob| bob.forward(bob.args[0], bob.peer("carol")));
    assert_eq!(told, "0.decide");
    assert_eq!(all_told(&mut stage, "carol"), ["start", "0.hello"]);
}

#[test]
fn ls12_what_waited_on_a_promise_comes_before_what_is_sent_on_it_afterwards_whoever_sends() {
    let mut stage = Stage::with(&["alice", "bob", "carol", "dave"]);
    // Bob decides; alice and carol send on the same promise, in turns, before and after.
    stage.act("alice", |alice| {
        let way = alice.call(alice.peer("bob"), "the way", vec![]);
        alice.send(alice.peer("carol"), "take", vec![way], None);
        alice.put(b"way", vec![way]);
    });
    stage.turn("carol", |carol| carol.put(b"way", vec![carol.args[0]]));
    let sends = |stage: &mut Stage, vat: &str, what: &str| {
        stage.act(vat, |turn| {
            turn.get(b"way");
            let way = turn.worker.store[b"way".as_slice()][0];
            turn.send(way, what, vec![], None);
            turn.send(way, &format!("{what}, too"), vec![], None);
        });
    };
    for (vat, what) in [("alice", "1"), ("carol", "2"), ("alice", "3")] {
        sends(&mut stage, vat, what);
    }
    let mut resolver = None;
    stage.turn("bob", |bob| resolver = bob.resolver);
    sends(&mut stage, "carol", "4");
    // One of them is in a crank while the promise is settled, and finishes afterwards.
    stage.ask("alice", "go");
    stage.begin("alice");
    stage.act("bob", |bob| bob.forward(resolver.expect("an answer is wanted"), bob.peer("dave")));
    stage.turn("alice", |alice| {
        alice.get(b"way");
        alice.send(alice.worker.store[b"way".as_slice()][0], "5", vec![], None);
    });
    sends(&mut stage, "carol", "6");
    let told = all_told(&mut stage, "dave");
    let expected = ["1", "1, too", "2", "2, too", "3", "3, too", "4", "4, too", "5", "6", "6, too"];
    assert_eq!(told, expected.map(|method| format!("0.{method}")));
}

#[test]
fn ls12_messages_that_wait_on_several_links_of_a_chain_arrive_in_the_order_of_each_link() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    let mut links = Vec::new();
    stage.act("alice", |alice| {
        links.extend((0..6).map(|_| alice.new_promise()));
        for round in 0..3 {
            for (link, (promise, _)) in links.iter().enumerate() {
                alice.send(*promise, &format!("{link} {round}"), vec![], None);
            }
        }
    });
    // The chain is closed from its middle, each link in its own crank, with more sent on every link between.
    for (step, link) in [2_usize, 4, 0, 3, 1].into_iter().enumerate() {
        stage.act("alice", |alice| {
            alice.forward(links[link].1, links[link + 1].0);
            for (other, (promise, _)) in links.iter().enumerate() {
                alice.send(*promise, &format!("{other} {}", step + 3), vec![], None);
            }
        });
        assert!(!stage.is_told("bob"));
    }
    stage.act("alice", |alice| alice.forward(links[5].1, alice.peer("bob")));
    let told = all_told(&mut stage, "bob");
    assert_eq!(told.len(), 48);
    for link in 0..links.len() {
        let of_the_link: Vec<_> = told.iter().filter(|told| told.starts_with(&format!("0.{link} "))).cloned().collect();
        assert_eq!(of_the_link, (0..8).map(|round| format!("0.{link} {round}")).collect::<Vec<_>>());
    }
}
