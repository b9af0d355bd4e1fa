//! System subclusters: what `host.toml` names is there, and what a program may do with the service `kernel`.

use std::fs;

use ocap_tests::{Place, Sample, eventually};
use serde_json::{Value, json};

use crate::services::{ask, ask_in_vain, asker};

/// A home whose `host.toml` says this.
fn configure(place: &Place, text: &str) {
    fs::create_dir_all(place.home("")).expect("a home");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(place.home(""), mode).expect("a home of one's own");
    fs::write(place.home("host.toml"), text).expect("a configuration");
}

fn system(samples: &[(&str, &Sample)]) -> String {
    let section = |(name, sample): &(&str, &Sample)| format!("[system.{name}]\ndeclaration = {:?}\n", sample.word());
    samples.iter().map(section).collect()
}

/// A place whose steward is a system subcluster.
fn stewarded() -> (Place, Sample) {
    let place = Place::new();
    let steward = place.sample("steward");
    configure(&place, &system(&[("steward", &steward)]));
    (place, steward)
}

fn kernel(place: &Place, method: &str, args: Value) -> Value {
    ask(place, "steward", "kernel", method, args)
}

fn kernel_in_vain(place: &Place, method: &str, args: Value) -> String {
    ask_in_vain(place, "steward", "kernel", method, args)
}

/// Puts a sample where a steward may launch it from.
fn put_app(place: &Place, sample: &Sample) {
    let apps = place.home("apps");
    fs::create_dir_all(&apps).expect("a directory for apps");
    let directory = sample.file().parent().expect("a directory").to_owned();
    fs::rename(&directory, apps.join(directory.file_name().expect("a name"))).expect("moved");
}

fn names(status: &Value) -> Vec<&str> {
    let subclusters = status["subclusters"].as_array().expect("a list");
    subclusters.iter().map(|subcluster| subcluster["name"].as_str().expect("a name")).collect()
}

#[test]
fn ss1_a_system_subcluster_is_there_when_the_host_is_ready_and_marked_as_such() {
    let (place, _) = stewarded();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(host.ready()["vats"], 2);
    let status = place.status();
    assert_eq!(names(&status), ["steward", "counter"]);
    let marks: Vec<&Value> =
        status["subclusters"].as_array().expect("a list").iter().map(|one| &one["system"]).collect();
    assert_eq!(marks, [&json!(true), &json!(null)]);
}

#[test]
fn ss2_the_root_of_a_system_subcluster_is_reached_by_its_name() {
    let (place, _) = stewarded();
    let _host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("steward", "errands", &[]), 0);
    let root = kernel(&place, "root", json!(["counter"]));
    assert_eq!(place.call(root["$cap"].as_str().expect("a reference"), "increment", &["3"]), 3);
    assert_eq!(kernel_in_vain(&place, "root", json!(["nobody"])), "no-such-subcluster");
}

#[test]
fn ss3_a_system_subcluster_is_granted_the_service_kernel_and_a_users_is_not() {
    let (place, _) = stewarded();
    let _host = place.run(&[]);
    assert_eq!(kernel(&place, "ping", json!([])), "pong");
    let other = asker(&place, "other", "\"service.kernel\"");
    place.ocap(&["launch", &other.word()]).expect(1).problem("ocap::declaration::no_such_service");
}

#[test]
fn ss4_the_service_kernel_tells_how_everything_does_without_a_path_of_the_host() {
    let (place, _) = stewarded();
    let host = place.run(&[&place.sample("matcher").file()]);
    let status = kernel(&place, "status", json!([]));
    assert_eq!((&status["boot"], &status["degraded"]), (&json!(1), &json!(false)));
    assert_eq!(names(&status), ["steward", "matcher"]);
    assert_eq!(status["subclusters"][1]["channels"][0]["state"], "open");
    let listed = kernel(&place, "list", json!([]));
    assert_eq!(listed[0], json!({ "name": "steward", "id": place.status()["subclusters"][0]["id"], "system": true }));
    drop(host);
    fs::remove_dir_all(place.root().join("matcher")).expect("it was there");
    let _host = place.run(&[]);
    let status = kernel(&place, "status", json!([]));
    assert_eq!(status["subclusters"][1]["vats"][0]["problem"], "ocap::component::source_gone");
    let root = place.root().to_str().expect("UTF-8");
    assert!(!status.to_string().contains(root), "{status}");
}

