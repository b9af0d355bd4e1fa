//! Messages on their way: what a delivery takes along, what a crank that fails leaves alone, and that nothing of a finished call stays.

mod world;

use ocap_kernel::*;
use world::Stage;

#[test]
fn kr1_a_message_reaches_the_object_it_was_sent_to_with_its_method_its_arguments_and_the_way_back() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![five], None);
    });
    stage.turn("alice", |alice| {
        let answer = alice.call(alice.args[0], "meet", vec![alice.peer("carol"), alice.args[0]]);
        alice.watch(answer, 1);
    });
    let told = stage.turn("bob", |bob| {
        assert_eq!(bob.args.len(), 2);
        assert_eq!(bob.args[1], bob.worker.exports[&5].0, "his own comes back as his own");
        bob.send(bob.args[0], "hello", vec![], None);
        bob.fulfill(bob.resolver.expect("an answer is wanted"), "met");
    });
    assert_eq!(told, "5.meet");
    assert_eq!(stage.turn("carol", |_| {}), "0.hello");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=met");
}

#[test]
fn kq1_a_message_that_was_delivered_leaves_no_row_and_holds_nothing_any_more() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.commit();
    let before = stage.disk.state.clone();
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![five], None);
        bob.drop(five);
    });
    stage.commit();
    assert_eq!(stage.disk.state.queue.len(), 1);
    assert_eq!(stage.turn("alice", |alice| alice.drop(alice.args[0])), "0.take");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
    stage.commit();
    assert_eq!(rows(&stage.disk.state), rows(&before));
}

#[test]
fn kq5_a_message_on_its_way_holds_its_target_and_the_promise_of_its_answer() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![five], None);
        bob.drop(five);
    });
    stage.turn("alice", |alice| {
        let answer = alice.call(alice.args[0], "hello", vec![]);
        alice.watch(answer, 1);
        alice.keep_only(&[]);
    });
    // Nobody but the message holds five, and nobody but its receiver will be able to settle the answer.
    assert_eq!(stage.begin("bob"), "5.hello");
    assert!(!stage.is_told("alice"));
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "hi")), "5.hello");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=hi");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
}

#[test]
fn kq7_what_a_crank_settles_is_told_to_nobody_if_the_crank_is_undone() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut resolver = None;
    stage.act("alice", |alice| {
        let (promise, resolves) = alice.new_promise();
        alice.put(b"resolver", vec![resolves]);
        alice.send(alice.peer("bob"), "take", vec![promise], None);
        resolver = Some(resolves);
    });
    stage.turn("bob", |bob| bob.watch(bob.args[0], 1));
    stage.ask("alice", "go");
    let (_, verdict) = stage.end("alice", |mut alice| {
        alice.fulfill(resolver.expect("she keeps it"), "never said");
        alice.watch(Slot(u64::MAX), 0);
        alice.end()
    });
    assert!(matches!(verdict, Verdict::Undone(_)), "{verdict:?}");
    assert!(!stage.is_told("bob"));
    // The promise is as open as before: the next incarnation settles it.
    stage.act_after_start("alice", |alice| {
        alice.get(b"resolver");
        alice.fulfill(resolver.expect("it is in her store"), "said");
    });
    assert_eq!(stage.turn("bob", |_| {}), "settled 1=said");
}

#[test]
fn kq8_a_promise_whose_answer_is_the_hosts_is_settled_by_the_host() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        for token in 1..=3 {
            let answer = alice.call(alice.peer("door"), "open", vec![]);
            alice.watch(answer, token);
        }
    });
    let replies = [
        Reply::Settle(Answer::Fulfill(Payload::plain(*b"open"))),
        Reply::Settle(Answer::Break(Payload::plain(*b"locked"))),
        Reply::Fail(Code::NoSuchMethod),
    ];
    for (call, reply) in stage.calls().into_iter().zip(replies) {
        stage.kernel.answer_call(call.id, reply);
        stage.check();
    }
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=open 2=broken: locked 3=failed no-such-method");
}

#[test]
fn kq9_a_promise_that_nobody_watches_is_settled_without_a_word_and_leaves_no_row() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.drop(answer);
    });
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("an answer is wanted"), "yes"));
    assert!(!stage.is_told("alice") && !stage.is_told("bob"));
    assert_eq!(stage.kernel.promises(), 0);
}

#[test]
fn kq14_a_crank_has_one_message_and_the_next_one_waits_for_its_end() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        alice.send(alice.peer("bob"), "1", vec![], None);
        alice.send(alice.peer("bob"), "2", vec![], None);
    });
    assert_eq!(stage.begin("bob"), "0.1");
    stage.commit();
    assert_eq!(stage.disk.state.queue.len(), 2, "until the crank has ended both are there");
    assert_eq!(stage.turn("bob", |_| {}), "0.1");
    assert_eq!(stage.turn("bob", |_| {}), "0.2");
    assert!(!stage.is_told("bob"));
}

