//! Idioms of capability programming, over `kill -9`: facets, money, a powerbox.

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

fn cap(value: &Value) -> String {
    value["$cap"].as_str().unwrap_or_else(|| panic!("no capability: {value}")).to_owned()
}

/// A capability as an argument.
fn arg(cap: &str) -> String {
    json!({ "$cap": cap }).to_string()
}

fn refusal(place: &Place, target: &str, method: &str, args: &[&str]) -> String {
    let answer = place.ocap(&[&["call", target, method], args].concat()).expect(1).json();
    let name = answer["code"].as_str().or(answer["error"]["$error"]["name"].as_str());
    name.unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
}

#[test]
fn a_facet_gives_what_it_was_made_for_and_nothing_else() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("diary").file()]);
    let face = |method: &str| cap(&place.call("diary", method, &[]));
    let (reader, guest, other) = (face("reader"), face("guest"), face("guest"));
    assert_eq!(refusal(&place, &other, "read", &[]), "no-such-method");
    for page in 1..=3 {
        assert_eq!(place.call(&guest, "write", &["dear diary"]), json!(page));
    }
    // One call comes back each 20 seconds: a slow machine may take some more.
    let write = || place.ocap(&["call", &guest, "write", "one more"]);
    let refused = (0..20).map(|_| write()).find(|done| done.status != 0).expect("it is refused some time");
    assert_eq!(refused.json()["error"]["$error"]["name"], "rate-limited");
    let pages = place.call(&reader, "read", &[]);
    assert_eq!((&pages[0], &pages[2]), (&json!("dear diary"), &json!("dear diary")));
    assert_eq!(refusal(&place, &reader, "write", &["a lie"]), "no-such-method");
}

#[test]
fn what_was_sealed_is_opened_by_the_other_half_alone() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("diary").file()]);
    let pair = |seals: &Value| (cap(&seals[0]), cap(&seals[1]));
    let (sealer, unsealer) = pair(&place.call("diary", "seals", &[]));
    let (_, stranger) = pair(&place.call("diary", "seals", &[]));
    let sealed = cap(&place.call(&sealer, "seal", &["my secret"]));
    place.call("diary", "write", &[&arg(&sealed)]);
    let found = cap(&place.call("diary", "read", &[])[0]);
    assert_eq!(place.call(&unsealer, "open", &[&arg(&found)]), json!("my secret"));
    assert_eq!(refusal(&place, &stranger, "open", &[&arg(&found)]), "not-sealed");
}

#[test]
fn a_closed_membrane_ends_what_went_through_it() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("diary").file()]);
    let membrane = place.call("diary", "wrap", &[]);
    let (wrapped, gate) = (cap(&membrane[0]), cap(&membrane[1]));
    let reader = cap(&place.call(&wrapped, "reader", &[]));
    place.call(&wrapped, "write", &["through it"]);
    assert_eq!(place.call(&reader, "read", &[]), json!(["through it"]));
    place.call(&gate, "revoke", &[]);
    assert_eq!(refusal(&place, &wrapped, "read", &[]), "object-revoked");
    assert_eq!(refusal(&place, &reader, "read", &[]), "object-revoked");
    assert_eq!(place.call("diary", "read", &[]), json!(["through it"]));
}

#[test]
fn an_exchange_happens_on_both_sides_or_on_none() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("mint").file()]);
    let issue = |mint: &str, coins: &str| cap(&place.call(mint, "issue", &[coins]));
    let (alice_gold, bob_gold) = (issue("mint/gold", "10"), issue("mint/gold", "0"));
    let (alice_silver, bob_silver) = (issue("mint/silver", "0"), issue("mint/silver", "50"));
    let offer = |gives: &str, coins: u64, gets: &str| {
        json!({ "gives": { "$cap": gives }, "coins": coins, "gets": { "$cap": gets } }).to_string()
    };
    let coins = || {
        [&alice_gold, &alice_silver, &bob_gold, &bob_silver]
            .map(|purse| place.call(purse, "coins", &[]).as_u64().unwrap_or(0))
    };
    let (alice, bob) = (offer(&alice_gold, 3, &alice_silver), offer(&bob_silver, 20, &bob_gold));
    place.call("mint", "exchange", &[&alice, &bob]);
    assert_eq!(coins(), [7, 20, 3, 30]);

    // Bob offers more than he has; Alice offers silver to somebody who believes in gold.
    let too_much = offer(&bob_silver, 31, &bob_gold);
    assert_eq!(refusal(&place, "mint", "exchange", &[&alice, &too_much]), "too-poor");
    let no_gold = offer(&alice_silver, 3, &alice_gold);
    assert_eq!(refusal(&place, "mint", "exchange", &[&no_gold, &bob]), "no-purse");
    assert_eq!(coins(), [7, 20, 3, 30]);
}

#[test]
fn what_a_vat_asks_a_powerbox_for_is_decided_by_somebody_else_whenever_they_like() {
    let place = Place::new();
    let host = place.run(&[&place.sample("powerbox").file(), &place.sample("diary").file()]);
    let powerbox = || cap(&place.call("powerbox", "powerbox", &[]));
    place.call("powerbox/painter", "ask", &["to paint a cat"]);
    eventually("it is asked for", || place.call(&powerbox(), "pending", &[]).get(0).map(|_| ()));
    host.kill9();

    let _host = place.run(&[]);
    let powerbox = powerbox();
    let pending = place.call(&powerbox, "pending", &[]);
    assert_eq!(pending, json!([{ "id": 1, "who": "painter", "interface": "canvas", "reason": "to paint a cat" }]));
    assert_eq!(refusal(&place, "powerbox/painter", "paint", &["write", "black"]), "no-canvas");
    let canvas = cap(&place.call("diary", "guest", &[]));
    place.call(&powerbox, "grant", &["1", &arg(&canvas)]);
    eventually("it may paint", || {
        (place.ocap(&["call", "powerbox/painter", "paint", "write", "black"]).status == 0).then_some(())
    });
    assert_eq!(place.call("diary", "read", &[]), json!(["black"]));
    place.call(&powerbox, "revoke", &["1"]);
    assert_eq!(refusal(&place, "powerbox/painter", "paint", &["write", "white"]), "object-revoked");
}
