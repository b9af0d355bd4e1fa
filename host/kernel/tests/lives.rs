//! How vats live: incarnations, traps, quarantine, sleep, exit and the end (kernel-rules 5, 12, 15 to 18, 22, 23).

mod world;

use ocap_kernel::*;
use world::{Stage, Turn, Worker, launch};

fn reason() -> Body {
    Body::from(*b"why")
}

/// Two vats, of which bob answers messages with an error while he is in quarantine.
fn with_rejecting_bob() -> Stage {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[1].when_quarantined = WhenQuarantined::Reject;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    stage
}

fn exits(stage: &mut Stage) -> Vec<Result<(), ()>> {
    stage.outputs.extend(stage.kernel.take_outputs());
    let reason = |output: &Output| match output {
        Output::Exited(_, reason) => Some(reason.clone().map(|_| ()).map_err(|_| ())),
        Output::Answered { .. } | Output::Call(_) | Output::Released(_) => None,
    };
    stage.outputs.iter().filter_map(reason).collect()
}

#[test]
fn kq2_a_trap_is_answered_and_leaves_no_other_trace() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "poison", vec![]);
        alice.watch(answer, 1);
    });
    let (_, verdict) = stage.end("bob", |mut bob| {
        bob.send(bob.peer("alice"), "never sent", vec![], None);
        bob.put(b"never", vec![]);
        bob.trap()
    });
    assert_eq!(verdict, Verdict::Undone("the script says so".to_owned()));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed vat-trapped");
    assert!(!stage.is_told("alice"));
    stage.commit();
    assert!(stage.disk.store.is_empty());
}

#[test]
fn g4_with_an_incarnation_go_its_promises_its_watches_and_its_own_objects_and_the_rest_stays() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let (short, long) = (bob.expose(11, Lifetime::Incarnation), bob.expose(5, Lifetime::Durable));
        let (promise, resolver) = bob.new_promise();
        bob.put(b"resolver", vec![resolver]);
        let (held, _only_in_the_heap) = bob.new_promise();
        bob.watch(promise, 1);
        bob.send(bob.peer("alice"), "take", vec![short, long, promise, held], None);
    });
    stage.turn("alice", |alice| {
        alice.watch(alice.args[2], 1);
        alice.watch(alice.args[3], 2);
        let to_short = alice.call(alice.args[0], "waits", vec![]);
        alice.watch(to_short, 3);
        alice.send(alice.args[1], "stays", vec![], None);
    });
    stage.kernel.quarantine(stage.id("bob"), reason()).expect("bob lives");
    let told = stage.turn("alice", |_| {});
    assert_eq!(told, "settled 3=failed incarnation-lost 2=failed incarnation-lost");
    stage.kernel.heal(stage.id("bob")).expect("bob lives");
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |_| {}), "5.stays");
}

#[test]
fn oe1_an_object_of_a_past_incarnation_answers_incarnation_lost_and_its_number_is_free() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let short = bob.expose(11, Lifetime::Incarnation);
        bob.send(bob.peer("alice"), "take", vec![short], None);
    });
    let mut short = None;
    stage.turn("alice", |alice| short = Some(alice.args[0]));
    stage.ask("bob", "go");
    stage.trap("bob");
    stage.act("alice", |alice| {
        let answer = alice.call(short.expect("it was delivered"), "hello", vec![]);
        alice.watch(answer, 1);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed incarnation-lost");
    stage.act_after_start("bob", |bob| {
        let again = bob.expose(11, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![again], None);
    });
    stage.turn("alice", |alice| assert_ne!(Some(alice.args[0]), short));
}

#[test]
fn kq13_a_vat_in_a_crank_that_is_quarantined_meets_its_message_again_when_it_is_healed() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let asked = stage.ask("bob", "question");
    stage.begin("bob");
    stage.kernel.quarantine(stage.id("bob"), reason()).expect("bob lives");
    let (_, verdict) = stage.end("bob", |mut bob| {
        bob.send(bob.peer("alice"), "never sent", vec![], None);
        bob.end()
    });
    assert_eq!(verdict, Verdict::Stale);
    assert_eq!(stage.answer(asked), None);
    stage.kernel.heal(stage.id("bob")).expect("bob lives");
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("the host asks"), "yes")), "0.question");
    assert_eq!(stage.answer(asked).as_deref(), Some("yes"));
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_vat_that_rejects_answers_what_waits_and_what_comes_and_keeps_its_notices() {
    let mut stage = with_rejecting_bob();
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![five], None);
        bob.drop(five);
    });
    let waits = stage.ask("bob", "waits");
    stage.turn("alice", |alice| alice.drop(alice.args[0]));
    stage.kernel.quarantine(stage.id("bob"), reason()).expect("bob lives");
    assert_eq!(stage.answer(waits).as_deref(), Some("failed vat-quarantined"));
    let comes = stage.ask("bob", "comes");
    assert_eq!(stage.answer(comes).as_deref(), Some("failed vat-quarantined"));
    stage.kernel.heal(stage.id("bob")).expect("bob lives");
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
}

