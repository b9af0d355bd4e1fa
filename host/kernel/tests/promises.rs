//! Promises: who decides them, who hears of it, and that nobody who can hear waits in vain (kernel-rules 3, 6 to 10, 23, section C).

mod world;

use ocap_kernel::*;
use world::Stage;

#[test]
fn an_answer_that_nobody_can_give_any_more_breaks_the_promise() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.watch(answer, 1);
    });
    assert_eq!(stage.turn("bob", |bob| bob.drop(bob.resolver.expect("an answer is wanted"))), "0.question");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed resolver-dropped");
}

#[test]
fn a_resolver_that_is_used_and_dropped_in_one_crank_settles_its_promise() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.watch(answer, 1);
    });
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("an answer is wanted"), "yes"));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=yes");
}

#[test]
fn a_message_that_carries_the_only_resolver_keeps_its_promise_open_until_it_is_delivered_and_beyond() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.send(alice.peer("bob"), "decide", vec![resolver], None);
        alice.drop(resolver);
    });
    let mut resolver = None;
    stage.turn("bob", |bob| resolver = Some(bob.args[0]));
    assert!(!stage.is_told("alice"));
    stage.act("bob", |bob| bob.fulfill(resolver.expect("it was delivered"), "late"));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=late");
}

#[test]
fn kq10_a_promise_is_settled_once_and_later_attempts_are_ignored() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.fulfill(resolver, "first");
        alice.syscall(Syscall::Settle { resolver, answer: Answer::Break(Payload::plain(*b"second")) });
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=first");
}

#[test]
fn who_asks_a_spent_resolver_for_an_answer_hears_that_it_is_spent() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (_, resolver) = alice.new_promise();
        let first = alice.call(resolver, "fulfill", vec![]);
        let second = alice.call(resolver, "break", vec![]);
        alice.watch(first, 1);
        alice.watch(second, 2);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=\u{fffd} 2=failed already-settled", "the first is told null");
}

#[test]
fn of_two_messages_that_wait_together_for_one_resolver_only_the_first_is_told_that_it_settled_it() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (_, resolver) = alice.new_promise();
        let (way, opens) = alice.new_promise();
        let first = alice.call(way, "fulfill", vec![]);
        let second = alice.call(way, "fulfill", vec![]);
        alice.watch(first, 1);
        alice.watch(second, 2);
        alice.forward(opens, resolver);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=\u{fffd} 2=failed already-settled");
}

#[test]
fn a_resolver_knows_only_its_three_methods() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        let (odd, two) =
            (alice.call(resolver, "abolish", vec![]), alice.call(resolver, "forward", vec![promise, promise]));
        alice.watch(odd, 1);
        alice.watch(two, 2);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed no-such-method 2=failed no-such-method");
}

#[test]
fn a_resolver_that_is_sent_to_itself_does_no_harm() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (with_data, first) = alice.new_promise();
        let (with_link, second) = alice.new_promise();
        alice.watch(with_data, 1);
        alice.watch(with_link, 2);
        alice.fulfill_with(first, vec![first]);
        alice.forward(second, second);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=with 2=forwarded");
}

#[test]
fn a_promise_that_is_forwarded_to_itself_is_broken_whatever_the_way_round() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (first, resolves_first) = alice.new_promise();
        let (second, resolves_second) = alice.new_promise();
        let (third, resolves_third) = alice.new_promise();
        [first, second, third].iter().zip(1..).for_each(|(promise, token)| alice.watch(*promise, token));
        alice.forward(resolves_first, second);
        alice.forward(resolves_second, third);
        alice.forward(resolves_third, first);
    });
    let told = stage.turn("alice", |_| {});
    assert_eq!(told, "settled 1=failed forward-cycle 2=failed forward-cycle 3=failed forward-cycle");
}

#[test]
fn kr5_a_message_to_data_is_answered_not_a_capability() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        let waiting = alice.call(promise, "early", vec![]);
        alice.fulfill(resolver, "42");
        let late = alice.call(promise, "late", vec![]);
        alice.watch(waiting, 1);
        alice.watch(late, 2);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed not-a-capability 2=failed not-a-capability");
}

#[test]
fn kr6_what_waits_on_a_broken_promise_is_broken_with_it() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        let waiting = alice.call(promise, "early", vec![]);
        alice.settle(resolver, Answer::Break(Payload::plain(*b"no")));
        alice.watch(waiting, 1);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=broken: no");
}

