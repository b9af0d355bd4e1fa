//! The contract is WIT: a vat in another language is a vat like any other.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use ocap_tests::{Host, Place, eventually, repository, sample_component};
use serde_json::{Value, json};

/// Starts a host. Compiling an interpreter takes longer than all the rest of a story, so only one host does it at a time.
fn run(place: &Place, files: &[&Path]) -> Host {
    static COMPILING: Mutex<()> = Mutex::new(());
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    place.run(files)
}

/// A host with a peer in each language.
struct Polyglot {
    place: Place,
    host: Host,
}

/// The peers, and by which of their peers each is granted.
const PEERS: [(&str, &str); 3] = [("rust", "python"), ("python", "rust"), ("js", "rust")];

impl Polyglot {
    fn new() -> Polyglot {
        let place = Place::new();
        let sample = place.sample("polyglot");
        let host = run(&place, &[&sample.file()]);
        Polyglot { place, host }
    }

    fn call(&self, vat: &str, method: &str, args: &[&Value]) -> Value {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.place.call(&format!("polyglot/{vat}"), method, &args)
    }

    /// The name and message of the error that a call is answered with.
    fn refused(&self, vat: &str, method: &str, args: &[&Value]) -> (String, String) {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        let target = format!("polyglot/{vat}");
        let words: Vec<&str> = ["call", &target, method].into_iter().chain(args.iter().map(String::as_str)).collect();
        let answer = self.place.ocap(&words).expect(1).json();
        let error = &answer["error"]["$error"];
        let text = |part: &str| error[part].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned();
        (text("name"), text("message"))
    }

    /// A capability to a peer.
    fn peer(&self, name: &str) -> Value {
        let (_, granted_to) = PEERS.iter().find(|(peer, _)| *peer == name).unwrap_or(&("c", "rust"));
        self.call(granted_to, "peer", &[&json!(format!("vat.{name}"))])
    }

    fn peers(&self) -> Vec<(&'static str, Value)> {
        PEERS.iter().map(|(name, _)| (*name, self.peer(name))).collect()
    }

    fn restarted_after_kill(self) -> Polyglot {
        self.host.kill9();
        let host = self.place.run(&[]);
        Polyglot { host, ..self }
    }
}

#[test]
fn a_vat_in_python_answers_keeps_its_state_over_kill_and_lives_beside_rust() {
    let place = Place::new();
    let (greeter, counter) = (place.sample("python-greeter"), place.sample("counter"));
    let host = run(&place, &[&greeter.file(), &counter.file()]);
    assert_eq!(place.call("python-greeter", "greet", &["World"]), "hello, World");
    assert_eq!(place.call("counter", "increment", &["2"]), 2);
    assert_eq!(place.call("python-greeter", "greeted", &[]), 1);
    host.kill9();

    let _host = place.run(&[]);
    assert_eq!(place.call("python-greeter", "greet", &["again"]), "hello, again");
    assert_eq!(place.call("python-greeter", "greeted", &[]), json!(2));
    assert_eq!(place.call("counter", "get", &[]), 2);
}

#[test]
fn a_vat_in_python_describes_itself_as_one_in_rust_does() {
    let place = Place::new();
    let _host = run(&place, &[&place.sample("python-greeter").file()]);
    let method = |name: &str, docs: &str, args: Value, answer: &str| json!({ "name": name, "docs": docs, "args": args, "answer": answer });
    let described = json!({
        "name": "Greeter",
        "docs": "How often it greeted.",
        "interfaces": [],
        "methods": [
            method("greet", "Says hello.", json!([{ "name": "name", "type": "str" }]), "str"),
            method("greeted", "", json!([]), "int"),
        ],
    });
    assert_eq!(place.call("python-greeter", "__describe", &[]), described);
}

#[test]
fn a_vat_in_javascript_describes_itself_as_far_as_javascript_knows() {
    let place = Place::new();
    let _host = run(&place, &[&place.sample("js-counter").file()]);
    let described = place.call("js-counter", "__describe", &[]);
    assert_eq!((&described["name"], &described["docs"]), (&json!("Counter"), &json!("A number that only grows.")));
    let increment = json!({
        "name": "increment",
        "docs": "Adds to it, and answers what it is then.",
        "args": [{ "name": "by", "type": "any" }],
        "answer": "any",
    });
    assert_eq!(described["methods"][0], increment);
    assert_eq!(described["methods"][1]["name"], "get");
}

