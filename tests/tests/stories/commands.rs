//! The command line as programs see it: exit statuses, streams, formats.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ocap_tests::Place;
use rustix::process::Signal;
use serde_json::json;

#[test]
fn g10_a_second_host_is_refused_at_once_and_told_who_is_there() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let refused = place.try_run(&[]).expect(5);
    let problem = refused.problem("ocap::daemon::locked");
    let who = format!("process {}, ready for ", host.pid());
    assert!(problem["message"].as_str().is_some_and(|message| message.contains(&who)), "{problem}");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("stop")), "{problem}");
    assert_eq!(refused.stdout, "");
    // The first one has not noticed.
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert_eq!(host.stop(&place), 0);
    assert_eq!(place.run(&[]).stop(&place), 0);
}

#[test]
fn without_a_host_every_command_says_so() {
    let place = Place::new();
    let launch = place.sample("counter").word();
    let commands: [&[&str]; 7] = [
        &["status"],
        &["stop"],
        &["call", "counter", "get"],
        &["launch", &launch],
        &["quarantine", "list"],
        &["quarantine", "retry"],
        &["terminate", "counter", "--yes"],
    ];
    for command in commands {
        let done = place.ocap(command).expect(4);
        let problem = done.problem("ocap::daemon::unreachable");
        assert!(problem["help"].as_str().is_some_and(|help| help.contains("run")), "{problem}");
        assert_eq!(done.stdout, "");
    }
    assert!(!place.home("").exists(), "a look does not make a home");
    assert_eq!(place.run(&[]).stop(&place), 0);
    for command in commands {
        place.ocap(command).expect(4).problem("ocap::daemon::unreachable");
    }
}

#[test]
fn a_host_that_was_killed_is_not_taken_for_a_running_one() {
    let place = Place::new();
    let host = place.run(&[]);
    let pid = host.pid();
    host.kill9();
    let told = place.ocap(&["status"]).expect(4).problem("ocap::daemon::unreachable");
    let cause = format!("the last one, process {pid}, died while it was ready");
    assert!(told["causes"][0].as_str().is_some_and(|said| said.starts_with(&cause)), "{told}");
}

#[test]
fn a_mistake_on_the_command_line_has_its_own_status() {
    let place = Place::new();
    for args in [&["lanch", "x.toml"][..], &["call"], &["run", "--fromat", "json"], &["bundle"]] {
        let done = place.ocap(args).expect(2);
        assert_eq!(done.stdout, "");
        assert!(!done.stderr.is_empty());
    }
    assert!(place.ocap(&["lanch"]).stderr.contains("launch"), "a suggestion");
    let _host = place.run(&[&place.sample("counter").file()]);
    let problem = place.ocap(&["terminate", "counter"]).expect(2).problem("ocap::usage::unconfirmed");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("--yes")), "{problem}");
    assert_eq!(place.call("counter", "get", &[]), 0);
}

#[test]
fn a_target_that_does_not_exist_is_answered_with_the_one_that_was_meant() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    for target in ["conter", "counter/conter"] {
        let problem = place.ocap(&["call", target, "get"]).expect(1).problem("ocap::target::unknown");
        assert!(problem["help"].as_str().is_some_and(|help| help.contains("did you mean `counter")), "{problem}");
    }
    let answer = place.ocap(&["call", "counter", "got"]).expect(1).json();
    assert_eq!(answer["error"]["$error"]["name"], "no-such-method");
}

#[test]
fn an_argument_is_json_where_it_is_json_and_else_text() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("echo").file()]);
    let cases = [
        ("5", json!(5)),
        ("-1.5", json!(-1.5)),
        ("null", json!(null)),
        ("lamp", json!("lamp")),
        ("\"5\"", json!("5")),
        ("[1, [2], {}]", json!([1, [2], {}])),
        (r#"{"a": {"b": true}}"#, json!({ "a": { "b": true } })),
        ("ä\u{1b}[31m", json!("ä\u{1b}[31m")),
    ];
    for (word, value) in cases {
        assert_eq!(place.call("echo", "echo", &[word]), value, "{word}");
    }
}