#[test]
fn kr9_kr12_a_watch_fires_once_and_only_with_the_end_of_the_chain() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (first, resolver) = alice.new_promise();
        let end = alice.call(alice.peer("bob"), "end", vec![]);
        alice.watch(first, 1);
        alice.forward(resolver, end);
    });
    assert!(!stage.is_told("alice"), "a promise is no end");
    stage.turn("bob", |bob| {
        let root = bob.expose(0, Lifetime::Durable);
        bob.forward(bob.resolver.expect("an answer is wanted"), root);
    });
    let mut root = Vec::new();
    assert_eq!(stage.turn("alice", |alice| root = alice.args.clone()), "settled 1=forwarded");
    let known = stage.kernel.references(stage.id("alice")).find(|(slot, _)| root == [*slot]).map(|(_, kref)| kref);
    assert_eq!(known, Some(stage.root("bob")), "the object itself, no promise");
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_watch_on_what_has_ended_fires_at_once() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.fulfill(resolver, "done");
        alice.watch(promise, 1);
        alice.watch(alice.peer("bob"), 2);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=done 2=forwarded");
}

#[test]
fn kq6_a_watch_holds_its_promise_until_it_has_fired() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.watch(answer, 1);
        alice.drop(answer);
    });
    stage.turn("bob", |bob| bob.fulfill_with(bob.resolver.expect("an answer is wanted"), vec![bob.peer("alice")]));
    assert_eq!(stage.kernel.promises(), 1);
    assert_eq!(stage.turn("alice", |alice| alice.drop(alice.args[0])), "settled 1=with");
    assert_eq!(stage.kernel.promises(), 0);
}

#[test]
fn kr10_a_watch_that_was_taken_back_never_fires_and_neither_does_its_queued_notice() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.watch(promise, 2);
        alice.syscall(Syscall::Unwatch { token: 1 });
        alice.fulfill(resolver, "done");
        alice.syscall(Syscall::Unwatch { token: 2 });
        alice.syscall(Syscall::Unwatch { token: 77 });
    });
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_token_is_free_again_in_the_crank_that_delivers_it() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.fulfill(resolver, "first");
    });
    stage.turn("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.fulfill(resolver, "second");
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=second");
}

#[test]
fn a_token_that_is_in_use_can_not_be_taken_again() {
    let mut stage = Stage::with(&["alice"]);
    stage.ask("alice", "go");
    let (_, verdict) = stage.end("alice", |mut alice| {
        let (promise, _) = alice.new_promise();
        alice.watch(promise, 1);
        alice.watch(promise, 1);
        alice.end()
    });
    assert!(matches!(verdict, Verdict::Undone(_)), "{verdict:?}");
}

#[test]
fn taking_back_a_token_that_is_being_delivered_is_ignored() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.fulfill(resolver, "first");
    });
    assert_eq!(stage.turn("alice", |alice| alice.syscall(Syscall::Unwatch { token: 1 })), "settled 1=first");
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_listener_gets_exactly_one_message_also_when_the_promise_fails() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let listener = alice.expose(7, Lifetime::Durable);
        let (data, gives_data) = alice.new_promise();
        let (lost, nobody) = alice.new_promise();
        let (link, links) = alice.new_promise();
        [data, lost, link].into_iter().for_each(|promise| alice.listen(promise, listener));
        alice.fulfill(gives_data, "data");
        alice.forward(links, alice.peer("bob"));
        alice.drop(nobody);
    });
    assert_eq!(stage.turn("alice", |_| {}), "7.fulfill");
    assert_eq!(stage.turn("alice", |alice| assert_eq!(alice.args, [alice.peer("bob")])), "7.forward");
    assert_eq!(stage.turn("alice", |_| {}), "7.break");
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_callee_that_drops_the_answer_to_an_object_does_not_keep_its_caller_waiting() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let me = alice.expose(7, Lifetime::Durable);
        alice.send(alice.peer("bob"), "question", vec![], Some(me));
    });
    stage.turn("bob", |bob| {
        let resolver = bob.resolver.expect("an answer is wanted");
        assert!(!bob.worker.grants.values().any(|grant| *grant == resolver));
        bob.drop(resolver);
    });
    assert_eq!(stage.turn("alice", |_| {}), "7.break");
}

#[test]
fn a_callee_can_not_reach_the_object_that_waits_for_its_answer() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let me = alice.expose(7, Lifetime::Durable);
        alice.send(alice.peer("bob"), "question", vec![], Some(me));
    });
    stage.turn("bob", |bob| {
        let resolver = bob.resolver.expect("an answer is wanted");
        bob.send(resolver, "withdraw_everything", vec![], None);
        bob.fulfill(resolver, "yes");
    });
    assert_eq!(stage.turn("alice", |_| {}), "7.fulfill", "the other message went nowhere");
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_listener_outlives_the_incarnation_that_asked() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let me = alice.expose(7, Lifetime::Durable);
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.listen(answer, me);
    });
    stage.turn("bob", |bob| bob.put(b"answer", vec![bob.resolver.expect("an answer is wanted")]));
    stage.restart();
    stage.ask("bob", "go");
    stage.turn("bob", |_| {});
    stage.turn("bob", |bob| {
        bob.get(b"answer");
        let resolver = bob.worker.store[b"answer".as_slice()][0];
        bob.fulfill(resolver, "at last");
    });
    stage.turn("alice", |_| {});
    assert_eq!(stage.turn("alice", |_| {}), "7.fulfill");
}