#[test]
fn a_counter_in_rust_is_upgraded_to_javascript_and_counts_on() {
    let place = Place::new();
    let counter = place.sample("counter");
    let _host = run(&place, &[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["41"]), 41);
    let other = sample_component("js-counter");
    place.ocap(&["upgrade", "counter/counter", other.to_str().expect("UTF-8")]).expect(0);
    assert_eq!(place.call("counter", "increment", &["1"]), 42);
    place.ocap(&["upgrade", "counter/counter", "--rollback"]).expect(0);
    assert_eq!(place.call("counter", "get", &[]), 42);
}

#[test]
fn peers_in_three_languages_call_each_other_in_every_order() {
    let polyglot = Polyglot::new();
    for (first, _) in PEERS {
        for (second, second_peer) in polyglot.peers() {
            for (third, third_peer) in polyglot.peers() {
                let path = json!([second_peer, third_peer]);
                let names = polyglot.call(first, "relay", &[&path, &json!("word")]);
                assert_eq!(names, json!([first, second, third, "word"]));
            }
        }
    }
}

#[test]
fn an_object_of_one_is_passed_on_by_another_and_called_and_kept_by_a_third() {
    let polyglot = Polyglot::new();
    let peers = polyglot.peers();
    for (by, _) in PEERS {
        for (maker, maker_peer) in &peers {
            for (keeper, keeper_peer) in &peers {
                let text = json!(format!("made in {maker}, kept in {keeper}, by {by}"));
                assert_eq!(polyglot.call(by, "introduce", &[maker_peer, keeper_peer, &text]), text);
                assert_eq!(polyglot.call(keeper, "read_kept", &[]), text);
            }
        }
    }
}

#[test]
fn a_promise_made_by_one_is_settled_by_another_and_awaited_by_a_third() {
    let polyglot = Polyglot::new();
    let peers = polyglot.peers();
    for (by, _) in PEERS {
        for (_, settler) in &peers {
            for (waiter, waiter_peer) in &peers {
                let value = json!({ "by": by, "with": settler });
                let answer = polyglot.call(by, "pair", &[settler, waiter_peer, &value]);
                assert_eq!((&answer[0], &answer[1]["by"]), (&json!(waiter), &json!(by)));
                assert!(answer[1]["with"]["$cap"].is_string(), "{answer}");
            }
        }
    }
}

#[test]
fn errors_have_a_name_and_a_message_in_every_language() {
    let polyglot = Polyglot::new();
    for (catcher, _) in PEERS {
        for (refuser, peer) in polyglot.peers() {
            let caught = polyglot.call(catcher, "attempt", &[&peer, &json!("too-late")]);
            assert_eq!(caught, json!(["too-late", format!("{refuser} refuses")]));
        }
        assert_eq!(polyglot.call(catcher, "abandoned", &[]), "resolver-dropped");
        assert_eq!(polyglot.refused(catcher, "nothing", &[]).0, "no-such-method");
        assert_eq!(polyglot.refused(catcher, "keep", &[]).0, "bad-arguments");
    }
    assert_eq!(polyglot.refused("c", "nothing", &[]).0, "no-such-method");
    assert_eq!(polyglot.refused("c", "increment", &[&json!("one")]).0, "bad-arguments");
    let (_, message) = polyglot.refused("python", "keep", &[&json!(1)]);
    assert_eq!(message, "`keep(note: Cap)`: `note` is an integer");
}

#[test]
fn every_kind_of_value_passes_through_every_language() {
    let polyglot = Polyglot::new();
    let cap = polyglot.peer("c");
    let values = json!([
        null, true, 0, -1, 24, 4294967296_u64, u64::MAX, { "$int": "-340282366920938463463374607431768211456" }, 1.5, -0.1, 1e300,
        { "$float": "NaN" }, { "$float": "-Infinity" }, "", "\u{e9}\u{1f600}", { "$bytes": "AP8=" }, { "$symbol": "s" }, [], [[]],
        {}, { "b": 1, "aa": 2, "\u{e9}": 3, "__proto__": 4 }, { "$tagged": { "label": "t", "value": [1] } },
        { "$error": { "name": "n", "message": "m" } },
    ]);
    for (vat, _) in PEERS {
        assert_eq!(polyglot.call(vat, "echo", &[&values]), values, "{vat}");
        assert!(polyglot.call(vat, "echo", &[&json!([cap])])[0]["$cap"].is_string(), "{vat}");
    }
    // Serde can not tell it from null.
    for vat in ["python", "js"] {
        assert_eq!(polyglot.call(vat, "echo", &[&json!({ "$undefined": true })]), json!({ "$undefined": true }));
    }
}

