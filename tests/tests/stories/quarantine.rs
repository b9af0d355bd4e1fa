//! A vat whose code can't be had is set aside, with all it keeps; it comes back when its code does.

use std::fs;

use ocap_tests::{Place, Sample, components, eventually, is_time};
use serde_json::{Value, json};

use crate::scenes::queued;

/// A linked counter at 4 beside an echo, its host killed.
fn linked_counter() -> (Place, Sample) {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    (place, counter)
}

/// The diagnostic of the counter, which is in quarantine while the echo runs.
#[track_caller]
fn problem_of_the_counter(place: &Place, counter: &Sample) -> Value {
    let vat = place.vat("counter", "counter");
    assert_eq!(vat["state"], "quarantined");
    let problem = vat["problem"].clone();
    assert_eq!((&problem["subcluster"], &problem["vat"]), (&json!("counter"), &json!("counter")));
    assert_eq!(problem["path_written"], "counter.wasm");
    assert_eq!(problem["path_resolved"].as_str(), counter.component("counter").to_str());
    assert!(problem["help"].is_string(), "{problem}");
    assert!(problem["span"]["text"].as_str().is_some_and(|text| text.contains("link = true")), "{problem}");
    assert_eq!(place.ocap(&["quarantine", "list"]).expect(0).json()["problems"], json!([problem]));
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    problem
}