#[test]
fn ss5_the_service_kernel_launches_what_the_operator_put_there_by_its_name_alone() {
    let (place, _) = stewarded();
    put_app(&place, &place.sample("counter"));
    put_app(&place, &place.sample_as("echo", "misnamed"));
    let misnamed = place.home("apps/misnamed/subcluster.toml");
    let text = fs::read_to_string(&misnamed).expect("a declaration");
    fs::write(&misnamed, text.replace("name = \"misnamed\"", "name = \"echo\"")).expect("written");
    let outside = place.sample("lamps");
    let _host = place.run(&[]);

    let launched = kernel(&place, "launch", json!(["counter"]));
    assert_eq!((&launched["name"], &launched["origin"]), (&json!("counter"), &json!("new")));
    let root = launched["root"]["$cap"].as_str().expect("a reference");
    assert_eq!(place.call(root, "increment", &["2"]), 2);
    assert_eq!(kernel(&place, "call", json!(["counter", "increment", 5])), 7);
    assert_eq!(kernel(&place, "launch", json!(["counter"]))["origin"], "known");

    let outside = outside.word();
    for name in ["nothing", "../lamps", "apps/counter", ".", "..", "", "counter/subcluster.toml", &outside, "COUNTER"] {
        assert_eq!(kernel_in_vain(&place, "launch", json!([name])), "no-such-app", "{name}");
    }
    assert_eq!(kernel_in_vain(&place, "launch", json!(["misnamed"])), "not-launched");
    assert_eq!(names(&place.status()), ["steward", "counter"]);
}

#[test]
fn a_bundle_and_a_declaration_of_a_name_are_apps_and_a_broken_one_is_told_without_its_path() {
    let (place, _) = stewarded();
    let host = place.run(&[]);
    place.ocap(&["bundle", "pack", &place.sample("echo").word(), "-o", "echo.ocap"]).expect(0);
    fs::rename(place.root().join("echo.ocap"), place.home("apps/echo.ocap")).expect("moved");
    fs::write(place.home("apps/broken.toml"), "name = 7").expect("written");
    assert_eq!(kernel(&place, "launch", json!(["echo"]))["name"], "echo");
    assert_eq!(kernel(&place, "call", json!(["echo", "echo", { "a": [1] }])), json!({ "a": [1] }));
    let words = ["call", "steward", "ask", "service.kernel", "launch", "[\"broken\"]"];
    let answer = place.ocap(&words).expect(1).stdout;
    assert!(answer.contains("not-launched") && !answer.contains("broken.toml"), "{answer}");
    // The operator is told in full.
    eventually("the log says it", || host.stderr().contains("ocap::declaration::wrong_type").then_some(()));
}

#[test]
fn ss6_the_service_kernel_ends_a_users_subcluster_and_no_system_subcluster() {
    let (place, _) = stewarded();
    let _host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(kernel(&place, "terminate", json!(["counter"]))["name"], "counter");
    assert_eq!(names(&place.status()), ["steward"]);
    assert_eq!(kernel_in_vain(&place, "terminate", json!(["counter"])), "no-such-subcluster");
    assert_eq!(kernel_in_vain(&place, "terminate", json!(["steward"])), "belongs-to-the-host");
}

#[test]
fn ss7_a_system_subcluster_is_restored_with_the_same_ids_and_the_same_root() {
    let (place, steward) = stewarded();
    let host = place.run(&[]);
    let root = kernel(&place, "root", json!(["steward"]));
    let before = place.status()["subclusters"][0].clone();
    host.kill9();
    // Its declaration's file is not needed any more, but that it is gone is worth knowing.
    let _host = place.run(&[]);
    let after = place.status()["subclusters"][0].clone();
    assert_eq!((&before["id"], &before["vats"][0]["id"]), (&after["id"], &after["vats"][0]["id"]));
    assert_eq!(kernel(&place, "root", json!(["steward"])), root);
    drop(steward);
}

#[test]
fn ss8_what_a_system_subcluster_keeps_outlives_the_host() {
    let (place, _) = stewarded();
    let host = place.run(&[]);
    kernel(&place, "ping", json!([]));
    kernel(&place, "ping", json!([]));
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("steward", "errands", &[]), 2);
}

#[test]
fn ss9_several_system_subclusters_live_beside_each_other_and_a_broken_one_hinders_none() {
    let place = Place::new();
    let steward = place.sample("steward");
    let alarm = place.sample("alarm");
    let broken = place.sample("echo");
    broken.move_away("echo");
    configure(&place, &system(&[("steward", &steward), ("echo", &broken), ("alarm", &alarm)]));
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(names(&place.status()), ["steward", "alarm", "counter"]);
    assert_eq!(kernel(&place, "call", json!(["alarm", "ticks"])), 0);
    let problems = host.ready()["problems"].as_array().expect("a list").clone();
    let problem = problems.iter().find(|problem| problem["subcluster"] == "echo").expect("a diagnostic");
    assert_eq!(problem["code"], "ocap::component::missing");
    assert_eq!(host.stop(&place), 3, "something does not work");
    broken.move_back("echo");
    let _host = place.run(&[]);
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
}

