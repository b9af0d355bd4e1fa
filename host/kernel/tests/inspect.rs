//! What operators see of one vat, object or promise, and that a look changes nothing.

mod world;

use ocap_kernel::*;
use world::Stage;

#[test]
fn holders_are_vats_by_handle_or_store_the_host_and_caretakers() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let bob = stage.root("bob");
    // Nobody but alice's grant, which is a caretaker.
    let holders = stage.kernel.holders(bob);
    assert_eq!((holders.count, holders.vats.len(), holders.caretakers.len()), (1, 0, 1));
    let caretaker = Kref::Object(holders.caretakers[0]);
    let by_grant = stage.kernel.holders(caretaker);
    assert_eq!(
        by_grant.vats,
        [VatHold { vat: stage.id("alice"), slot: stage.grant("alice", "vat.bob"), handle: true, kept: 1 }]
    );
    assert_eq!(
        stage.kernel.vat_behind(caretaker).map(|(vat, exposed)| (vat, exposed.object)),
        Some((stage.id("bob"), 0))
    );
    let door = stage.door();
    stage.kernel.keep(door, Some(bob)).expect("both exist");
    assert_eq!(stage.kernel.holders(bob).host_objects, [door]);
    assert_eq!(stage.kernel.holders(bob).count, 2);
}

#[test]
fn a_promise_shows_who_can_settle_it_who_waits_and_what_was_sent_to_it() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("bob", "wait");
    stage.turn("bob", |_| {});
    let unsettled = |id: &PromiseId| matches!(stage.kernel.promise(*id), Some(Promise::Unsettled { .. }));
    let promise = (1..10).map(PromiseId).find(unsettled).expect("the answer is a promise");
    assert_eq!(stage.kernel.waiters_for(promise).collect::<Vec<_>>(), [WaiterView::Host]);
    let resolver = stage.kernel.holders(Kref::Resolver(promise));
    assert_eq!(resolver.vats.iter().map(|held| (held.vat, held.handle)).collect::<Vec<_>>(), [(stage.id("bob"), true)]);
    stage.kernel.ask(Kref::Promise(promise), "later", Payload::plain([1, 2, 3])).expect("it exists");
    let waiting: Vec<(String, usize)> = stage
        .kernel
        .messages_waiting_on(promise)
        .map(|(_, message)| (message.method.clone(), message.args.body.len()))
        .collect();
    assert_eq!(waiting, [("later".to_owned(), 3)]);
    assert_eq!(stage.kernel.last_of_chain(promise), promise);
}

#[test]
fn a_vat_shows_its_exports_its_inbox_and_what_it_is_told() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Incarnation);
        bob.send(bob.peer("alice"), "take", vec![five], None);
    });
    let exports: Vec<(u64, Lifetime, u64)> = stage
        .kernel
        .exports_of(stage.id("bob"))
        .map(|export| (export.local, export.lifetime, export.holders))
        .collect();
    // The root by alice's grant; the other by bob's handle and the message on its way.
    assert_eq!(exports, [(0, Lifetime::Durable, 1), (5, Lifetime::Incarnation, 2)]);
    let alice = stage.id("alice");
    let inbox: Vec<String> = stage
        .kernel
        .inbox_of(alice)
        .map(|(_, item)| match item {
            Item::Message(message) => message.method.clone(),
            Item::Dropped(_) | Item::Settled { .. } => "a notice".to_owned(),
        })
        .collect();
    assert_eq!(inbox, ["take"]);
    assert_eq!(stage.kernel.delivery_of(alice), None);
    stage.begin("alice");
    assert!(matches!(stage.kernel.delivery_of(alice), Some(DeliveryView::Message(_))));
    let imports: Vec<bool> = stage.kernel.imports_of(alice).map(|import| import.kept > 0).collect();
    assert_eq!(imports.len(), 2, "bob's root and the door, by grants");
    assert_eq!(stage.kernel.traps_in_a_row(alice), 0);
    assert_eq!(stage.kernel.suspicion_of(alice), None);
}

#[test]
fn a_look_changes_nothing() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.commit();
    let kernel = &stage.kernel;
    for vat in [stage.id("alice"), stage.id("bob")] {
        let krefs: Vec<Kref> = kernel.references(vat).map(|(_, kref)| kref).collect();
        krefs.iter().for_each(|kref| drop(kernel.holders(*kref)));
        assert!(kernel.exports_of(vat).count() + kernel.imports_of(vat).count() + kernel.watched_by(vat).count() > 0);
    }
    assert!(stage.kernel.take_commit().is_empty());
}