#[test]
fn g8_what_the_host_sends_while_a_crank_is_under_way_is_not_touched_when_that_crank_is_undone() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let poison = stage.ask("bob", "poison");
    stage.begin("bob");
    let during = stage.ask("bob", "during");
    let elsewhere = stage.ask("alice", "elsewhere");
    stage.commit();
    assert!(matches!(stage.trap("bob"), Verdict::Undone(_)));
    assert_eq!(stage.answer(poison).as_deref(), Some("failed vat-trapped"));
    assert_eq!((stage.answer(during), stage.answer(elsewhere)), (None, None));
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "here")), "0.during");
    assert_eq!(stage.turn("alice", |alice| alice.fulfill(alice.resolver.expect("asked"), "there")), "0.elsewhere");
    assert_eq!(stage.answer(during).as_deref(), Some("here"));
    assert_eq!(stage.answer(elsewhere).as_deref(), Some("there"));
}

#[test]
fn g8_what_the_host_sends_while_a_crank_is_under_way_is_there_after_a_kill_in_the_middle_of_that_crank() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("bob", "first");
    stage.begin("bob");
    stage.ask("bob", "during");
    stage.commit();
    stage.crash();
    for told in ["start", "0.first", "0.during"] {
        assert_eq!(stage.turn("bob", |_| {}), told);
    }
}

#[test]
fn g20_a_broken_promise_that_nobody_watches_harms_nobody() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.send(answer, "and then", vec![], None);
        alice.keep_only(&[]);
    });
    stage.turn("bob", |bob| {
        let resolver = bob.resolver.expect("an answer is wanted");
        bob.settle(resolver, Answer::Break(Payload::plain(*b"no")));
    });
    assert!(!stage.is_told("alice") && !stage.is_told("bob"));
    assert_eq!(stage.kernel.promises(), 0);
}

/// Everything but the counters, which only rise, and how far the vats have come.
fn rows(state: &State) -> State {
    State { counters: Counters::default(), progress: Vec::new(), ..state.clone() }
}

/// A call that ends well, one that is pipelined to a new object, one that is answered to an object, one that is broken, one that
/// the host answers; and everybody lets go.
fn five_round_trips(stage: &mut Stage) {
    stage.act("alice", |alice| {
        let bob = alice.peer("bob");
        let plain = alice.call(bob, "plain", vec![]);
        let five = alice.call(bob, "five", vec![plain]);
        let pipelined = alice.call(five, "pipelined", vec![]);
        let ear = alice.expose(7, Lifetime::Durable);
        alice.send(bob, "to the ear", vec![], Some(ear));
        let broken = alice.call(bob, "broken", vec![ear]);
        let outside = alice.call(alice.peer("door"), "outside", vec![]);
        for (token, promise) in (1..).zip([plain, pipelined, broken, outside]) {
            alice.watch(promise, token);
        }
        alice.keep_only(&[]);
    });
    let call = stage.calls().remove(0);
    stage.kernel.answer_call(call.id, Reply::Settle(Answer::Fulfill(Payload::plain([]))));
    while stage.is_told("bob") || stage.is_told("alice") {
        if stage.is_told("alice") {
            stage.turn("alice", |alice| alice.keep_only(&[]));
            continue;
        }
        let told = stage.begin("bob");
        stage.turn("bob", |bob| match (told.as_str(), bob.resolver) {
            ("0.five", Some(resolver)) => {
                let five = bob.expose(5, Lifetime::Durable);
                bob.forward(resolver, five);
                bob.keep_only(&[]);
            }
            ("0.broken", Some(resolver)) => bob.settle(resolver, Answer::Break(Payload::plain(*b"no"))),
            (_, Some(resolver)) => bob.fulfill(resolver, "yes"),
            (_, None) => bob.keep_only(&[]),
        });
    }
}

#[test]
fn g7_a_hundred_thousand_round_trips_leave_the_state_as_it_was() {
    let mut stage = Stage::with(&["alice", "bob"]);
    five_round_trips(&mut stage);
    stage.commit();
    let before = rows(&stage.disk.state);
    for _ in 0..20 {
        for _ in 0..1_000 {
            five_round_trips(&mut stage);
        }
        // What changed and changed back is no row of the commit either.
        let commit = stage.kernel.take_commit();
        let written = [commit.objects.len(), commit.promises.len(), commit.clist.len(), commit.queue.len()];
        assert_eq!(written, [0, 0, 0, 0], "{commit:?}");
        stage.outputs.clear();
        stage.disk.write(commit);
    }
    assert_eq!(rows(&stage.disk.state), before);
    assert_eq!(stage.kernel.promises(), 0);
}
