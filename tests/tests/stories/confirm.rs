//! What can't be taken back is shown and asked about where somebody can answer, and refused where nobody can.

use ocap_tests::Place;
use serde_json::json;

const QUESTION: &str = "Do it? [y/N] ";

#[test]
fn a_person_at_a_terminal_is_shown_what_would_end_and_decides() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    for no in ["n\n", "\n", "yess\n"] {
        let shown = place.at_a_terminal(&["terminate", "counter"], &[], no);
        assert_eq!(shown.status, 1, "{}", shown.text);
        assert!(shown.text.contains("vat counter/counter (v1)") && shown.text.contains(QUESTION), "{}", shown.text);
        assert!(shown.text.contains("nothing was done"), "{}", shown.text);
        assert_eq!(place.call("counter", "get", &[]), 0);
    }
    let shown = place.at_a_terminal(&["terminate", "counter"], &[], "y\n");
    assert_eq!(shown.status, 0, "{}", shown.text);
    assert!(shown.text.contains("terminated: counter"), "{}", shown.text);
    place.ocap(&["call", "counter", "get"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn automation_is_never_asked_even_at_a_terminal() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let shown = place.at_a_terminal(&["terminate", "counter"], &["CI=true"], "y\n");
    assert_eq!(shown.status, 2, "{}", shown.text);
    assert!(!shown.text.contains(QUESTION) && shown.text.contains("terminate counter --yes"), "{}", shown.text);
    assert_eq!(place.call("counter", "get", &[]), 0);
    assert_eq!(host.stop(&place), 0);
    let shown = place.at_a_terminal(&["reset"], &["CI=true"], "y\n");
    assert_eq!(shown.status, 2, "{}", shown.text);
    assert_eq!(place.at_a_terminal(&["reset"], &[], "y\n").status, 0);
    assert_eq!(place.run(&[]).ready()["vats"], 0);
}

#[test]
fn a_grant_is_taken_back_only_when_somebody_says_yes() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let words = ["revoke", "matcher/matcher", "vat.index"];
    let refused = place.ocap(&words).expect(2);
    let problem = refused.problem("ocap::usage::unconfirmed");
    assert!(problem["causes"][0].as_str().is_some_and(|holder| holder.contains("matcher/matcher")), "{problem}");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("revoke matcher/matcher vat.index --yes")));
    assert_eq!(refused.json()["$type"], "revoke-plan");
    assert_eq!(place.call("matcher", "find", &["room"]), json!([]));
    let shown = place.at_a_terminal(&words, &[], "n\n");
    assert!(shown.status == 1 && shown.text.contains(QUESTION), "{}", shown.text);
    assert_eq!(place.call("matcher", "find", &["room"]), json!([]));
    assert_eq!(place.at_a_terminal(&words, &[], "y\n").status, 0);
    assert_eq!(place.call_fails("matcher", "find", &["room"]), "object-revoked");
    // What answers no more already is not asked about.
    assert_eq!(place.ocap(&words).expect(0).json()["since"], "before");
}

#[test]
fn a_token_is_removed_only_when_somebody_says_yes() {
    let place = Place::new();
    place.ocap(&["token", "add", "robot", "--role", "read"]).expect(0);
    place.ocap(&["token", "remove", "robot"]).expect(2).problem("ocap::usage::unconfirmed");
    assert_eq!(place.ocap(&["token", "list"]).expect(0).json()["tokens"][0]["name"], "robot");
    assert_eq!(place.at_a_terminal(&["token", "remove", "robot"], &[], "y\n").status, 0);
    assert_eq!(place.ocap(&["token", "list"]).expect(0).json()["tokens"], json!([]));
}

#[test]
fn what_runs_from_another_declaration_is_replaced_only_when_somebody_says_yes() {
    let place = Place::new();
    let counter = place.sample("counter");
    let word = counter.word();
    let replace = |verb: &'static str| [verb, "--if-changed", "replace", &word].map(str::to_owned);
    let ocap = |verb| place.ocap(&replace(verb).each_ref().map(String::as_str));
    let host = place.run(&[&counter.file()]);
    // What goes on as it is ends nothing.
    assert_eq!(ocap("launch").expect(0).json()["origin"], "known");
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    counter.replace("[vats.counter]", "[vats.counter]\nturns = 2");
    let problem = ocap("launch").expect(2).problem("ocap::usage::unconfirmed");
    assert!(problem["causes"].to_string().contains("vat counter/counter (v1)"), "{problem}");
    assert_eq!(host.stop(&place), 0);
    for verb in ["run", "start"] {
        let problem = ocap(verb).expect(2).problem("ocap::usage::unconfirmed");
        assert!(problem["causes"].to_string().contains("subcluster counter"), "{problem}");
    }
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4);
    let shown = place.at_a_terminal(&replace("launch").each_ref().map(String::as_str), &[], "y\n");
    assert!(shown.status == 0 && shown.text.contains(QUESTION), "{}", shown.text);
    assert_eq!(place.call("counter", "get", &[]), 0);
    assert_eq!(host.stop(&place), 0);
    counter.replace("turns = 2", "turns = 3");
    place.ocap(&["start", "--yes", "--if-changed", "replace", &word]).expect(0);
    place.ocap(&["stop"]).expect(0);
}
