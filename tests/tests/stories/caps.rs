//! Who holds what, and how each came to: before and after a death, a revocation, and a drop.

use ocap_tests::{Host, Place};
use serde_json::{Value, json};

use crate::scenes::queued;

/// Who holds something, by the answer of `caps why`.
#[track_caller]
fn why(place: &Place, target: &str) -> Vec<Value> {
    let answer = place.ocap(&["caps", "why", target]).expect(0).json();
    assert_eq!(
        (&answer["$type"], &answer["target"], &answer["left_out"]),
        (&json!("caps-why"), &json!(target), &json!(0))
    );
    answer["holders"].as_array().expect("holders").clone()
}

/// The one line of a vat.
#[track_caller]
fn of(holders: &[Value], holder: &str) -> Value {
    let found: Vec<_> = holders.iter().filter(|found| found["holder"] == holder).collect();
    assert_eq!(found.len(), 1, "{holder} in {holders:#?}");
    found[0].clone()
}

/// How a chain of origins reads: `courier/courier sent keep`.
fn chain(holder: &Value) -> Vec<String> {
    let links = holder["chain"].as_array().expect("a chain").iter();
    let word = |link: &Value, field: &str| link[field].as_str().map_or_else(String::new, |word| format!(" {word}"));
    let fields = ["how", "by", "grant", "method"];
    links
        .map(|link| {
            fields
                .iter()
                .fold(link["holder"].as_str().expect("a holder").to_owned(), |line, field| line + &word(link, field))
        })
        .collect()
}

/// The reference in an answer or a pin.
fn reference(value: &Value) -> String {
    value.as_str().expect("a reference").to_owned()
}

/// A lamp of the house that the courier was given by an operator, and has handed on to the post.
fn lamp_on_its_way(place: &Place) -> (Host, String) {
    let (courier, post) = (place.sample("courier"), place.sample_as("courier", "post"));
    let host = place.run(&[&place.sample("lamps").file(), &courier.file(), &post.file()]);
    let lamp = reference(&place.call("lamps/house", "lamp", &["hall"])["$cap"]);
    let root = reference(&place.ocap(&["pin", "post/courier"]).expect(0).json()["reference"]);
    let given = |name: &str, reference: &str| {
        let cap = json!({ "$cap": reference }).to_string();
        assert_eq!(place.call("courier", "keep", &[name, &cap]), Value::Null);
    };
    given("hall", &lamp);
    given("post", &root);
    assert_eq!(place.call("courier", "hand_on", &["hall", "post"]), Value::Null);
    (host, lamp)
}

#[test]
fn a_chain_of_givers_is_known_also_after_the_host_was_killed() {
    let place = Place::new();
    let (host, lamp) = lamp_on_its_way(&place);
    let before = why(&place, &lamp);
    assert_eq!(before.len(), 2, "the house, whose lamp it is, is not its holder: {before:#?}");
    let check = |holders: &[Value]| {
        assert_eq!(chain(&of(holders, "courier/courier")), ["courier/courier sent host keep"]);
        let links = ["post/courier sent courier/courier keep", "courier/courier sent host keep"];
        assert_eq!(chain(&of(holders, "post/courier")), links);
    };
    check(&before);
    let since = &of(&before, "post/courier")["chain"][0]["since"];
    assert_eq!(since["boot"], 1);
    assert!(since["ms"].as_u64().is_some_and(|ms| ms > 1_700_000_000_000), "{since}");
    let is_stored = |holder: &Value| holder["held"].as_array().is_some_and(|ways| ways.contains(&json!("stored")));
    assert!(before.iter().all(is_stored), "{before:#?}");
    host.kill9();
    let _host = place.run(&[]);
    let after = why(&place, &lamp);
    check(&after);
    assert_eq!(of(&after, "post/courier")["held"], json!(["stored"]), "its heap is gone");
    for holder in ["courier/courier", "post/courier"] {
        assert_eq!(of(&after, holder)["chain"], of(&before, holder)["chain"], "{holder}");
    }
    let one = place.ocap(&["caps", "why", &lamp, "--holder", "post/courier"]).expect(0).json();
    assert_eq!(one["holders"], json!([of(&after, "post/courier")]));
}

#[test]
fn what_was_let_go_is_held_no_more_and_a_chain_ends_there() {
    let place = Place::new();
    let (_host, lamp) = lamp_on_its_way(&place);
    assert_eq!(place.call("courier", "forget", &["hall"]), true);
    let holders = why(&place, &lamp);
    let links = ["post/courier sent courier/courier keep", "courier/courier let-go"];
    assert_eq!((holders.len(), chain(&of(&holders, "post/courier"))), (1, links.map(str::to_owned).to_vec()));
    assert_eq!(place.call("post", "forget", &["hall"]), true);
    assert_eq!(why(&place, &lamp), Vec::<Value>::new());
}

