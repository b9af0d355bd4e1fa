//! Declarations: what differs from what runs is refused, and what is mistyped is shown where it stands.

use ocap_tests::Place;
use serde_json::json;

#[test]
fn a_declaration_that_changed_is_refused_with_the_difference_and_the_command_that_applies_it() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    counter.declare(&format!("{}limits = {{ memory = \"32MiB\" }}\n", counter.text()));
    let problem = place.ocap(&["launch", &counter.word()]).expect(1).problem("ocap::launch::changed");
    assert_eq!(problem["causes"], json!(["vats.counter.limits.memory: 64MiB -> 32MiB"]));
    let apply = format!("`ocap-host launch --if-changed replace {}`", counter.word());
    assert!(problem["help"].as_str().is_some_and(|help| help.contains(&apply)), "{problem}");
    assert_eq!(host.stop(&place), 0);

    place.try_run(&[&counter.file()]).expect(1).problem("ocap::launch::changed");
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_declaration_that_changed_takes_the_old_ones_place_on_request() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[&matcher.file()]);
    let lamp = json!({ "id": 1, "register": { "name": "lamp", "description": "lights the room" } });
    let find = json!({ "id": 2, "find": "room" });
    assert_eq!(place.client("run/llm.sock").ask(&lamp), json!({ "id": 1, "ok": true }));
    matcher.replace("uses = [", "limits = { memory = \"32MiB\" }\nuses = [");

    // What can't be launched takes nobody's place.
    let index = matcher.move_away("index");
    place
        .ocap(&["launch", "--yes", "--if-changed", "replace", &matcher.word()])
        .expect(1)
        .problem("ocap::component::missing");
    assert_eq!(place.client("run/llm.sock").ask(&find), json!({ "id": 2, "found": ["lamp"] }));
    std::fs::rename(index, matcher.component("index")).expect("it was moved away");

    let replaced = place.ocap(&["launch", "--yes", "--if-changed", "replace", &matcher.word()]).expect(0).json();
    assert_eq!(replaced["origin"], "replaced");
    assert_eq!(place.client("run/llm.sock").ask(&find), json!({ "id": 2, "found": [] }));
    assert_eq!(place.client("run/llm.sock").ask(&lamp), json!({ "id": 1, "ok": true }));
    host.kill9();
    matcher.replace("32MiB", "16MiB");
    place.try_run(&[&matcher.file()]).expect(1).problem("ocap::launch::changed");
    let host = place.run(&[]);
    assert_eq!(place.client("run/llm.sock").ask(&find), json!({ "id": 2, "found": ["lamp"] }));
    assert_eq!(host.stop(&place), 0);
    let word = matcher.word();
    let host = place.run(&["--if-changed".as_ref(), "replace".as_ref(), "--yes".as_ref(), word.as_ref()]);
    assert_eq!(place.client("run/llm.sock").ask(&find), json!({ "id": 2, "found": [] }));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_declaration_that_means_the_same_goes_on() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    counter.declare(&format!("# a comment\n{}start = \"lazy\"\n", counter.text()));
    assert_eq!(place.ocap(&["launch", &counter.word()]).expect(0).json()["origin"], "known");
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn an_unknown_key_is_shown_where_it_stands_with_the_key_that_was_meant() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.replace("component =", "componnent =");
    let _host = place.run(&[]);
    let problem = place.ocap(&["launch", &counter.word()]).expect(1).problem("ocap::declaration::unknown_key");
    let span = &problem["span"];
    let (offset, length) = (span["offset"].as_u64().expect("a place"), span["length"].as_u64().expect("a length"));
    let (offset, length) = (usize::try_from(offset).expect("small"), usize::try_from(length).expect("small"));
    assert_eq!(&counter.text()[offset..offset + length], "componnent");
    assert!(problem.to_string().contains("`component`"), "{problem}");
    let shown = place.ocap(&["launch", &counter.word(), "--format", "text"]).expect(1).stderr;
    for part in ["subcluster.toml", "line 5: componnent = \"counter.wasm\"", "did you mean `component`?"] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

#[test]
fn a_declaration_that_contradicts_itself_or_does_not_exist_changes_nothing() {
    let place = Place::new();
    let counter = place.sample("counter");
    let good = counter.text();
    let _host = place.run(&[]);
    let refused = |text: &str| {
        counter.declare(text);
        let problems = place.ocap(&["launch", &counter.word()]).expect(1).problems();
        problems[0]["code"].as_str().expect("a code").to_owned()
    };
    let code = refused(&good.replace("bootstrap = \"counter\"", "bootstrap = \"conter\""));
    assert!(code.starts_with("ocap::declaration::"), "{code}");
    let code = refused(&format!("{good}uses = [\"vat.nobody\"]\n"));
    assert_eq!(code, "ocap::declaration::undeclared_use");
    assert_eq!(refused("name = "), "ocap::declaration::syntax");
    let code = refused(&format!("{good}limits = {{ memory = \"2GiB\" }}\n"));
    assert_eq!(code, "ocap::declaration::limit_above_ceiling");
    let missing = place.ocap(&["launch", "nowhere/subcluster.toml"]).expect(1);
    let resolved = place.root().join("nowhere/subcluster.toml").display().to_string();
    assert!(missing.problems()[0].to_string().contains(&resolved), "{}", missing.stderr);
    assert_eq!(place.status()["subclusters"], json!([]));
    place.ocap(&["status"]).expect(0);
}
