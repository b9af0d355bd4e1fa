//! Services as a declaration names them, and as a vat calls them.

use ocap_tests::{Place, Sample};
use serde_json::{Value, json};

/// A vat that calls what it was granted, in a subcluster of this name that uses these services.
pub(crate) fn asker(place: &Place, name: &str, uses: &str) -> Sample {
    let sample = place.sample_as("steward", name);
    sample.replace("uses = [\"service.kernel\"]", &format!("uses = [{uses}]"));
    sample
}

/// What the asker's service answers to a method.
pub(crate) fn ask(place: &Place, subcluster: &str, service: &str, method: &str, args: Value) -> Value {
    place.call(subcluster, "ask", &[&format!("service.{service}"), method, &args.to_string()])
}

/// The name of the error that it answers instead.
pub(crate) fn ask_in_vain(place: &Place, subcluster: &str, service: &str, method: &str, args: Value) -> String {
    let words = ["call", subcluster, "ask", &format!("service.{service}"), method, &args.to_string()];
    let answer = place.ocap(&words).expect(1).json();
    let name = if answer["$type"] == "failed" { &answer["code"] } else { &answer["error"]["$error"]["name"] };
    name.as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
}

#[test]
fn se1_a_service_is_called_and_its_answer_comes() {
    let place = Place::new();
    let _host = place.run(&[&asker(&place, "asker", "\"service.timer\"").file()]);
    let rang = ask(&place, "asker", "timer", "after", json!([0]));
    assert!(rang.as_u64().expect("a time") > 1_500_000_000_000, "{rang}");
    let later = ask(&place, "asker", "timer", "at", json!([1000]));
    assert!(later.as_u64() >= rang.as_u64(), "what is past comes now: {later} after {rang}");
}

#[test]
fn se2_an_unknown_service_makes_the_launch_fail_and_leaves_nothing() {
    let place = Place::new();
    let _host = place.run(&[]);
    let declared = asker(&place, "asker", "\"service.timer\", \"service.weather\"");
    let refused = place.ocap(&["launch", &declared.word()]).expect(1);
    let problem = refused.problem("ocap::declaration::no_such_service");
    assert_eq!((&problem["subcluster"], &problem["vat"]), (&json!("asker"), &json!("steward")));
    assert_eq!(problem["help"], "the services of this host for this subcluster: `service.timer`");
    let span = &problem["span"];
    let (text, offset) = (span["text"].as_str().expect("a text"), span["offset"].as_u64().expect("a place"));
    assert!(text[usize::try_from(offset).expect("small")..].starts_with("\"service.weather\""));
    let planned = place.ocap(&["launch", "--dry-run", &declared.word()]).expect(1);
    planned.problem("ocap::declaration::no_such_service");
    assert_eq!(place.status()["subclusters"], json!([]));
}

#[test]
fn se3_an_unknown_method_of_a_service_is_an_answer() {
    let place = Place::new();
    let _host = place.run(&[&asker(&place, "asker", "\"service.timer\"").file()]);
    assert_eq!(ask_in_vain(&place, "asker", "timer", "never", json!([])), "no-such-method");
}

#[test]
fn bad_arguments_of_a_service_are_an_answer() {
    let place = Place::new();
    let _host = place.run(&[&asker(&place, "asker", "\"service.timer\"").file()]);
    for (method, args) in [
        ("after", json!([])),
        ("after", json!([-1])),
        ("after", json!(["soon"])),
        ("at", json!([1.5])),
        ("at", json!([u64::MAX])),
        ("every", json!([100])),
        ("every", json!([1, null])),
    ] {
        assert_eq!(ask_in_vain(&place, "asker", "timer", method, args.clone()), "bad-arguments", "{method} {args}");
    }
    assert_eq!(place.call("asker", "errands", &[]), 7);
}

#[test]
fn a_forbidden_service_and_an_unknown_one_are_refused_in_the_same_words() {
    let words = |service: &str| {
        let place = Place::new();
        let _host = place.run(&[]);
        let declared = asker(&place, "asker", &format!("\"service.{service}\""));
        let refused = place.ocap(&["launch", &declared.word()]).expect(1);
        let mut problem = refused.problem("ocap::declaration::no_such_service");
        problem["span"]["file"] = json!(null);
        problem.to_string().replace(service, "NAME")
    };
    assert_eq!(words("kernel"), words("kernal"));
}