#[test]
fn a_grant_is_told_with_its_name_and_the_caretaker_that_it_is() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    for (target, grant) in [("matcher/io.llm", "io.llm"), ("matcher/llm", "io.llm"), ("matcher/index", "vat.index")] {
        let holder = of(&why(&place, target), "matcher/matcher");
        assert_eq!(chain(&holder), [format!("matcher/matcher granted {grant}")], "{target}");
        assert!(holder["held"].as_array().expect("ways").contains(&json!("grant")), "{holder}");
        assert_eq!((&holder["through"][0]["kind"], &holder["lost"]), (&json!("caretaker"), &json!(false)));
        assert_eq!(holder["through"][0]["reference"], holder["reference"]);
    }
    let held = place.ocap(&["caps", "of", "matcher"]).expect(0).json();
    let granted: Vec<_> = held["caps"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|cap| (&cap["what"], &cap["origin"]["how"]))
        .take(2)
        .collect();
    let (channel, root, how) = (json!("channel matcher/llm"), json!("the root of matcher/index"), json!("granted"));
    assert_eq!(granted, [(&channel, &how), (&root, &how)]);
}

#[test]
fn a_dry_run_says_who_would_lose_what_and_does_nothing() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let plan = || place.ocap(&["revoke", "--dry-run", "matcher/matcher", "vat.index"]).expect(0).json();
    let before = plan();
    assert_eq!(
        (&before["$type"], &before["already"], &before["messages"]),
        (&json!("revoke-plan"), &json!(false), &json!(0))
    );
    of(before["holders"].as_array().expect("holders"), "matcher/matcher");
    assert_eq!(place.call("matcher", "find", &["room"]), json!([]), "nothing was done");
    // The index itself is another thing than the grant: to revoke it would close the same way.
    let index = of(&why(&place, "matcher/index"), "matcher/matcher")["object"].clone();
    let whole = place.ocap(&["revoke", "--dry-run", index.as_str().expect("a reference")]).expect(0).json();
    of(whole["holders"].as_array().expect("holders"), "matcher/matcher");
    place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0);
    assert_eq!(plan()["already"], true);
    let holder = of(&why(&place, "matcher/index"), "matcher/matcher");
    assert_eq!((&holder["lost"], &holder["through"][0]["lost"]), (&json!(true), &json!(true)));
    assert_eq!(chain(&holder), ["matcher/matcher granted vat.index"]);
    place
        .ocap(&["revoke", "--dry-run", "matcher/matcher", "vat.indx"])
        .expect(1)
        .problem("ocap::revoke::no_such_grant");
    place.ocap(&["revoke", "--dry-run", "ko987654"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn what_waits_for_a_vat_is_told_with_the_message_that_will_bring_it() {
    let place = Place::new();
    let post = place.sample_as("courier", "post");
    post.link("courier");
    let host = place.run(&[&place.sample("lamps").file(), &post.file()]);
    let lamp = reference(&place.call("lamps/house", "lamp", &["hall"])["$cap"]);
    host.kill9();
    post.move_away("courier");
    let _host = place.run(&[]);
    let cap = json!({ "$cap": &lamp }).to_string();
    let waiting = place.begin(&["call", "post", "keep", "hall", &cap]);
    queued(&place, "post", "courier", 1);
    let holder = of(&why(&place, &lamp), "post/courier");
    assert_eq!(
        (&holder["held"], chain(&holder)),
        (&json!(["queued"]), vec!["post/courier queued host keep".to_owned()])
    );
    let plan = place.ocap(&["revoke", "--dry-run", &lamp]).expect(0).json();
    of(plan["holders"].as_array().expect("holders"), "post/courier");
    post.move_back("courier");
    waiting.done().expect(0);
    assert_eq!(chain(&of(&why(&place, &lamp), "post/courier")), ["post/courier sent host keep"]);
}

#[test]
fn what_can_not_be_asked_about_is_said_with_what_may_be_meant() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let problem = place.ocap(&["caps", "why", "matcher/indx"]).expect(1).problem("ocap::target::unknown");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("did you mean `matcher/index`?")), "{problem}");
    place.ocap(&["caps", "why", "ko987654"]).expect(1).problem("ocap::target::unknown");
    place.ocap(&["caps", "why", "matcher/io.lm"]).expect(1).problem("ocap::target::unknown");
    place.ocap(&["caps", "of", "matcher/llm"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn the_recorded_answer_of_a_keyed_call_is_shown_under_its_key() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("lamps").file()]);
    let called = place.ocap(&["call", "lamps/house", "lamp", "hall", "--key", "order 17/b"]).expect(0).json();
    let lamp = reference(&called["value"]["$cap"]);
    let keeper = of(&why(&place, &lamp), "keyed call order 17/b");
    assert_eq!((&keeper["held"], &keeper["vat"]), (&json!(["kept"]), &Value::Null));
    assert_eq!(chain(&keeper), ["keyed call order 17/b kept"]);
    let drawn = place.ocap(&["graph", "--to", &lamp, "--format", "text"]).expect(0).stdout;
    assert!(drawn.contains("keyed call order 17/b (ko") && drawn.contains("kept answer"), "{drawn}");
    let object =
        drawn.split("keyed call order 17/b (").nth(1).and_then(|rest| rest.split(')').next()).expect("a number");
    let seen = place.ocap(&["inspect", object]).expect(0).json();
    assert_eq!(seen["what"], "the host's keyed call order 17/b", "{seen}");
}
