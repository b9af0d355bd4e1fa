//! Situations that several stories begin with.

use ocap_tests::{Host, Pending, Place, Sample, eventually};

/// A call that pong has taken and never answers, on a host that was started for the second time.
pub(crate) fn call_that_is_held(place: &Place) -> (Host, Pending) {
    let pingpong = place.sample("pingpong");
    place.run(&[&pingpong.file()]).kill9();
    let host = place.run(&[]);
    // Since the boot nobody has woken pong but this call.
    assert_eq!(place.vat("pingpong", "pong")["state"], "idle");
    let mut caller = place.begin(&["call", "pingpong/pong", "hold"]);
    eventually("pong holds it", || {
        let pong = place.vat("pingpong", "pong");
        (pong["state"] == "awake" && pong["queued"] == 0).then_some(())
    });
    assert!(caller.runs(), "it is not answered");
    (host, caller)
}

/// Waits until so many messages are in the inbox of a vat, the one that it is at included.
#[track_caller]
pub(crate) fn queued(place: &Place, subcluster: &str, vat: &str, messages: u64) {
    eventually("the inbox", || (place.vat(subcluster, vat)["queued"] == messages).then_some(()));
}

/// A misbehaver that declares these limits.
pub(crate) fn limited(place: &Place, limits: &str) -> Sample {
    let misbehaver = place.sample("misbehaver");
    misbehaver.declare(&format!("{}limits = {{ {limits} }}\n", misbehaver.text()));
    misbehaver
}

/// One whose endless loop lasts long enough for other things to happen meanwhile, on any machine.
pub(crate) fn long_spinner(place: &Place) -> Sample {
    limited(place, "crank = \"5s\"")
}
