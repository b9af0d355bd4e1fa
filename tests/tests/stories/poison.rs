//! A delivery that kills the process is set aside, and nothing else is (kernel-rules D).

use ocap_tests::{Host, Place, eventually};
use serde_json::json;

use crate::scenes::limited;

/// The cranks that the host notes for the case of its death: the vat's number, and the message's, or 0 where it is a start. In records of 64
/// bytes they are the third word and the fourth.
fn cranks(place: &Place) -> Vec<(String, u64)> {
    let bytes = std::fs::read(place.home("markers")).unwrap_or_default();
    let records = bytes.chunks_exact(64).filter(|record| record.starts_with(b"ocapmrk1"));
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let mut cranks: Vec<_> =
        records.map(|record| (format!("v{}", word(&record[16..24])), word(&record[24..32]))).collect();
    cranks.sort();
    cranks
}

/// The numbers of the vats that are in a crank.
fn under_way(place: &Place) -> Vec<String> {
    cranks(place).into_iter().map(|(vat, _)| vat).collect()
}

fn number_of(place: &Place, subcluster: &str, vat: &str) -> String {
    place.vat(subcluster, vat)["id"].as_str().expect("a number").to_owned()
}

/// Ping, and a misbehaver that ping takes for pong; its endless loop lasts as long as is allowed.
fn ping_and_impostor(place: &Place) -> Host {
    let poison = place.sample_as("pingpong", "poison");
    std::fs::copy(ocap_tests::sample_component("misbehaver"), poison.component("pong")).expect("a component was built");
    poison.declare(&format!("{}limits = {{ crank = \"10s\" }}\n", poison.text()));
    place.run(&[&poison.file(), &limited(place, "crank = \"5s\"").file()])
}

#[test]
fn a_message_that_kills_the_host_three_times_is_set_aside_and_its_neighbours_message_is_not() {
    let place = Place::new();
    let host = ping_and_impostor(&place);
    let (deadly, innocent) = (number_of(&place, "poison", "pong"), number_of(&place, "misbehaver", "misbehaver"));
    let _slow = place.begin(&["call", "misbehaver", "spin"]);
    assert_eq!(place.call("poison", "ask_later", &[]), json!(null));
    let both = [deadly.clone(), innocent.clone()];
    eventually("both in a crank", || both.iter().all(|vat| under_way(&place).contains(vat)).then_some(()));
    // A message may be delivered before it is durable. Whatever the host answers is said after all that came before is.
    place.ocap(&["status"]).expect(0);
    host.kill9();

    for _ in 0..3 {
        let host = place.run(&[]);
        // Not in its start, which comes first and would be blamed for a death.
        eventually("the deadly message alone in a crank", || {
            let alone = matches!(&cranks(&place)[..], [(vat, message)] if *vat == deadly && *message > 0);
            alone.then_some(())
        });
        host.kill9();
    }

    let host = place.run(&[]);
    assert_eq!(host.ready()["boot"], 5);
    let heard = eventually("the end of its answer", || {
        Some(place.call("poison", "heard", &[])).filter(|heard| !heard.is_null())
    });
    assert_eq!(heard["broken"]["name"], "vat-trapped", "{heard}");
    assert_eq!(place.call("poison/pong", "alive", &[]), true);
    // The neighbour's message was delivered, and cut off for its length like any other.
    eventually("the neighbour's end", || {
        let undone =
            |line: &serde_json::Value| line["vat"] == "misbehaver/misbehaver" && line.to_string().contains("undone");
        place.log().iter().any(undone).then_some(())
    });
    assert_eq!(place.call("misbehaver", "alive", &[]), true);

    let told = place.ocap(&["events", "--kind", "dead-letter"]).expect(0).json();
    assert_eq!(
        (&told["subcluster"], &told["vat"], &told["method"]),
        (&json!("poison"), &json!("pong"), &json!("hold"))
    );
    let letters = place.ocap(&["dead-letters", "list"]).expect(0).json();
    let letters = letters["letters"].as_array().expect("a list").clone();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["vat"], "poison/pong");
    assert_eq!(letters[0]["method"], "hold");
    assert_eq!(letters[0]["why"], "killed-the-process");
    let id = letters[0]["id"].as_str().expect("a number");
    let shown = place.ocap(&["dead-letters", "show", id]).expect(0).json();
    assert_eq!((&shown["id"], &shown["body"]), (&json!(id), &json!({ "value": [] })));

    place.ocap(&["doctor"]).expect(1);
    place.ocap(&["dead-letters", "drop", id, "--yes"]).expect(0);
    place.ocap(&["dead-letters", "show", id]).expect(1).problem("ocap::target::unknown");
    place.ocap(&["doctor"]).expect(0);
    assert_eq!(host.stop(&place), 0);
    assert_eq!(under_way(&place), Vec::<String>::new());
}

