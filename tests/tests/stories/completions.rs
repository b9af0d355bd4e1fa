//! A shell completes what runs, the manual and the places are there without a host, and settings say where they come from.

use std::fs;
use std::process::Command;

use ocap_tests::Place;
use serde_json::{Value, json};

/// What a shell is offered for the last of these words.
fn completed(place: &Place, words: &[&str]) -> Vec<String> {
    let home = place.home("").display().to_string();
    let line: Vec<&str> = ["ocap-host", "--home", &home].into_iter().chain(words.iter().copied()).collect();
    let index = (line.len() - 1).to_string();
    let mut command = Command::new(ocap_tests::ocap_host());
    command.env_clear().env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    let output = command.arg("--").args(line).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

#[test]
fn names_of_what_runs_are_completed_and_nothing_is_said_where_no_host_runs() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file(), &place.sample("counter").file()]);
    assert_eq!(completed(&place, &["call", "mat"]), ["matcher", "matcher/index", "matcher/matcher"]);
    assert_eq!(completed(&place, &["upgrade", "counter"]), ["counter/counter"]);
    assert!(completed(&place, &["inspect", "matcher/l"]).contains(&"matcher/llm".to_owned()));
    place.ocap(&["pin", "counter"]).expect(0);
    assert_eq!(completed(&place, &["unpin", "pi"]).len(), 1);
    assert_eq!(completed(&place, &["quarantine", "show", ""]).iter().filter(|word| word.contains('/')).count(), 0);
    assert_eq!(host.stop(&place), 0);
    for words in [["call", "mat"], ["upgrade", "counter"], ["unpin", "pi"]] {
        assert_eq!(completed(&place, &words), Vec::<String>::new());
    }
    assert_eq!(completed(&Place::new(), &["call", "mat"]), Vec::<String>::new(), "there is not even a home");
}

#[test]
fn verbs_options_and_codes_are_completed_without_a_host() {
    let place = Place::new();
    assert_eq!(completed(&place, &["quar"]), ["quarantine"]);
    assert!(completed(&place, &["quarantine", "repair", "--as"]).contains(&"--as-upgrade".to_owned()));
    assert_eq!(completed(&place, &["explain", "ocap::component::missing_"]), ["ocap::component::missing_export"]);
}

#[test]
fn a_script_is_printed_for_each_shell() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.ocap(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("COMPLETE") && script.contains("ocap-host"), "{script}");
    }
    // A real shell takes it.
    let script = place.ocap(&["completions", "bash"]).expect(0).stdout;
    let path = place.root().join("completions.bash");
    fs::write(&path, script).expect("written");
    let checked = Command::new("bash").arg("-n").arg(&path).status().expect("bash is there");
    assert!(checked.success());
}

#[test]
fn every_command_has_its_page_of_the_manual() {
    let place = Place::new();
    let pages = place.root().join("man1");
    fs::create_dir(&pages).expect("made");
    place.ocap(&["man", "--all", pages.to_str().expect("UTF-8")]).expect(0);
    let names: Vec<String> = fs::read_dir(&pages)
        .expect("a directory")
        .map(|page| page.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    assert!(names.len() > 40, "{names:?}");
    for name in ["ocap-host.1", "ocap-host-call.1", "ocap-host-quarantine-repair.1"] {
        assert!(names.iter().any(|page| page == name), "{name} is not among {names:?}");
    }
    let page = place.ocap(&["man", "quarantine", "repair"]).expect(0).stdout;
    assert_eq!(
        page.trim_end(),
        fs::read_to_string(pages.join("ocap-host-quarantine-repair.1")).expect("a page").trim_end()
    );
    place.ocap(&["man", "quarrel"]).expect(2).problem("ocap::usage::command");
    place.ocap(&["man", "--all", "nowhere"]).expect(1).problem("ocap::cli::man");
}

#[test]
fn where_tells_each_place_whether_it_is_there_or_not() {
    let place = Place::new();
    let places = place.ocap(&["where"]).expect(0).json();
    assert_eq!(places["$type"], "where");
    for (name, path) in [
        ("state", ""),
        ("sock", "control.sock"),
        ("log", "log"),
        ("cache", "cache"),
        ("config", "host.toml"),
        ("store", "store"),
    ] {
        let expected = place.home(path).display().to_string();
        assert_eq!(places[name].as_str().map(|path| path.trim_end_matches('/')), Some(expected.trim_end_matches('/')));
        let alone = place.at_a_terminal(&["where", name], &[], "");
        assert_eq!(alone.text.trim().trim_end_matches('/'), expected.trim_end_matches('/'));
    }
    assert!(!place.home("").exists(), "a look makes nothing");
}

/// A setting as `config list` has it.
fn setting(listing: &Value, key: &str) -> Value {
    let settings = listing["settings"].as_array().expect("a list");
    settings.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("no {key} in {listing}")).clone()
}

#[test]
fn config_lists_every_setting_with_what_said_it_and_what_is_not_in_force_yet() {
    let place = Place::new();
    let host = place.run(&[]);
    let listing = place.ocap(&["config", "list"]).expect(0).json();
    assert_eq!(setting(&listing, "home")["origin"], "flag");
    assert_eq!(
        setting(&listing, "limits.memory"),
        json!({ "key": "limits.memory", "value": "1GiB", "origin": "default" })
    );
    let path = place.ocap(&["config", "path"]).expect(0).json()["path"].clone();
    assert_eq!(path.as_str(), place.home("host.toml").to_str());
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    fs::write(place.home("host.toml"), "# mine\n[limits]\nmemory = \"2GiB\"\n").expect("written");
    let listed = place.ocap(&["config", "list"]).expect(0);
    let expected = json!({ "key": "limits.memory", "value": "2GiB", "origin": { "file": { "line": 3 } } });
    assert_eq!(setting(&listed.json(), "limits.memory"), expected);
    listed.problem("ocap::host_config::changed");
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    assert_eq!(place.ocap(&["config", "list"]).expect(0).problems(), Vec::<Value>::new());
    fs::write(place.home("host.toml"), "[limits]\nmemroy = \"2GiB\"\n").expect("written");
    let problem = place.ocap(&["config", "list"]).expect(1).problem("ocap::host_config::unknown_key");
    assert_eq!(problem["help"], "did you mean `memory`?");
}

#[test]
fn what_is_mistyped_is_answered_with_what_may_have_been_meant() {
    let place = Place::new();
    let counter = place.sample("counter");
    let _host = place.run(&[&counter.file()]);
    let verb = place.ocap(&["quarantin", "list"]).expect(2).stderr;
    assert!(verb.contains("'quarantine'"), "{verb}");
    for name in [["call", "conter", "get"], ["call", "counter/conter", "get"]] {
        let problem = place.ocap(&name).expect(1).problem("ocap::target::unknown");
        assert!(problem["help"].as_str().is_some_and(|help| help.contains("did you mean `counter")), "{problem}");
    }
    counter.replace("bootstrap", "bootstrop");
    let problem = place.ocap(&["launch", &counter.word()]).expect(1).problem("ocap::declaration::unknown_key");
    assert_eq!(problem["help"], "did you mean `bootstrap`?");
    let problem = place.ocap(&["explain", "ocap::component::mising"]).expect(2).problem("ocap::usage::code");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("ocap::component::missing")), "{problem}");
}
