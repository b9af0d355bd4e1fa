//! What a diagnostic's code means can be read at length.

use ocap_tests::Place;

#[test]
fn the_code_of_a_diagnostic_can_be_explained_without_a_host_or_a_home() {
    let place = Place::new();
    let missing = place.try_run(&[&place.root().join("nowhere.toml")]).expect(1);
    let problem = missing.problems().remove(0);
    let code = problem["code"].as_str().expect("a code");
    let explained = place.ocap(&["explain", code]).expect(0).json();
    assert_eq!((&explained["$type"], &explained["code"]), (&"explanation".into(), &code.into()));
    assert!(explained["text"].as_str().is_some_and(|text| text.contains("no file")), "{explained}");
    let people = place.ocap(&["explain", code, "--format", "text"]).expect(0).stdout;
    assert!(people.starts_with(code), "{people}");

    let all = place.ocap(&["explain"]).expect(0).json();
    assert!(all["codes"].as_array().is_some_and(|all| all.len() > 100));
    let refused = place.ocap(&["explain", "ocap::component::mising"]).expect(2).problem("ocap::usage::code");
    assert!(refused["help"].as_str().is_some_and(|help| help.contains("ocap::component::missing")), "{refused}");
}