#[test]
fn a_vat_heals_by_itself_when_its_file_returns_and_answers_what_was_parked() {
    let (place, counter) = linked_counter();
    counter.move_away("counter");
    let host = place.run(&[]);
    assert_eq!(problem_of_the_counter(&place, &counter)["code"], "ocap::component::missing");
    let callers: Vec<_> = (1..=3).map(|_| place.begin(&["call", "counter", "increment", "1"])).collect();
    queued(&place, "counter", "counter", 3);

    counter.move_back("counter");
    let mut counts: Vec<u64> =
        callers.into_iter().map(|caller| caller.done().expect(0).json()["value"].as_u64().expect("a number")).collect();
    counts.sort_unstable();
    assert_eq!(counts, [5, 6, 7]);
    assert_eq!(place.status()["pid"], host.pid(), "without a restart");
    place.ocap(&["status"]).expect(0);
    assert_eq!(place.ocap(&["quarantine", "list"]).expect(0).json()["problems"], json!([]));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn g9_every_fault_of_a_component_has_its_own_code_and_is_mended_by_the_file() {
    let (place, counter) = linked_counter();
    let file = counter.component("counter");
    let whole = fs::read(&file).expect("a component");
    let faults: [(&str, &[u8]); 7] = [
        ("ocap::component::truncated", &whole[..whole.len() / 2]),
        ("ocap::component::empty", b""),
        ("ocap::component::not_wasm", b"name = \"counter\"\n"),
        ("ocap::component::core_module", &components::core_module()),
        ("ocap::component::unknown_import", &components::with_unknown_import()),
        ("ocap::component::missing_export", &components::empty_component()),
        ("ocap::component::does_not_compile", &scrambled(&whole)),
    ];
    for (code, bytes) in faults {
        fs::write(&file, bytes).expect("written");
        let host = place.run(&[]);
        let problem = problem_of_the_counter(&place, &counter);
        assert_eq!(problem["code"], code, "{problem}");
        host.kill9();
    }
    fs::write(&file, &whole).expect("written");
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn an_unknown_import_is_named() {
    let (place, counter) = linked_counter();
    fs::write(counter.component("counter"), components::with_unknown_import()).expect("written");
    let _host = place.run(&[]);
    let problem = problem_of_the_counter(&place, &counter);
    assert!(problem["message"].as_str().is_some_and(|text| text.contains("nowhere:nothing/thing")), "{problem}");
}

#[test]
fn the_diagnostic_follows_the_fault_while_the_host_runs() {
    let (place, counter) = linked_counter();
    counter.move_away("counter");
    let _host = place.run(&[]);
    fs::write(counter.component("counter"), "no component").expect("written");
    eventually("the new reason", || {
        (place.vat("counter", "counter")["problem"]["code"] == "ocap::component::not_wasm").then_some(())
    });
    counter.move_back("counter");
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_retry_says_what_was_healed_and_what_was_not() {
    let (place, counter) = linked_counter();
    counter.move_away("counter");
    let _host = place.run(&[]);
    let retried = place.ocap(&["quarantine", "retry", "counter/counter"]).expect(3);
    assert_eq!(retried.json()["healed"], json!([]));
    retried.problem("ocap::component::missing");
    counter.move_back("counter");
    // It may have healed by itself in this moment: then there is nothing to retry, and that is said.
    let retried = place.ocap(&["quarantine", "retry"]).expect(0).json();
    let healed = &retried["healed"];
    assert!(*healed == json!(["counter/counter"]) || *healed == json!([]), "{retried}");
    assert_eq!(place.call("counter", "get", &[]), 4);
    place.ocap(&["quarantine", "retry", "counter/counter"]).expect(1).problem("ocap::vat::not_quarantined");
    place.ocap(&["quarantine", "retry", "counter/conter"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn a_stored_component_runs_on_without_its_source_and_that_is_advice() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    assert_eq!(host.stop(&place), 0);
    counter.move_away("counter");

    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4);
    let status = place.ocap(&["status"]).expect(0).json();
    assert_eq!(status["degraded"], false);
    let advice = &status["problems"][0];
    assert_eq!((&advice["code"], &advice["level"]), (&json!("ocap::component::source_gone"), &json!("advice")));
    assert_eq!(advice["path_resolved"].as_str(), counter.component("counter").to_str());
    assert_eq!(host.ready()["problems"][0]["code"], "ocap::component::source_gone");
    assert_eq!(host.ready()["quarantined"], 0);

    fs::write(counter.component("counter"), "other bytes").expect("written");
    assert_eq!(place.status()["problems"][0]["code"], "ocap::component::source_changed");
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_damaged_blob_of_the_content_store_quarantines_its_vat_and_is_put_back_from_the_source() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    assert_eq!(host.stop(&place), 0);
    counter.move_away("counter");
    let size = fs::metadata(counter.component("counter").with_extension("away")).expect("a component").len();
    for name in place.listing("blobs") {
        let blob = place.home("blobs").join(name);
        if fs::metadata(&blob).expect("a blob").len() == size {
            fs::write(blob, vec![0; usize::try_from(size).expect("small")]).expect("damaged");
        }
    }
    let _host = place.run(&[]);
    assert_eq!(place.vat("counter", "counter")["problem"]["code"], "ocap::component::digest_mismatch");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    counter.move_back("counter");
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_restart_keeps_a_quarantine_and_a_second_one_heals_it() {
    let (place, counter) = linked_counter();
    counter.move_away("counter");
    for boot in [2, 3] {
        let host = place.run(&[]);
        assert_eq!((&host.ready()["boot"], &host.ready()["quarantined"]), (&json!(boot), &json!(1)));
        host.kill9();
    }
    counter.move_back("counter");
    let host = place.run(&[]);
    assert_eq!(host.ready()["quarantined"], 0);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_fault_says_since_when_also_after_a_restart_and_another_fault_begins_anew() {
    let (place, counter) = linked_counter();
    counter.move_away("counter");
    let since = |code: &str| {
        let problem = problem_of_the_counter(&place, &counter);
        assert_eq!(problem["code"], code);
        let since = problem["since"].as_str().expect("a time").to_owned();
        assert!(is_time(&since), "{since}");
        let shown = place.ocap(&["quarantine", "show", "counter/counter", "--format", "text"]).expect(0);
        assert!(shown.stdout.contains(&format!("since: {since}")), "{}", shown.stdout);
        let line = place.ocap(&["status", "--format", "text"]).expect(3).stdout;
        assert!(line.contains(&format!("(counter/counter, since {since})")), "{line}");
        since
    };
    let host = place.run(&[]);
    let began = since("ocap::component::missing");
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(since("ocap::component::missing"), began);
    place.ocap(&["quarantine", "retry", "counter/counter"]).expect(3);
    assert_eq!(since("ocap::component::missing"), began);
    host.kill9();

    fs::write(counter.component("counter"), "no component").expect("written");
    let host = place.run(&[]);
    assert_ne!(since("ocap::component::not_wasm"), began);
    host.kill9();
}

#[test]
fn a_start_that_fails_again_and_again_is_one_fault_since_the_first_time() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    matcher.replace("\"io.llm\", ", "");
    let host = place.run(&[]);
    place.ocap(&["launch", &matcher.word()]).expect(3);
    let problem = || place.vat("matcher", "matcher")["problem"].clone();
    let began = problem();
    assert!(is_time(began["since"].as_str().expect("a time")), "{began}");
    assert_eq!(began["vat_id"], place.vat("matcher", "matcher")["id"]);
    host.kill9();
    let _host = place.run(&[]);
    eventually("it has failed again", || (problem()["since"] == began["since"]).then_some(()));
    place.ocap(&["quarantine", "retry", "matcher/matcher"]);
    eventually("it has failed once more", || (problem()["since"] == began["since"]).then_some(()));
}

#[test]
fn a_vat_that_rejects_when_quarantined_answers_at_once() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    counter.declare(&format!("{}when_quarantined = \"reject\"\n", counter.text()));
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    assert_eq!(place.call_fails("counter", "increment", &["1"]), "vat-quarantined");
    counter.move_back("counter");
    eventually("it heals", || (place.vat("counter", "counter")["state"] != "quarantined").then_some(()));
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn cl3_a_vat_whose_first_start_fails_is_quarantined_with_its_own_words_before_its_launch_is_told() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    // The channel is there, and the vat was not granted it.
    matcher.replace("\"io.llm\", ", "");
    let host = place.run(&[&place.sample("echo").file()]);
    place.ocap(&["launch", &matcher.word()]).expect(3);
    let vat = place.vat("matcher", "matcher");
    assert_eq!(vat["state"], "quarantined");
    let problem = vat["problem"].clone();
    assert_eq!(problem["code"], "ocap::component::start_failed");
    assert!(problem["causes"].to_string().contains("io.llm"), "{problem}");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    assert_eq!(place.call("matcher/index", "find", &["room"]), json!([]));
    place.ocap(&["status"]).expect(3);

    // It does not heal by itself, and what waits for it is not lost.
    let waiting = place.begin(&["call", "matcher", "find", "room"]);
    eventually("it is parked", || (place.vat("matcher", "matcher")["queued"] != 0).then_some(()));
    place.ocap(&["quarantine", "retry", "matcher/matcher"]);
    eventually("it has failed again", || (place.vat("matcher", "matcher")["state"] == "quarantined").then_some(()));
    place.ocap(&["terminate", "matcher", "--yes"]).expect(0);
    assert_eq!(waiting.done().expect(1).json()["code"], "vat-terminated");
    assert_eq!(host.stop(&place), 0);
}

/// The same size and the same head, but nonsense in the middle.
fn scrambled(whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    bytes
}