#[test]
fn a_vat_that_rejects_does_so_as_well_when_it_fell_into_quarantine_by_itself() {
    let mut declared = launch("scene", &["alice"]);
    declared.vats[0].when_quarantined = WhenQuarantined::Reject;
    let mut stage = Stage::of(declared);
    let waits = stage.ask("alice", "waits");
    assert!(matches!(stage.trap("alice"), Verdict::Quarantined(_)));
    assert_eq!(stage.answer(waits).as_deref(), Some("failed vat-quarantined"));
}

#[test]
fn a_start_that_fails_consumes_no_message() {
    let mut stage = Stage::of(launch("scene", &["alice"]));
    let asked = stage.ask("alice", "question");
    let (told, verdict) =
        stage.end("alice", |turn| Report { outcome: Outcome::StartFailed("no".to_owned()), ..turn.trap() });
    assert_eq!((told.as_str(), verdict), ("start", Verdict::Quarantined("no".to_owned())));
    assert_eq!(stage.answer(asked), None);
    stage.kernel.heal(stage.id("alice")).expect("alice lives");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "0.question");
}

#[test]
fn a_first_start_is_owed_until_it_has_worked_also_by_the_next_boot() {
    let mut stage = Stage::of(launch("scene", &["alice"]));
    stage.commit();
    stage.crash();
    assert_eq!(stage.begin("alice"), "start");
    stage.trap("alice");
    stage.kernel.heal(stage.id("alice")).expect("alice lives");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    stage.restart();
    assert!(!stage.is_told("alice"), "from then on it sleeps until there is something to do");
}

#[test]
fn one_senders_poison_never_switches_a_vat_off_for_all() {
    let mut stage = Stage::with(&["alice", "bob"]);
    for _ in 0..10 {
        stage.act("alice", |alice| alice.send(alice.peer("bob"), "poison", vec![], None));
        while stage.begin("bob") == "start" {
            stage.turn("bob", |_| {});
        }
        assert!(matches!(stage.trap("bob"), Verdict::Undone(_)));
    }
}

#[test]
fn a_vat_that_fails_for_two_senders_with_nothing_finished_between_is_quarantined() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut verdicts = Vec::new();
    for sender in ["alice", "alice", "host"] {
        match sender {
            "host" => drop(Some(stage.ask("bob", "poison"))),
            _ => stage.act("alice", |alice| alice.send(alice.peer("bob"), "poison", vec![], None)),
        }
        while stage.begin("bob") == "start" {
            stage.turn("bob", |_| {});
        }
        verdicts.push(stage.trap("bob"));
    }
    assert!(matches!(verdicts[..], [Verdict::Undone(_), Verdict::Undone(_), Verdict::Quarantined(_)]), "{verdicts:?}");
}