#[test]
fn stdout_carries_the_answer_and_nothing_else_in_every_format() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    let in_format = |format: &str| place.ocap(&["call", "counter", "increment", "1", "--format", format]).expect(0);
    assert_eq!(in_format("text").stdout, "1\n");
    assert_eq!(in_format("jsonl").stdout, "{\"$type\":\"value\",\"value\":2}\n");
    assert_eq!(in_format("json").json(), json!({ "$type": "value", "value": 3 }));
    assert_eq!(in_format("text").stderr, "");
    let status = place.ocap(&["status", "--format", "text"]).expect(0);
    assert!(status.stdout.contains("counter/counter") && !status.stdout.contains('\u{1b}'), "{}", status.stdout);
}

#[test]
fn a_signal_ends_the_host_in_good_order() {
    let place = Place::new();
    let files = [place.sample("matcher").file()];
    for (signal, status) in [(Signal::TERM, 0), (Signal::INT, 130)] {
        let host = place.run(&[&files[0]]);
        host.signal(signal);
        assert_eq!(host.ended(), status);
        assert!(!place.home("control.sock").exists());
        assert!(!place.home("channels/run/llm.sock").exists());
        assert_eq!(place.listing("").iter().filter(|name| name.starts_with("store-")).count(), 0, "the log was merged");
    }
}

#[test]
fn the_home_and_what_is_in_it_are_the_users_alone() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let mode = |name: &str| fs::symlink_metadata(place.home(name)).expect(name).permissions().mode() & 0o777;
    for directory in ["", "blobs", "cache", "channels", "channels/run"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
    }
    for file in ["lock", "log", "status.json", "store", "key", "control.sock", "channels/run/llm.sock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[test]
fn a_home_under_another_path_is_the_same_home() {
    let place = Place::new();
    let _host = place.run(&[]);
    let link = place.root().join("link");
    std::os::unix::fs::symlink(place.home(""), &link).expect("linked");
    let link = link.to_str().expect("UTF-8");
    place.ocap(&["run", "--home", link]).expect(5).problem("ocap::daemon::locked");
    place.ocap(&["status", "--home", link]).expect(0);
}

#[test]
fn a_home_with_a_path_that_is_too_long_for_a_socket_works() {
    let place = Place::with_home(&"long/".repeat(40));
    let host = place.run(&[&place.sample("matcher").file()]);
    assert!(place.home("control.sock").as_os_str().len() > 200);
    assert_eq!(place.call("matcher", "find", &["room"]), json!([]));
    assert_eq!(place.channel("matcher", "llm")["state"], "open");
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(place.channel("matcher", "llm")["state"], "open");
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_home_that_can_not_be_used_is_refused_with_what_mends_it() {
    let place = Place::new();
    place.run(&[]).kill9();
    let refused = |code: &str| {
        let problem = place.try_run(&[]).expect(1).problem(code);
        assert!(problem["help"].is_string(), "{problem}");
        assert!(!place.home("control.sock").exists() || code == "ocap::home::open_to_others");
    };
    let mode = |mode| fs::set_permissions(place.home(""), fs::Permissions::from_mode(mode)).expect("it is ours");
    mode(0o755);
    refused("ocap::home::open_to_others");
    mode(0o700);
    fs::write(place.home("host.toml"), "[channels]\nroot = []\n").expect("written");
    refused("ocap::host_config::unknown_key");
    fs::remove_file(place.home("host.toml")).expect("removed");
    let key = fs::read(place.home("key")).expect("a key");
    fs::write(place.home("key"), "short").expect("written");
    refused("ocap::home::key_damaged");
    fs::write(place.home("key"), key).expect("written");
    fs::write(place.home("control.sock"), "no socket").expect("written");
    place.try_run(&[]).expect(1).problem("ocap::daemon::socket_taken");
    fs::remove_file(place.home("control.sock")).expect("removed");
    assert_eq!(place.run(&[]).stop(&place), 0);
}

#[test]
fn a_message_that_is_too_large_is_refused_and_the_host_goes_on() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("echo").file()]);
    let large = "x".repeat(100_000);
    assert_eq!(place.call("echo", "echo", &[&large]), json!(large));
    let mut args = vec!["call", "echo", "echo"];
    args.extend([large.as_str(); 12]);
    place.ocap(&args).expect(1).problem("ocap::request::too_large");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
}