#[test]
fn what_vats_keep_in_any_language_outlives_kill_and_restart() {
    let polyglot = Polyglot::new();
    let c = polyglot.peer("c");
    for (maker, (keeper, _)) in polyglot.peers().iter().map(|(_, maker)| maker).zip(PEERS) {
        let note = polyglot.call("rust", "introduce", &[maker, &polyglot.peer(keeper), &json!(keeper)]);
        assert_eq!(note, keeper);
        assert_eq!(polyglot.call(keeper, "counted", &[]), 1);
        polyglot.call(keeper, "ask_later", &[&c]);
    }
    polyglot.call("c", "keep", &[&polyglot.peer("js")]);
    assert_eq!(polyglot.call("c", "increment", &[&json!(10)]), 13);

    let polyglot = polyglot.restarted_after_kill();
    polyglot.place.ocap(&["restart", "polyglot"]).expect(0);
    for (asked, (keeper, _)) in (1..).zip(PEERS) {
        assert_eq!(polyglot.call(keeper, "read_kept", &[]), keeper);
        assert_eq!(polyglot.call(keeper, "counted", &[]), 2);
        assert_eq!(polyglot.call(keeper, "heard", &[]), json!(["counted", asked]), "{keeper}");
    }
    assert_eq!(polyglot.call("c", "ask", &[]), 3);
    assert_eq!(polyglot.call("c", "sum", &[]), 13 + 4);
}

#[test]
fn nobody_but_the_kernel_can_answer_an_object_that_waits_in_any_language() {
    let polyglot = Polyglot::new();
    let c = polyglot.peer("c");
    for (asked, (vat, _)) in (1..).zip(PEERS) {
        polyglot.call(vat, "ask_later", &[&c]);
        let heard = || (polyglot.call(vat, "heard", &[]) == json!(["counted", asked])).then_some(());
        eventually("the answer comes", heard);
        let ear = polyglot.call(vat, "listening", &[])["$cap"].as_str().expect("a reference").to_owned();
        for method in ["hear", "fulfill", "forward", "break"] {
            let refused = polyglot.place.ocap(&["call", &ear, method, "[666]", "666"]).expect(1).json();
            assert_eq!(refused["error"]["$error"]["name"], "no-such-method", "{method} of {vat}: {refused}");
        }
        assert_eq!(polyglot.call(vat, "heard", &[]), json!(["counted", asked]), "{vat}");
    }
}

#[test]
fn the_use_of_a_released_capability_is_an_error_and_no_trap() {
    let polyglot = Polyglot::new();
    let (python, c) = (polyglot.peer("python"), polyglot.peer("c"));
    for vat in ["python", "js"] {
        assert_eq!(polyglot.call(vat, "reuse", &[&c]), "caught");
        assert_eq!(polyglot.call(vat, "settle_twice", &[]), "once");
    }
    assert_eq!(polyglot.refused("c", "reuse", &[&python]).0, "capability-released");
    polyglot.call("js", "hoard", &[&python]);
    assert_eq!(polyglot.call("js", "use_hoarded", &[&json!("kept")]), 1);
    assert_eq!(polyglot.refused("js", "use_hoarded", &[&json!("lost")]).0, "capability-released");
    for vat in ["python", "js", "c"] {
        assert_eq!(polyglot.place.vat("polyglot", vat)["incarnation"], 1, "{vat} was trapped");
    }
}

#[test]
fn handles_end_with_their_delivery_so_a_vat_in_any_language_comes_to_rest() {
    let polyglot = Polyglot::new();
    let peers = polyglot.peers();
    for (by, _) in PEERS {
        for (_, peer) in &peers {
            polyglot.call(by, "relay", &[&json!([peer, peer]), &json!("word")]);
            polyglot.call(by, "introduce", &[peer, &peers[2].1, &json!("text")]);
            polyglot.call(by, "pair", &[peer, &peers[1].1, peer]);
            polyglot.call(by, "attempt", &[peer, &json!("no")]);
        }
        polyglot.call(by, "abandoned", &[]);
        polyglot.call("c", "keep", &[&peers[1].1]);
        polyglot.call("c", "keep", &[&peers[0].1]);
        polyglot.call("c", "sum", &[]);
        polyglot.refused("c", "get_all", &[&peers[0].1]);
    }
    for vat in ["rust", "python", "js", "c"] {
        polyglot.place.ocap(&["hibernate", &format!("polyglot/{vat}")]).expect(0);
    }
}