#[test]
fn an_answer_that_traps_counts_as_no_other_senders_message() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let me = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "question", vec![], Some(me));
        bob.send(bob.peer("alice"), "question", vec![], Some(me));
    });
    for _ in 0..2 {
        stage.turn("alice", |alice| {
            alice.send(alice.peer("bob"), "poison", vec![], None);
            alice.fulfill(alice.resolver.expect("bob asks"), "poison");
        });
    }
    for told in ["0.poison", "5.fulfill", "0.poison", "5.fulfill"] {
        while stage.begin("bob") == "start" {
            stage.turn("bob", |_| {});
        }
        assert_eq!(stage.begin("bob"), told);
        assert!(matches!(stage.trap("bob"), Verdict::Undone(_)));
    }
}

#[test]
fn a_vat_that_never_takes_the_notice_at_the_head_of_its_inbox_is_quarantined() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.drop(five);
    });
    for verdict in ["undone", "undone", "quarantined"] {
        while stage.begin("alice") == "start" {
            stage.turn("alice", |_| {});
        }
        assert_eq!(stage.begin("alice"), "dropped 5");
        let is_quarantined = matches!(stage.trap("alice"), Verdict::Quarantined(_));
        assert_eq!(is_quarantined, verdict == "quarantined");
    }
}

#[test]
fn g21_a_vat_at_rest_leaves_memory_and_comes_back_with_its_next_message() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |_| {});
    assert!(stage.kernel.hibernate(stage.id("alice")));
    stage.ask("alice", "hello");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "0.hello");
}

#[test]
fn a_vat_with_anything_to_lose_does_not_hibernate() {
    type Scene = (&'static str, fn(&mut Turn<'_>));
    let scenes: [Scene; 7] = [
        ("a watch", |alice| {
            let (promise, resolver) = alice.new_promise();
            alice.watch(promise, 1);
            alice.put(b"r", vec![resolver, promise]);
        }),
        ("a handle that is not stored", |alice| {
            alice.new_promise();
        }),
        ("a pin", |alice| alice.syscall(Syscall::Pin(true))),
        ("its incarnation's object in other hands", |alice| {
            let short = alice.expose(11, Lifetime::Incarnation);
            alice.send(alice.peer("door"), "take", vec![short], None);
            alice.drop(short);
        }),
        ("its incarnation's object in its own store", |alice| {
            let short = alice.expose(11, Lifetime::Incarnation);
            alice.put(b"short", vec![short]);
        }),
        ("the only handle on an object, which would be dropped", |alice| {
            alice.expose(5, Lifetime::Durable);
        }),
        ("a message that waits", |alice| {
            let me = alice.expose(0, Lifetime::Durable);
            alice.send(me, "again", vec![], None);
        }),
    ];
    for (what, scene) in scenes {
        let mut stage = Stage::with(&["alice", "bob"]);
        stage.act("alice", scene);
        assert!(!stage.kernel.hibernate(stage.id("alice")), "{what}");
    }
}

#[test]
fn handles_on_grants_stored_references_and_its_own_root_are_no_reason_to_stay_awake() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.put(b"both", vec![promise, resolver]);
        alice.expose(0, Lifetime::Durable);
        alice.expose(11, Lifetime::Incarnation);
    });
    assert!(stage.kernel.hibernate(stage.id("alice")));
    stage.check();
}

#[test]
fn kq3_a_vat_that_exits_well_ends_after_its_crank_was_applied() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let asked = stage.ask("bob", "last");
    let waits = stage.ask("bob", "waits");
    stage.turn("bob", |bob| {
        bob.send(bob.peer("alice"), "farewell", vec![], None);
        bob.fulfill(bob.resolver.expect("the host asks"), "yes");
        bob.syscall(Syscall::Exit(Ok(Payload::plain([]))));
    });
    assert_eq!(stage.answer(asked).as_deref(), Some("yes"));
    assert_eq!(stage.answer(waits).as_deref(), Some("failed vat-terminated"));
    assert_eq!(exits(&mut stage), [Ok(())]);
    assert_eq!(stage.turn("alice", |_| {}), "0.farewell");
    assert!(stage.kernel.vat(stage.id("bob")).is_none());
}

