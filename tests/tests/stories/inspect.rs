//! Everything about one thing, as `inspect` shows it.

use ocap_tests::Place;
use serde_json::{Value, json};

use crate::scenes::{call_that_is_held, queued};

#[track_caller]
fn inspected(place: &Place, words: &[&str]) -> Value {
    place.ocap(&[&["inspect"], words].concat()).expect(0).json()
}

#[test]
fn inspect_shows_a_vats_code_limits_grants_exports_and_imports() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let vat = inspected(&place, &["matcher"]);
    assert_eq!((&vat["$type"], &vat["usage"]["vat"]), (&json!("vat"), &json!("matcher/matcher")));
    assert_eq!(inspected(&place, &["vat", "matcher/matcher"])["subcluster"], vat["subcluster"]);
    let by_number = vat["usage"]["id"].as_str().expect("a number");
    assert_eq!(inspected(&place, &[by_number])["usage"]["vat"], "matcher/matcher");
    assert!(vat["component"]["sha256"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{vat}");
    assert!(vat["declared_in"].as_str().is_some_and(|file| file.ends_with("subcluster.toml")), "{vat}");
    assert_eq!((&vat["crank_max_ms"], &vat["start"]), (&json!(1_000), &json!("lazy")));
    let grants: Vec<&Value> = vat["grants"].as_array().expect("a list").iter().map(|grant| &grant["name"]).collect();
    assert_eq!(grants, ["io.llm", "vat.index"]);
    let root = &vat["exports"]["first"][0];
    assert_eq!((&root["object"], &root["lifetime"]), (&json!(0), &json!("durable")));
    // It serves the channel: the host keeps one of its objects.
    let imports = vat["imports"]["first"].as_array().expect("a list");
    let index = imports
        .iter()
        .find(|import| import["what"].as_str().is_some_and(|what| what.contains("the root of matcher/index")));
    let index = index.unwrap_or_else(|| panic!("{vat}"));
    assert!(index["kept"].as_u64() >= Some(1), "a grant is kept: {index}");
}

#[test]
fn inspect_shows_whose_an_object_is_and_who_holds_it() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let matcher = inspected(&place, &["matcher"]);
    let granted = matcher["grants"][1]["reference"].as_str().expect("a reference");
    let index = inspected(&place, &[granted]);
    assert_eq!(
        (&index["$type"], &index["vat"], &index["object"]),
        (&json!("object"), &json!("matcher/index"), &json!(0))
    );
    assert_eq!(index["what"], "the root of matcher/index");
    let caretaker = index["holders"]["caretakers"][0].as_str().expect("a grant is a caretaker");
    let caretaker = inspected(&place, &["object", caretaker]);
    assert_eq!(caretaker["target"], granted);
    let holder = &caretaker["holders"]["vats"][0];
    assert_eq!((&holder["vat"], &holder["grant"]), (&json!("matcher/matcher"), &json!("vat.index")));
    place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0);
    let revoked = inspected(&place, &[caretaker["reference"].as_str().expect("a reference")]);
    assert_eq!(revoked["lost"], "object-revoked");
}

#[test]
fn inspect_shows_who_can_settle_a_promise_and_who_waits_for_it() {
    let place = Place::new();
    let (_host, _caller) = call_that_is_held(&place);
    let pong = inspected(&place, &["pingpong/pong"]);
    let imports = pong["imports"]["first"].as_array().expect("a list");
    let resolver = imports.iter().filter_map(|import| import["reference"].as_str()).find(|kref| kref.starts_with("kr"));
    let resolver = resolver.unwrap_or_else(|| panic!("it holds the right to answer: {pong}"));
    let promise = inspected(&place, &[resolver]);
    assert_eq!((&promise["$type"], &promise["state"]), (&json!("promise"), &json!("unsettled")));
    assert_eq!(promise["resolver"]["vats"][0]["vat"], "pingpong/pong");
    assert_eq!(promise["waiters"], json!(["the host"]));
    assert!(!pong["unrest"].as_array().expect("a list").is_empty(), "{pong}");
    let text = place.ocap(&["inspect", "promise", &resolver.replace("kr", "kp"), "--format", "text"]).expect(0).stdout;
    assert!(text.contains(": unsettled\n") && text.contains("can be settled by (1)"), "{text}");
}