#[test]
fn a_mistake_in_a_vat_is_an_error_to_its_caller_and_a_place_in_the_log() {
    let polyglot = Polyglot::new();
    for (vat, text) in [("python", "KeyError: 'no such key'"), ("js", "TypeError: can't access property")] {
        let (name, message) = polyglot.refused(vat, "mistake", &[]);
        assert_eq!(name, "error");
        assert!(message.starts_with(text), "{message}");
        let is_it = |line: &Value| line["message"].as_str().is_some_and(|message| message.starts_with(text));
        // The answer and the log leave the host one after the other.
        let line = eventually("its line in the log", || polyglot.place.log().into_iter().find(is_it));
        assert!(line["fields"].to_string().contains("app."), "{line}");
        assert_eq!(polyglot.refused(vat, "deep", &[]).0, "error");
        assert_eq!(polyglot.place.vat("polyglot", vat)["incarnation"], 1);
    }
}

#[test]
fn a_delivery_whose_state_can_not_be_kept_has_not_happened() {
    let polyglot = Polyglot::new();
    for vat in ["python", "js"] {
        assert_eq!(polyglot.call(vat, "counted", &[]), 1);
        let code = polyglot.place.call_fails(&format!("polyglot/{vat}"), "keep_what_can_not_be_kept", &[]);
        assert_eq!(code, "vat-trapped");
        assert_eq!(polyglot.call(vat, "counted", &[]), 2);
    }
}

#[test]
fn a_method_in_javascript_that_never_ends_has_kept_what_it_changed() {
    let polyglot = Polyglot::new();
    let mut hangs = polyglot.place.begin(&["call", "polyglot/js", "change_and_hang"]);
    // It calls itself first, so the hundred comes one delivery later.
    eventually("the change", || (polyglot.call("js", "counted", &[]).as_u64() > Some(100)).then_some(()));
    assert!(hangs.runs());
    let polyglot = polyglot.restarted_after_kill();
    assert!(polyglot.call("js", "counted", &[]).as_u64() > Some(101));
}

#[test]
fn an_object_of_an_incarnation_ends_with_it_in_any_language() {
    let polyglot = Polyglot::new();
    for vat in ["python", "js"] {
        let session = polyglot.call(vat, "session", &[]);
        let session = session["$cap"].as_str().expect("a capability").to_owned();
        assert_eq!(polyglot.place.call(&session, "use", &[]), 1);
        assert_eq!(polyglot.place.call(&session, "use", &[]), 2);
        polyglot.place.ocap(&["restart", &format!("polyglot/{vat}")]).expect(0);
        assert_eq!(polyglot.place.call_fails(&session, "use", &[]), "incarnation-lost");
    }
}

#[test]
fn what_a_start_fails_with_is_shown_in_any_language() {
    let place = Place::new();
    let sample = place.sample("polyglot");
    sample.replace("\"Python\"", "\"Latin\"");
    sample.replace("\"JavaScript\"", "\"Greek\"");
    let _host = run(&place, &[&sample.file()]);
    for (vat, text) in [("python", "this is Python, not Latin"), ("js", "this is JavaScript, not Greek")] {
        let vat = place.vat("polyglot", vat);
        assert_eq!(vat["state"], "quarantined");
        assert!(vat["problem"]["causes"].to_string().contains(text), "{vat}");
    }
}

#[test]
fn the_bindings_in_c_are_what_the_contract_gives() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-bindings");
    fs::create_dir_all(&fresh).expect("a directory");
    let bindgen = repository().join("guest-sdk/c/bindgen");
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools");
    let done = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--locked", "--target-dir"])
        .args([&tools, Path::new("--"), &fresh])
        .current_dir(&bindgen)
        .output()
        .expect("cargo can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for name in ["vat.h", "vat.c", "vat_component_type.o"] {
        let committed = fs::read(repository().join("guest-sdk/c/bindings").join(name)).expect("it is committed");
        let fresh = fs::read(fresh.join(name)).expect("it was written");
        assert!(committed == fresh, "guest-sdk/c/bindings/{name} is not what wit/ gives: run `just c-bindings`");
    }
}
