//! Vats that end themselves, and vats that stay in memory because they say so.

use ocap_tests::{Place, eventually};

#[test]
fn a_vat_that_exits_gives_its_answer_and_is_gone_for_good() {
    let place = Place::new();
    let host = place.run(&[&place.sample("mortal").file(), &place.sample_as("mortal", "other").file()]);
    assert_eq!(place.call("mortal", "leave", &["farewell"]), "farewell");
    let gone = place.ocap(&["call", "mortal", "leave", "again"]).expect(1);
    assert!(!gone.stdout.contains("again"), "{}", gone.stdout);
    host.kill9();
    let host = place.run(&[]);
    place.ocap(&["call", "mortal", "leave", "again"]).expect(1);
    assert_eq!(place.call("other", "leave", &["farewell"]), "farewell");
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_vat_that_gives_up_leaves_nothing_of_its_last_delivery_and_the_log_says_so() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("mortal").file()]);
    assert_eq!(place.call_fails("mortal", "give_up", &["worn out"]), "vat-terminated");
    place.ocap(&["call", "mortal", "leave", "again"]).expect(1);
    assert!(place.log().into_iter().any(|line| line.to_string().contains("ended itself with an error")));
}

#[test]
fn a_vat_that_pins_itself_is_not_sent_out_of_memory_until_it_lets_go() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("mortal").file()]);
    place.call("mortal", "watch", &[]);
    let refused = place.ocap(&["hibernate", "mortal/mortal"]).expect(1);
    assert!(refused.stderr.contains("pin") || refused.stdout.contains("pin"), "{}{}", refused.stdout, refused.stderr);
    assert_eq!(place.vat("mortal", "mortal")["state"], "awake");
    place.call("mortal", "rest", &[]);
    place.ocap(&["hibernate", "mortal/mortal"]).expect(0);
    eventually("it is out of memory", || (place.vat("mortal", "mortal")["state"] != "awake").then_some(()));
}