#[test]
fn kq12_a_vat_that_exits_with_an_error_ends_with_its_crank_undone() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let asked = stage.ask("bob", "last");
    stage.turn("bob", |bob| {
        bob.send(bob.peer("alice"), "never sent", vec![], None);
        bob.fulfill(bob.resolver.expect("the host asks"), "never given");
        bob.syscall(Syscall::Exit(Err(Payload::plain([]))));
    });
    assert_eq!(stage.answer(asked).as_deref(), Some("failed vat-terminated"));
    assert_eq!(exits(&mut stage), [Err(())]);
    assert!(!stage.is_told("alice"));
}

#[test]
fn what_an_exit_mentions_can_be_named_by_the_host_afterwards() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("bob"), "take", vec![five], None);
        alice.drop(five);
    });
    stage.turn("bob", |bob| {
        let caps = vec![bob.args[0]];
        bob.syscall(Syscall::Exit(Ok(Payload { body: Body::from([]), caps })));
    });
    let named = stage.kernel.take_outputs().into_iter().find_map(|output| match output {
        Output::Exited(_, Ok(payload)) => Some(payload.caps[0]),
        Output::Exited(_, Err(_)) | Output::Answered { .. } | Output::Call(_) | Output::Released(_) => None,
    });
    stage.kernel.ask(named.expect("bob left"), "hello", Payload::plain([])).expect("it is held for the host");
    assert_eq!(stage.turn("alice", |_| {}), "5.hello");
}

#[test]
fn kr7_who_waits_for_a_terminated_vat_hears_so_in_every_way() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let other = stage.kernel.launch(launch("other", &["carol"])).expect("a launch");
    let carol = stage.kernel.vats().find(|vat| vat.row.name == "carol").expect("she lives").id;
    let start = stage.kernel.begin().expect("her start");
    let nothing = Worker::default();
    let mut worker = nothing.clone();
    stage.kernel.finish(carol, start.id, Turn::new(&mut worker, &start).end());
    let root = stage.kernel.root_of(carol).expect("her root");
    // In her hands, in her store, waiting for her, and begun.
    let begun = stage.kernel.ask(root, "begun", Payload::plain([])).expect("a root");
    let waits = stage.kernel.ask(root, "waits", Payload::plain([])).expect("a root");
    let crank = stage.kernel.begin().expect("carol's");
    let mut turn = Turn::new(&mut worker, &crank);
    let resolver = turn.resolver.expect("the host asks");
    turn.put(b"stored", vec![resolver]);
    turn.drop(resolver);
    stage.kernel.finish(carol, crank.id, turn.end());
    stage.kernel.begin().expect("carol's");
    stage.kernel.terminate(other, &[]).expect("it lives");
    stage.check();
    let late = stage.kernel.ask(root, "late", Payload::plain([]));
    assert_eq!(late, Err(Refusal::NoSuchReference(root)), "nobody holds it");
    assert_eq!(stage.answer(begun).as_deref(), Some("failed vat-terminated"));
    assert_eq!(stage.answer(waits).as_deref(), Some("failed vat-terminated"));
}

