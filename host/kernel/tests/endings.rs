//! A vat ends in the middle of everything: with answers, notices and drops on their way to it and from it, and in any of its cranks.

mod world;

use ocap_kernel::*;
use world::{Stage, launch};

/// Alice and carol, who stay; bob, of a subcluster of his own, whom both know, and who knows alice.
struct Scene {
    stage: Stage,
    bobs: SubclusterId,
}

const BOB: &[u8] = b"bob";
const ALICE: &[u8] = b"alice";

impl Scene {
    fn new() -> Scene {
        let mut stage = Stage::with(&["alice", "carol"]);
        let bobs = stage.join(launch("other", &["bob"]));
        for (vat, knows, key) in [("alice", "bob", BOB), ("carol", "bob", BOB), ("bob", "alice", ALICE)] {
            let args = Payload { body: Body::from([]), caps: vec![stage.root(knows)] };
            let root = stage.root(vat);
            stage.kernel.ask(root, "meet", args).expect("both exist");
            stage.turn(vat, |turn| {
                turn.put(key, vec![turn.args[0]]);
                turn.drop(turn.resolver.expect("the host asks"));
            });
        }
        Scene { stage, bobs }
    }

    /// Something is on its way to bob of every kind: two messages with answers awaited, a notice that alice answered, and one that
    /// his five was dropped. Alice holds his six, and an answer that he owes.
    fn with_everything_on_its_way() -> Scene {
        let mut scene = Scene::new();
        let stage = &mut scene.stage;
        stage.act("bob", |bob| {
            bob.get(ALICE);
            let alice = bob.worker.store[ALICE][0];
            let (five, six) = (bob.expose(5, Lifetime::Durable), bob.expose(6, Lifetime::Durable));
            let answer = bob.call(alice, "take", vec![five, six]);
            let unanswered = bob.call(alice, "think", vec![]);
            bob.watch(answer, 1);
            bob.watch(unanswered, 2);
            bob.drop(five);
        });
        stage.turn("alice", |alice| {
            let bob = alice.worker.store[BOB][0];
            alice.get(BOB);
            for (token, method) in [(1, "first"), (2, "second")] {
                let answer = alice.call(bob, method, vec![]);
                alice.watch(answer, token);
            }
            alice.put(b"six", vec![alice.args[1]]);
            alice.fulfill(alice.resolver.expect("bob asks"), "thanks");
            alice.drop(alice.args[0]);
        });
        stage.turn("alice", |alice| alice.put(b"owed", vec![alice.resolver.expect("bob asks")]));
        scene
    }

    fn terminate(&mut self) {
        let doors: Vec<ObjectId> = self.stage.kernel.host_objects().map(|(object, _)| object).collect();
        let last = doors.last().copied().expect("bob's door was made last");
        self.stage.kernel.terminate(self.bobs, &[last]).expect("it lives");
        self.stage.check();
    }

    /// Who stays goes on: what is settled for the dead, asked of the dead and dropped of the dead harms nobody.
    fn goes_on(mut self) {
        let stage = &mut self.stage;
        stage.act("alice", |alice| {
            alice.get(b"owed");
            let owed = alice.worker.store[b"owed".as_slice()][0];
            alice.fulfill(owed, "too late");
            alice.remove(b"owed");
            let bob = alice.worker.store[BOB][0];
            let six = alice.worker.store[b"six".as_slice()][0];
            alice.get(BOB);
            alice.get(b"six");
            for (token, target) in [(11, bob), (12, six)] {
                let answer = alice.call(target, "still there?", vec![]);
                alice.watch(answer, token);
            }
            let answer = alice.call(alice.peer("carol"), "hello", vec![]);
            alice.watch(answer, 13);
            alice.remove(b"six");
            alice.remove(BOB);
            alice.keep_only(&[]);
        });
        assert_eq!(stage.turn("alice", |_| {}), "settled 11=failed vat-terminated 12=failed vat-terminated");
        stage.turn("carol", |carol| {
            carol.fulfill(carol.resolver.expect("asked"), "hi");
            carol.remove(BOB);
            carol.keep_only(&[]);
        });
        assert_eq!(stage.turn("alice", |_| {}), "settled 13=hi");
        stage.kernel.sweep();
        assert!(!stage.is_told("alice") && !stage.is_told("carol"));
        stage.restart();
        let bob = stage.id("bob");
        let state = &stage.disk.state;
        assert!(state.clist.iter().all(|((vat, _), _)| *vat != bob));
        assert!(state.objects.iter().all(|(_, object)| !matches!(object.owner, Owner::Vat(vat, _) if vat == bob)));
        assert_eq!((state.queue.len(), state.promises.len()), (0, 0));
        assert!(stage.kernel.vat(bob).is_none());
    }
}

/// Alice hears of both her questions, in one notice.
fn hears_that_bob_is_dead(stage: &mut Stage) {
    let told = stage.turn("alice", |_| {});
    let both = ["1=failed vat-terminated", "2=failed vat-terminated"];
    assert!(both.iter().all(|one| told.contains(one)), "{told}");
}

#[test]
fn g6_a_vat_is_terminated_with_messages_answers_and_drops_on_their_way_to_it() {
    let mut scene = Scene::with_everything_on_its_way();
    scene.terminate();
    hears_that_bob_is_dead(&mut scene.stage);
    scene.goes_on();
}

#[test]
fn g6_a_vat_is_terminated_in_the_crank_of_each_of_the_deliveries_that_were_on_their_way() {
    for (before, told) in ["0.first", "0.second", "settled 1=thanks", "dropped 5"].into_iter().enumerate() {
        let mut scene = Scene::with_everything_on_its_way();
        for _ in 0..before {
            scene.stage.turn("bob", |_| {});
        }
        assert_eq!(scene.stage.begin("bob"), told);
        scene.terminate();
        let (_, verdict) = scene.stage.end("bob", |bob| bob.end());
        assert_eq!(verdict, Verdict::Stale);
        // What he had in his hands was owed to alice.
        hears_that_bob_is_dead(&mut scene.stage);
        scene.goes_on();
    }
}

#[test]
fn g6_a_vat_is_terminated_in_its_start_with_everything_still_before_it() {
    let mut scene = Scene::with_everything_on_its_way();
    // The heaps are gone, so nobody watches any more; what is owed to objects and what lies in stores remains.
    scene.stage.restart();
    assert_eq!(scene.stage.begin("bob"), "start");
    scene.terminate();
    assert_eq!(scene.stage.end("bob", |bob| bob.end()).1, Verdict::Stale);
    assert_eq!(scene.stage.kernel.promises(), 1, "the answer that alice owes, and keeps");
    scene.stage.ask("alice", "wake up");
    scene.stage.turn("alice", |_| {});
    scene.stage.turn("alice", |alice| alice.drop(alice.resolver.expect("the host asks")));
    scene.stage.ask("carol", "wake up");
    scene.stage.turn("carol", |_| {});
    scene.stage.turn("carol", |carol| carol.drop(carol.resolver.expect("the host asks")));
    scene.goes_on();
}