#[test]
fn inspect_shows_what_waits_for_a_vat_by_sender_method_and_size_and_not_what_it_says() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    let host = place.run(&[&counter.file()]);
    place.call("counter", "increment", &["1"]);
    host.kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    let _caller = place.begin(&["call", "counter", "increment", "secret-argument"]);
    queued(&place, "counter", "counter", 1);
    let vat = inspected(&place, &["counter"]);
    let message = &vat["inbox"]["first"][0];
    assert_eq!(
        (&message["what"], &message["method"], &message["sender"]),
        (&json!("message"), &json!("increment"), &json!("the host"))
    );
    assert!(message["bytes"].as_u64() > Some(10) && message["answer"].is_string(), "{message}");
    assert!(!vat.to_string().contains("secret-argument"), "{vat}");
    assert_eq!(vat["usage"]["last_error"]["problem"]["code"], "ocap::component::missing");
    // It has not run since the boot, and its store is measured all the same.
    assert_eq!(vat["usage"]["store_entries"], 1);
    assert!(vat["usage"]["store_bytes"].as_u64() > Some(0), "{vat}");
}

#[test]
fn inspect_measures_a_store_at_rest_as_the_engine_does() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file(), &place.sample("lamps").file()]);
    place.call("lamps/house", "lamp", &["hall"]);
    let sizes = || {
        ["matcher/index", "matcher/matcher", "lamps/house", "lamps/switch"].map(|vat| {
            let usage = inspected(&place, &[vat])["usage"].clone();
            (usage["store_bytes"].clone(), usage["store_entries"].clone())
        })
    };
    let awake = sizes();
    assert!(awake.iter().any(|(bytes, _)| bytes.as_u64() > Some(0)), "{awake:?}");
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(sizes(), awake);
}

#[test]
fn inspect_shows_how_a_channel_fares_and_who_serves_it() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let mut client = place.client("run/llm.sock");
    client.ask(&json!({ "id": 1, "find": "room" }));
    let channel = inspected(&place, &["matcher/llm"]);
    assert_eq!((&channel["$type"], &channel["status"]["state"]), (&json!("channel"), &json!("open")));
    assert_eq!((&channel["status"]["connections"], &channel["clients"]), (&json!(1), &json!(1)));
    assert_eq!((&channel["lines_in"], &channel["lines_out"]), (&json!(1), &json!(1)));
    assert_eq!(channel["direction"], "inout");
    assert!(channel["handler_is"].as_str().is_some_and(|what| what.ends_with("matcher/matcher")), "{channel}");
    assert_eq!(inspected(&place, &["channel", "matcher/llm"])["reference"], channel["reference"]);
    let object = inspected(&place, &[channel["reference"].as_str().expect("a reference")]);
    assert_eq!(object["host_name"], "channel/matcher/llm");
}

#[test]
fn inspect_says_what_was_meant_or_what_it_is() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let help = |words: &[&str], code: &str, part: &str| {
        let problem = place.ocap(&[&["inspect"], words].concat()).expect(1).problem(code);
        assert!(problem["help"].as_str().is_some_and(|help| help.contains(part)), "{problem}");
    };
    help(&["matcher/idex"], "ocap::target::unknown", "matcher/index");
    help(&["channel", "matcher/lm"], "ocap::target::unknown", "matcher/llm");
    help(&["ko9999"], "ocap::target::unknown", "inspect VAT");
    help(&["promise", "matcher/index"], "ocap::target::other_kind", "ocap-host inspect vat matcher/index");
    place.ocap(&["inspect", "bat", "matcher"]).expect(2).problem("ocap::usage::kind");
}