#[test]
fn a_user_can_neither_end_a_system_subcluster_nor_take_its_name() {
    let (place, steward) = stewarded();
    let broken = place.sample("echo");
    broken.move_away("echo");
    configure(&place, &system(&[("steward", &steward), ("echo", &broken)]));
    let host = place.run(&[]);
    let code = "ocap::system::belongs_to_the_host";
    let refused = place.ocap(&["terminate", "steward", "--yes"]).expect(1).problem(code);
    assert!(refused["help"].as_str().expect("a help").contains("host.toml"), "{refused}");
    place.ocap(&["launch", &steward.word()]).expect(1).problem(code);
    place.ocap(&["launch", "--if-changed", "replace", &steward.word()]).expect(1).problem(code);
    // Not even while it is not there.
    let taker = place.sample_as("counter", "taker");
    taker.replace("name = \"taker\"", "name = \"echo\"");
    place.ocap(&["launch", &taker.word()]).expect(1).problem(code);
    assert_eq!(names(&place.status()), ["steward"]);
    host.kill9();
}

#[test]
fn a_system_subcluster_that_is_configured_no_longer_has_ended() {
    let (place, steward) = stewarded();
    place.run(&[]).kill9();
    configure(&place, "");
    let host = place.run(&[]);
    assert_eq!(place.status()["subclusters"], json!([]));
    assert!(host.stderr().contains("host.toml names this system subcluster no longer"), "{}", host.stderr());
    // The name is free, for somebody who may less.
    place.ocap(&["launch", &steward.word()]).expect(1).problem("ocap::declaration::no_such_service");
}

#[test]
fn a_users_subcluster_is_never_taken_over() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    configure(&place, &system(&[("counter", &counter)]));
    let host = place.run(&[&counter.file()]);
    assert_eq!(host.ready()["problems"][0]["code"], "ocap::system::name_taken");
    assert_eq!(place.call("counter", "get", &[]), 4);
    place.ocap(&["terminate", "counter", "--yes"]).expect(0);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 0);
    place.ocap(&["terminate", "counter", "--yes"]).expect(1).problem("ocap::system::belongs_to_the_host");
}

#[test]
fn a_changed_declaration_of_a_system_subcluster_is_told_and_the_old_one_goes_on() {
    let (place, steward) = stewarded();
    place.run(&[]).kill9();
    steward.declare(&format!("{}limits = {{ mailbox = 17 }}\n", steward.text()));
    let host = place.run(&[]);
    let problem = &host.ready()["problems"][0];
    assert_eq!(problem["code"], "ocap::launch::changed");
    assert_eq!(kernel(&place, "ping", json!([])), "pong");
    host.kill9();
    let again = place.begin(&["run", "--yes", "--if-changed", "replace"]);
    eventually("it runs anew", || {
        let status = place.ocap(&["status"]);
        (status.status == 0 && status.json()["subclusters"][0]["system"] == true).then_some(())
    });
    assert_eq!(place.call("steward", "errands", &[]), 0);
    drop(again);
}

#[test]
fn a_system_subcluster_can_be_a_bundle_beside_host_toml() {
    let place = Place::new();
    configure(&place, "[system.echo]\ndeclaration = \"echo.ocap\"\n");
    let echo = place.sample("echo");
    place.ocap(&["bundle", "pack", &echo.word(), "-o", "echo.ocap"]).expect(0);
    fs::rename(place.root().join("echo.ocap"), place.home("echo.ocap")).expect("moved");
    echo.remove();
    let host = place.run(&[]);
    assert_eq!(host.ready()["problems"], json!([]));
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
}

#[test]
fn a_declaration_of_another_name_is_no_system_subcluster() {
    let place = Place::new();
    let steward = place.sample("steward");
    configure(&place, &system(&[("butler", &steward)]));
    let host = place.run(&[]);
    let problem = &host.ready()["problems"][0];
    assert_eq!(problem["code"], "ocap::launch::other_name");
    assert!(problem["span"]["text"].as_str().expect("host.toml").contains("[system.butler]"), "{problem}");
    assert_eq!(place.status()["subclusters"], json!([]));
}