#[test]
fn new_code_that_kills_the_host_three_times_gives_way_to_the_code_before_and_that_is_told() {
    let place = Place::new();
    let sample = limited(&place, "crank = \"10s\"");
    sample.declare(&format!("{}parameters = {{ start = \"spin\" }}\n", sample.text()));
    let mut host = place.run(&[&sample.file()]);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    let vat = number_of(&place, "misbehaver", "misbehaver");
    let whole = std::fs::read(sample.component("misbehaver")).expect("a component");
    std::fs::write(place.root().join("next.wasm"), ocap_tests::components::named(&whole, "next")).expect("written");
    let upgrade = place.begin(&["upgrade", "misbehaver/misbehaver", "next.wasm"]);
    // The first death is among others for all that is known; the next three are its own.
    for _ in 0..4 {
        eventually("the new code in its start", || (under_way(&place) == [vat.clone()]).then_some(()));
        // It may be begun before it is durable. Whatever the host answers is said after all that came before is.
        place.ocap(&["status"]).expect(0);
        host.kill9();
        host = place.run(&[]);
    }
    drop(upgrade);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    let told = place.ocap(&["events", "--kind", "vat-rolled-back"]).expect(0).json();
    assert_eq!((&told["subcluster"], &told["vat"]), (&json!("misbehaver"), &json!("misbehaver")));
    assert!(told["cause"].to_string().contains("died three times"), "{told}");
    let advice = &place.status()["problems"][0];
    assert_eq!((&advice["code"], &advice["vat_id"]), (&json!("ocap::vat::rolled_back"), &json!(vat)));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_vat_that_kills_the_host_does_not_come_back_because_its_file_does() {
    let place = Place::new();
    let sample = limited(&place, "crank = \"10s\"");
    sample.link("misbehaver");
    sample.declare(&format!("{}parameters = {{ start = \"again\" }}\n", sample.text()));
    let mut host = place.run(&[&sample.file()]);
    let vat = number_of(&place, "misbehaver", "misbehaver");
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    host.kill9();
    host = place.run(&[]);
    let waiting = place.begin(&["call", "misbehaver", "alive"]);
    // The first death is among others for all that is known; the next three are its own.
    for _ in 0..4 {
        eventually("the vat in its start", || (under_way(&place) == [vat.clone()]).then_some(()));
        place.ocap(&["status"]).expect(0);
        host.kill9();
        host = place.run(&[]);
    }
    drop(waiting);
    let is_set_aside = |place: &Place| {
        let vat = place.vat("misbehaver", "misbehaver");
        assert_eq!(
            (&vat["state"], &vat["problem"]["code"]),
            (&json!("quarantined"), &json!("ocap::vat::kills_the_host"))
        );
    };
    is_set_aside(&place);
    assert_eq!(host.stop(&place), 3, "something is set aside");
    sample.move_away("misbehaver");
    let host = place.run(&[]);
    is_set_aside(&place);
    assert_eq!(host.stop(&place), 3, "something is set aside");
    sample.move_back("misbehaver");
    let host = place.run(&[]);
    is_set_aside(&place);
    assert_eq!(host.stop(&place), 3, "something is set aside");
}

#[test]
fn a_stop_in_good_order_suspects_nobody() {
    let place = Place::new();
    for round in 0..5 {
        let host = match round {
            0 => place.run(&[&limited(&place, "crank = \"1s\"").file()]),
            _ => place.run(&[]),
        };
        let spinning = place.begin(&["call", "misbehaver", "spin"]);
        let vat = number_of(&place, "misbehaver", "misbehaver");
        eventually("a crank", || under_way(&place).contains(&vat).then_some(()));
        assert_eq!(host.stop(&place), 0, "round {round}");
        drop(spinning);
        assert_eq!(under_way(&place), Vec::<String>::new());
    }
    let _host = place.run(&[]);
    assert_eq!(place.ocap(&["dead-letters", "list"]).expect(0).json()["letters"], json!([]));
    assert_eq!(place.ocap(&["doctor"]).expect(0).json()["counts"]["suspected"], 0);
}

#[test]
fn markers_that_somebody_spoiled_are_ignored_with_a_word_in_the_log() {
    let place = Place::new();
    place.run(&[&place.sample("counter").file()]).kill9();
    let spoiled: [&dyn Fn(); 3] = [
        &|| std::fs::write(place.home("markers"), [0x5a; 1_000]).expect("the home is writable"),
        &|| std::fs::write(place.home("markers"), b"").expect("the home is writable"),
        &|| {
            std::fs::remove_file(place.home("markers")).expect("it is there");
            std::fs::create_dir(place.home("markers")).expect("the home is writable");
        },
    ];
    for (round, spoil) in spoiled.iter().enumerate() {
        spoil();
        let host = place.run(&[]);
        assert_eq!(place.call("counter", "increment", &["1"]), round + 1);
        host.kill9();
    }
    let log = place.log();
    assert!(log.iter().any(|line| line.to_string().contains("16 records of")), "{log:?}");
    assert!(log.iter().any(|line| line.to_string().contains("ocap::markers::unusable")), "{log:?}");
}
