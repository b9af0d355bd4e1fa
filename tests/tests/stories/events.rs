//! What happens in a host, as one stream.

use std::fs;

use ocap_tests::{Place, eventually, sample_component};
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn events(place: &Place, args: &[&str]) -> Vec<Value> {
    lines(&place.ocap(&[&["events", "-n", "1000"], args].concat()).expect(0).stdout)
}

/// The kinds of those that befell a vat or a subcluster.
fn kinds(events: &[Value], subcluster: &str) -> Vec<String> {
    let of_it = events.iter().filter(|event| event["subcluster"] == subcluster);
    of_it.map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn the_life_of_a_vat_is_told_from_its_launch_to_its_end() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file(), &place.sample("misbehaver").file()]);
    let follower = place.begin(&["events", "-f"]);
    place.call("counter", "increment", &["1"]);
    place.ocap(&["hibernate", "counter/counter", "--force"]).expect(0);
    place.call("counter", "increment", &["1"]);
    place.ocap(&["restart", "counter"]).expect(0);
    place.ocap(&["terminate", "counter", "--yes"]).expect(0);
    place.call_fails("misbehaver", "trap", &[]);
    let told = events(&place, &[]);
    assert_eq!(
        kinds(&told, "counter"),
        [
            "vat-started",
            "subcluster-launched",
            "vat-hibernated",
            "vat-started",
            "vat-restarted",
            "vat-started",
            "vat-terminated",
            "subcluster-terminated",
        ]
    );
    let trapped: Vec<&Value> = told.iter().filter(|event| event["kind"] == "vat-trapped").collect();
    assert_eq!((trapped.len(), &trapped[0]["vat"]), (1, &json!("misbehaver")));
    assert!(trapped[0]["cause"].to_string().contains("unreachable"), "{}", trapped[0]);
    let called: Vec<&Value> = told.iter().filter(|event| event["kind"] == "operator-called").collect();
    assert_eq!((called.len(), &called[0]["method"]), (3, &json!("increment")));
    let numbers: Vec<u64> = told.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers[0] == 1, "{numbers:?}");
    assert_eq!(events(&place, &["--kind", "vat-trapped"]).len(), 1);
    assert_eq!(host.stop(&place), 0);

    // Whoever followed has heard all of it, and the log keeps it.
    let followed = lines(&follower.done().expect(0).stdout);
    assert_eq!(followed[..told.len()], told);
    assert_eq!(followed[followed.len() - 1]["phase"], "stopping");
    let kept = events(&place, &[]);
    assert_eq!(kept[..told.len()], told);
    assert_eq!(kept[kept.len() - 1]["phase"], "stopped");
    place.ocap(&["events", "--kind", "vat-strated"]).expect(2);
}

#[test]
fn quarantine_channels_and_their_clients_are_told() {
    let place = Place::new();
    let (counter, matcher) = (place.sample("counter"), place.sample("matcher"));
    counter.link("counter");
    place.run(&[&counter.file(), &matcher.file()]).kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    let first = events(&place, &[]);
    let quarantined = first.iter().find(|event| event["kind"] == "vat-quarantined").expect("it is told");
    assert_eq!(quarantined["problem"]["code"], "ocap::component::missing");
    assert_eq!(kinds(&first, "matcher"), ["channel-open"]);
    counter.move_back("counter");
    eventually("it heals", || (!events(&place, &["--kind", "vat-healed"]).is_empty()).then_some(()));
    drop(place.client("run/llm.sock"));
    eventually("the client is gone", || {
        let left = events(&place, &["--kind", "client-left"]);
        (left.len() == 1 && left[0]["channel"] == "llm").then_some(())
    });
    assert_eq!(events(&place, &["--kind", "client-connected"]).len(), 1);
}

#[test]
fn an_upgrade_a_rollback_and_a_revocation_are_told() {
    let place = Place::new();
    let counter = place.sample("counter");
    let _host = place.run(&[&counter.file(), &place.sample("matcher").file()]);
    fs::copy(sample_component("counter_next"), counter.component("counter")).expect("a component was built");
    place.ocap(&["upgrade", "counter/counter"]).expect(0);
    place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0);
    let told = events(&place, &[]);
    assert!(kinds(&told, "counter").contains(&"vat-upgraded".to_owned()), "{told:#?}");
    let revoked = told.iter().find(|event| event["kind"] == "revoked").expect("it is told");
    assert_eq!((&revoked["target"], &revoked["grant"]), (&json!("matcher/matcher"), &json!("vat.index")));
}

#[test]
fn the_end_of_what_is_replaced_is_told_before_the_launch_of_what_takes_its_place() {
    let place = Place::new();
    let counter = place.sample("counter");
    let _host = place.run(&[&counter.file()]);
    counter.replace("[vats.counter]", "[vats.counter]\nturns = 2");
    place.ocap(&["launch", "--yes", "--if-changed", "replace", &counter.word()]).expect(0);
    assert_eq!(
        kinds(&events(&place, &[]), "counter"),
        [
            "vat-started",
            "subcluster-launched",
            "vat-terminated",
            "subcluster-terminated",
            "vat-started",
            "subcluster-launched",
        ]
    );
}

#[test]
fn the_end_of_a_system_subcluster_that_is_configured_no_longer_is_told_at_the_start() {
    let place = Place::new();
    let steward = place.sample("steward");
    let configure = |text: &str| fs::write(place.home("host.toml"), text).expect("written");
    place.ocap(&["token", "add", "any", "--role", "read"]).expect(0);
    configure(&format!("[system.steward]\ndeclaration = \"{}\"\n", steward.word()));
    place.run(&[]).kill9();
    configure("");
    let _host = place.run(&[]);
    let told = events(&place, &[]);
    assert_eq!(kinds(&told, "steward"), ["vat-terminated", "subcluster-terminated"], "{told:#?}");
}