#[test]
fn vl2_a_message_to_an_object_of_a_terminated_vat_is_answered_and_its_row_goes_with_its_last_holder() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let (long, short) = (bob.expose(5, Lifetime::Durable), bob.expose(11, Lifetime::Incarnation));
        let (promise, resolver) = bob.new_promise();
        bob.send(bob.peer("alice"), "take", vec![long, short, promise], None);
        // In a message that waits for bob himself.
        let me = bob.expose(0, Lifetime::Durable);
        bob.send(me, "later", vec![resolver], None);
        bob.drop(resolver);
    });
    let mut taken = Vec::new();
    stage.turn("alice", |alice| {
        taken = alice.args.clone();
        alice.watch(taken[2], 3);
    });
    stage.turn("bob", |bob| bob.syscall(Syscall::Exit(Ok(Payload::plain([])))));
    assert_eq!(stage.turn("alice", |_| {}), "settled 3=failed vat-terminated");
    stage.act("alice", |alice| {
        for (token, slot) in (1..).zip(&taken[..2]) {
            let answer = alice.call(*slot, "hello", vec![]);
            alice.watch(answer, token);
        }
        alice.keep_only(&[]);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed vat-terminated 2=failed vat-terminated");
    stage.commit();
    let left = |row: &Object| !matches!(row.owner, Owner::Caretaker { .. });
    let objects = stage.disk.state.objects.iter().filter(|(_, row)| left(row)).count();
    assert_eq!(objects, 3, "alice's root, bob's root, which alice was granted, and the door");
    assert_eq!(stage.disk.state.objects.len() - objects, 2, "alice's two grants");
}

#[test]
fn g4_a_resolver_in_a_message_that_a_terminated_vat_never_saw_breaks_with_vat_terminated() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("bob", "first");
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        alice.send(alice.peer("bob"), "decide", vec![resolver], None);
        alice.drop(resolver);
    });
    stage.turn("bob", |bob| bob.syscall(Syscall::Exit(Ok(Payload::plain([])))));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed vat-terminated");
}

#[test]
fn vl1_a_terminated_subclusters_name_is_free_and_nothing_of_its_store_stays() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.put(b"five", vec![five]);
    });
    stage.commit();
    assert_eq!(stage.kernel.launch(launch("scene", &["alice"])), Err(Refusal::NameTaken("scene".to_owned())));
    let door = stage.door();
    stage.kernel.terminate(stage.subcluster(), &[door]).expect("it lives");
    stage.commit();
    assert!(stage.disk.store.is_empty());
    assert_eq!(stage.disk.state.objects, []);
    assert_eq!(stage.disk.state.clist, []);
    stage.kernel.launch(launch("scene", &["alice"])).expect("the name is free");
}

#[test]
fn g12_a_launch_that_contradicts_itself_changes_nothing() {
    let mut kernel = Kernel::empty();
    kernel.take_commit();
    let mut unknown_peer = launch("scene", &["alice"]);
    unknown_peer.vats[0].grants.push(("vat.bob".to_owned(), Grant::Vat("bob".to_owned())));
    let mut unknown_bootstrap = launch("scene", &["alice"]);
    unknown_bootstrap.bootstrap = "bob".to_owned();
    for launch in [unknown_peer, unknown_bootstrap] {
        assert!(matches!(kernel.launch(launch), Err(Refusal::Dangling(_))));
        assert!(kernel.take_commit().is_empty());
    }
}

#[test]
fn a_grant_may_be_whatever_reference_there_is() {
    let mut stage = Stage::with(&["alice"]);
    let granted = |name: &str, vat: &str, kref: Kref| {
        let mut other = launch(name, &[vat]);
        other.vats[0].grants.push(("vat.alice".to_owned(), Grant::Reference(kref)));
        other
    };
    let alice = stage.root("alice");
    stage.join(granted("other", "bob", alice));
    stage.act("bob", |bob| bob.send(bob.peer("alice"), "hello", vec![], None));
    assert_eq!(stage.turn("alice", |_| {}), "0.hello");
    let nothing = Kref::Object(ObjectId(10_000));
    assert_eq!(stage.kernel.launch(granted("third", "carol", nothing)), Err(Refusal::NoSuchReference(nothing)));
}

#[test]
fn g6_a_crank_of_a_vat_that_ended_meanwhile_is_stale() {
    let mut stage = Stage::with(&["alice"]);
    stage.ask("alice", "go");
    stage.begin("alice");
    stage.kernel.terminate(stage.subcluster(), &[]).expect("it lives");
    let (_, verdict) = stage.end("alice", |alice| alice.end());
    assert_eq!(verdict, Verdict::Stale);
}