#[test]
fn g4_the_code_of_a_break_tells_the_last_loss() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.act("alice", |alice| {
        let (lost, trapped) =
            (alice.call(alice.peer("bob"), "m", vec![]), alice.call(alice.peer("carol"), "m", vec![]));
        alice.watch(lost, 1);
        alice.watch(trapped, 2);
    });
    stage.turn("bob", |_| {});
    stage.trap("carol");
    stage.ask("bob", "go");
    stage.trap("bob");
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=failed vat-trapped");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed incarnation-lost");
}

#[test]
fn two_promises_whose_answers_wait_for_each_other_are_both_broken() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (first, resolves_first) = alice.new_promise();
        let (second, resolves_second) = alice.new_promise();
        alice.send(first, "m", vec![], Some(resolves_second));
        alice.send(second, "m", vec![], Some(resolves_first));
        alice.watch(first, 1);
        alice.watch(second, 2);
        alice.drop(resolves_first);
        alice.drop(resolves_second);
    });
    assert!(!stage.is_told("alice"), "counting alone does not see it");
    stage.kernel.sweep();
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed resolver-dropped 2=failed resolver-dropped");
}

#[test]
fn a_promise_whose_resolver_waits_on_the_promise_itself_is_broken() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (answer, resolves_answer) = alice.new_promise();
        alice.send(answer, "m", vec![], Some(resolves_answer));
        let (argument, resolves_argument) = alice.new_promise();
        alice.send(argument, "m", vec![resolves_argument], None);
        alice.watch(answer, 1);
        alice.watch(argument, 2);
        alice.keep_only(&[]);
    });
    stage.kernel.sweep();
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed resolver-dropped 2=failed resolver-dropped");
}

#[test]
fn kr11_settled_values_that_contain_each_other_leave_no_rows_and_free_what_they_hold() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (hangs, resolves_hangs) = alice.new_promise();
        let (first, resolves_first) = alice.new_promise();
        let (second, resolves_second) = alice.new_promise();
        alice.watch(hangs, 1);
        alice.fulfill_with(resolves_first, vec![second]);
        alice.fulfill_with(resolves_second, vec![first, resolves_hangs]);
        alice.keep_only(&[]);
    });
    assert!(!stage.is_told("alice"));
    stage.kernel.sweep();
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed resolver-dropped");
    assert_eq!(stage.kernel.promises(), 0);
}

#[test]
fn the_sweep_spares_a_promise_that_a_parked_vat_can_still_settle() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.kernel.quarantine(stage.id("bob"), Body::from(*b"why")).expect("bob lives");
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.watch(answer, 1);
    });
    stage.kernel.sweep();
    assert!(!stage.is_told("alice"));
    stage.kernel.heal(stage.id("bob")).expect("bob lives");
    stage.turn("bob", |_| {});
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("an answer is wanted"), "yes"));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=yes");
}

#[test]
fn a_promise_keeps_its_slot_when_it_settles_and_its_object_has_another() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.forward(resolver, alice.peer("bob"));
        alice.send(alice.peer("bob"), "both", vec![promise, alice.peer("bob"), promise], None);
    });
    stage.turn("bob", |bob| {
        assert_eq!(bob.args[0], bob.args[2]);
        assert_ne!(bob.args[0], bob.args[1]);
        assert_ne!(bob.args[1], Slot(1), "what alice was granted guards his root, and is another object");
    });
}

#[test]
fn a_listener_goes_along_when_its_promise_is_forwarded() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let me = alice.expose(7, Lifetime::Durable);
        let (first, resolver) = alice.new_promise();
        alice.listen(first, me);
        let end = alice.call(alice.peer("bob"), "end", vec![]);
        alice.listen(end, me);
        alice.forward(resolver, end);
    });
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("an answer is wanted"), "yes"));
    assert_eq!(stage.turn("alice", |_| {}), "7.fulfill");
    assert_eq!(stage.turn("alice", |_| {}), "7.fulfill");
    assert!(!stage.is_told("alice"));
}

#[test]
fn what_waited_on_a_promise_is_delivered_before_the_notice_that_it_ended() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.send(promise, "waits", vec![], None);
        let me = alice.expose(0, Lifetime::Durable);
        alice.forward(resolver, me);
    });
    assert_eq!(stage.turn("alice", |_| {}), "0.waits");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=forwarded");
}
