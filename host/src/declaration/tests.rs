//! What a declaration may say, and what is said about one that says something else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::problem::Problem;
use ocap_kernel::WhenQuarantined;

const MATCHER: &str = r#"# The scenario of the guide.
name = "matcher"
bootstrap = "matcher"

[vats.matcher]
component = "matcher.wasm"
parameters = { greeting = "hello", depth = [1, { two = 2.5 }] }
uses = ["io.llm", "vat.index"]
start = "eager"
hibernate = "never"
turns = 3
limits = { memory = "64MiB", crank = "1s", store = "256MiB", mailbox = 10000, references = 500 }

[vats.index]
component = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
when_quarantined = "reject"

[io.llm]
type = "unix-listen"
path = "run/llm.sock"
direction = "inout"
framing = "lines"
"#;

const SMALL: &str = "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n";

const CHANNEL: &str = "[io.c]\ntype = \"unix-listen\"\npath = \"c\"\ndirection = \"in\"\nframing = \"lines\"\n";

fn parse(text: &str) -> Declaration {
    Declaration::parse(text, "subcluster.toml").unwrap_or_else(|problem| panic!("{problem}"))
}

fn refused(text: &str) -> Problem {
    Declaration::parse(text, "subcluster.toml").expect_err("it is wrong")
}

/// Its code's last word, and the very text that it points at.
fn pointed_at(problem: &Problem) -> (&str, &str) {
    let span = problem.span.as_deref().expect("it points into the text");
    let word = problem.code.strip_prefix("ocap::declaration::").expect("a code of this room");
    (word, &span.text[span.offset..span.offset + span.length])
}

#[test]
fn the_designs_example_is_read_as_it_is_meant() {
    let declaration = parse(MATCHER);
    assert_eq!((declaration.name.as_str(), declaration.bootstrap.as_str()), ("matcher", "matcher"));
    let matcher = &declaration.vats["matcher"];
    assert_eq!(matcher.component, ComponentRef::Path("matcher.wasm".to_owned()));
    assert_eq!(matcher.uses, [Use::Io("llm".to_owned()), Use::Vat("index".to_owned())]);
    assert_eq!((matcher.start, matcher.linkage), (Start::Eager, Linkage::Stored));
    assert_eq!((matcher.hibernate, matcher.turns), (Hibernate::Never, 3));
    assert_eq!(matcher.parameters, serde_json::json!({ "greeting": "hello", "depth": [1, { "two": 2.5 }] }));
    let limits = DeclaredLimits {
        memory_bytes: Some(64 << 20),
        crank: Some(Duration::from_secs(1)),
        store_bytes: Some(256 << 20),
        mailbox: Some(10_000),
        references: Some(500),
    };
    assert_eq!(matcher.limits, limits);
    let index = &declaration.vats["index"];
    assert!(matches!(index.component, ComponentRef::Digest(_)));
    assert_eq!((index.when_quarantined, index.start), (WhenQuarantined::Reject, Start::Lazy));
    assert_eq!((index.hibernate, index.turns), (Hibernate::WhenIdle, 1));
    assert_eq!(index.parameters, serde_json::json!({}));
    let llm = ChannelDeclaration {
        kind: ChannelKind::UnixListen,
        path: "run/llm.sock".to_owned(),
        direction: Direction::InOut,
        framing: Framing::Lines,
        max_frame_bytes: 64 << 10,
    };
    assert_eq!(declaration.channels["llm"], llm);
}

#[test]
fn what_is_wrong_is_pointed_at_and_has_its_own_code() {
    let with = |from: &str, to: &str| MATCHER.replacen(from, to, 1);
    let cases = [
        (with("start = \"eager\"", "strat = \"eager\""), "unknown_key", "strat"),
        (with("memory = ", "memroy = "), "unknown_key", "memroy"),
        (with("[io.llm]", "colour = 1\n[io.llm]"), "unknown_key", "colour"),
        (with("\"vat.index\"", "\"vat.idnex\""), "undeclared_use", "\"vat.idnex\""),
        (with("\"io.llm\"", "\"io.llama\""), "undeclared_use", "\"io.llama\""),
        (with("\"vat.index\"", "\"vat.matcher\""), "uses_itself", "\"vat.matcher\""),
        (with("\"vat.index\"", "\"io.llm\""), "duplicate_use", "\"io.llm\""),
        (with("\"vat.index\"", "\"index\""), "use_malformed", "\"index\""),
        (with("\"vat.index\"", "\"service\""), "use_malformed", "\"service\""),
        (with("bootstrap = \"matcher\"", "bootstrap = \"macher\""), "unknown_bootstrap", "\"macher\""),
        (with("name = \"matcher\"", "name = \"Matcher\""), "bad_name", "\"Matcher\""),
        (with("[vats.index]", "[vats.\"in.dex\"]"), "bad_name", "\"in.dex\""),
        (with("[io.llm]", "[io.\"\"]"), "bad_name", "\"\""),
        (with("\"eager\"", "\"eagre\""), "unknown_word", "\"eagre\""),
        (with("\"reject\"", "\"drop\""), "unknown_word", "\"drop\""),
        (with("\"64MiB\"", "\"64MB\""), "unit_malformed", "\"64MB\""),
        (with("\"1s\"", "1"), "unit_malformed", "1"),
        (with("mailbox = 10000", "mailbox = 0"), "out_of_range", "0"),
        (with("references = 500", "refrences = 500"), "unknown_key", "refrences"),
        (with("turns = 3", "turns = 0"), "out_of_range", "0"),
        (with("turns = 3", "turns = 101"), "out_of_range", "101"),
        (with("turns = 3", "turns = \"3\""), "wrong_type", "\"3\""),
        (with("\"never\"", "\"nevr\""), "unknown_word", "\"nevr\""),
        (with("mailbox = 10000", "mailbox = \"many\""), "wrong_type", "\"many\""),
        (with("\"matcher.wasm\"", "7"), "wrong_type", "7"),
        (with("\"matcher.wasm\"", "\"\""), "path_malformed", "\"\""),
        (with("\"matcher.wasm\"", "\"a\\nb\""), "path_malformed", "\"a\\nb\""),
        (
            with("15ad\"", "15\""),
            "digest_malformed",
            "\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015\"",
        ),
        (
            with("when_quarantined = \"reject\"", "link = true"),
            "linked_digest",
            "\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        ),
        (with("2.5", "inf"), "parameter_unsupported", "{ greeting = \"hello\", depth = [1, { two = inf }] }"),
        (with("unix-listen", "tcp-listen"), "channel_unsupported", "\"tcp-listen\""),
        (with("unix-listen", "unix-lisen"), "unknown_word", "\"unix-lisen\""),
        (with("\"lines\"", "\"chunks\""), "channel_unsupported", "\"chunks\""),
        (with("framing =", "max_frame = \"2MiB\"\nframing ="), "out_of_range", "\"2MiB\""),
        (with("bootstrap =", "name ="), "duplicate_key", "name"),
        (with("[vats.index]", "[vats.matcher]"), "duplicate_key", "matcher"),
        (with("= \"eager\"", "= = 3"), "syntax", "="),
    ];
    for (text, word, place) in &cases {
        assert_eq!(pointed_at(&refused(text)), (*word, *place), "{text}");
    }
}

#[test]
fn what_is_missing_is_named_and_its_table_pointed_at() {
    let problem = refused(&MATCHER.replacen("component = \"matcher.wasm\"\n", "", 1));
    assert_eq!(problem.message, "`vats.matcher.component` is missing");
    assert_eq!(pointed_at(&problem), ("missing_key", "[vats.matcher]"));
    assert_eq!(refused("bootstrap = \"v\"").message, "`name` is missing");
    assert_eq!(refused("").message, "`name` is missing");
    assert_eq!(refused("name = \"a\"\nbootstrap = \"v\"\n[vats]").code, "ocap::declaration::no_vats");
}

#[test]
fn a_near_miss_is_answered_with_what_was_probably_meant() {
    let help = |from, to| refused(&MATCHER.replacen(from, to, 1)).help.expect("a help line");
    assert_eq!(help("start = \"eager\"", "strat = \"eager\""), "did you mean `start`?");
    assert_eq!(help("\"vat.index\"", "\"vat.indx\""), "did you mean `index`?");
    assert_eq!(help("\"vat.index\"", "\"vat.zoo\""), "declare it: [vats.zoo]");
    assert_eq!(help("bootstrap = \"matcher\"", "bootstrap = \"zoo\""), "declared are index, matcher");
    assert_eq!(help("\"eager\"", "\"always\""), "one of lazy, eager");
    assert_eq!(help("hibernate", "hibernates"), "did you mean `hibernate`?");
    assert_eq!(help("references", "refrences"), "did you mean `references`?");
    assert_eq!(help("turns", "turn"), "did you mean `turns`?");
}

#[test]
fn a_name_has_at_most_64_characters() {
    let named = |count: usize| SMALL.replacen("\"a\"", &format!("\"{}\"", "a".repeat(count)), 1);
    assert_eq!(parse(&named(64)).name.len(), 64);
    assert_eq!(refused(&named(65)).code, "ocap::declaration::bad_name");
}

#[test]
fn text_that_could_deceive_a_terminal_is_refused_without_being_shown() {
    for hidden in ["\u{1b}[2J", "\u{202e}", "\u{9b}", "\0"] {
        let problem = refused(&format!("{SMALL}# {hidden}\n"));
        assert_eq!(problem.code, "ocap::declaration::control_character");
        assert!(problem.message.contains("on line 5"), "{problem}");
        assert!(problem.span.is_none() && !problem.to_string().contains(hidden), "{hidden:?}");
    }
    let escaped = refused(&SMALL.replacen("name =", "\"\\u001b[2J\" =", 1));
    assert!(!escaped.to_string().contains('\u{1b}'), "{escaped:?}");
}

#[test]
fn a_declaration_of_more_than_256_kib_is_refused() {
    let comment = format!("{SMALL}# {}", "x".repeat(256 << 10));
    assert_eq!(refused(&comment).code, "ocap::declaration::too_large");
}

#[test]
fn parameters_nested_without_end_are_refused_and_do_not_exhaust_the_stack() {
    let deep = format!("{SMALL}parameters = {{ a = {}{} }}", "[".repeat(60_000), "]".repeat(60_000));
    assert_eq!(refused(&deep).code, "ocap::declaration::syntax");
    for dotted in ["a.".repeat(120_000), " \"a\" . ".repeat(30_000)] {
        assert_eq!(refused(&format!("{SMALL}parameters.{dotted}a = 1")).code, "ocap::declaration::syntax");
        assert_eq!(refused(&format!("{SMALL}[vats.v.parameters.{dotted}a]")).code, "ocap::declaration::syntax");
    }
}

#[test]
fn parameters_have_at_most_64_levels_however_they_are_written() {
    let nested = |count: usize| format!("{SMALL}parameters.a = {}1{}", "[".repeat(count), "]".repeat(count));
    assert!(parse(&nested(62)).vats["v"].parameters["a"].is_array());
    assert_eq!(refused(&nested(63)).code, "ocap::declaration::parameter_unsupported");
    let dotted = format!("{{ {}a = ", "a.".repeat(70)).repeat(75) + "1" + &" }".repeat(75);
    let refused = move || {
        assert_eq!(refused(&format!("{SMALL}parameters = {dotted}")).code, "ocap::declaration::parameter_unsupported")
    };
    // The most levels that TOML's library lets through: code that is not optimised needs more for them than the 2 MiB of a test's stack.
    let deep = std::thread::Builder::new().stack_size(16 << 20).spawn(refused).expect("a thread");
    deep.join().expect("it is refused");
}

#[test]
fn comments_order_and_spelling_make_no_difference() {
    let one = parse(MATCHER);
    let other = MATCHER
        .replacen("# The scenario of the guide.", "", 1)
        .replacen("[\"io.llm\", \"vat.index\"]", "[\n \"vat.index\",\n 'io.llm' ]", 1)
        .replacen("\"64MiB\"", "\"65536KiB\"", 1)
        .replacen("start = \"eager\"", "link = false\nstart = \"eager\"", 1);
    assert_eq!(one.difference(&parse(&other)), Vec::<String>::new());
}

#[test]
fn a_difference_is_told_in_lines_that_a_person_can_read() {
    let one = parse(MATCHER);
    let other = MATCHER
        .replacen("memory = \"64MiB\"", "memory = \"128MiB\"", 1)
        .replacen("\"io.llm\", \"vat.index\"", "\"io.llm\"", 1)
        .replacen("hello", "good day", 1)
        .replacen("[vats.index]", "[vats.register]", 1);
    assert_eq!(
        one.difference(&parse(&other)),
        [
            "vats.index: removed",
            "vats.matcher.limits.memory: 64MiB -> 128MiB",
            "vats.matcher.parameters: {\"depth\":[1,{\"two\":2.5}],\"greeting\":\"hello\"} -> \
             {\"depth\":[1,{\"two\":2.5}],\"greeting\":\"good day\"}",
            "vats.matcher.uses: [io.llm, vat.index] -> [io.llm]",
            "vats.register: added",
        ]
    );
    let changed =
        parse(&format!("{SMALL}{CHANNEL}")).difference(&parse(&format!("{SMALL}{CHANNEL}max_frame = \"1KiB\"")));
    assert_eq!(changed, ["io.c.max_frame: 64KiB -> 1KiB"]);
}

#[test]
fn every_key_of_the_schema_makes_a_difference() {
    let one = parse(MATCHER);
    let changes = [
        ("name = \"matcher\"", "name = \"m\""),
        ("bootstrap = \"matcher\"", "bootstrap = \"index\""),
        ("matcher.wasm", "other.wasm"),
        ("\"eager\"", "\"lazy\""),
        ("start =", "link = true\nstart ="),
        ("\"1s\"", "\"2s\""),
        ("\"256MiB\"", "\"1MiB\""),
        ("10000", "1"),
        ("\"reject\"", "\"park\""),
        ("run/llm.sock", "llm.sock"),
        ("\"inout\"", "\"out\""),
    ];
    for (from, to) in changes {
        assert_eq!(one.difference(&parse(&MATCHER.replacen(from, to, 1))).len(), 1, "{from} -> {to}");
    }
}

#[test]
fn a_declaration_survives_its_record_with_its_places() {
    let one = parse(MATCHER);
    let record = one.to_record(Path::new("/home/eve"), Standing::User).expect("recorded");
    let recorded = Declaration::from_record(&record).expect("read back");
    assert_eq!(recorded.directory, PathBuf::from("/home/eve"));
    assert_eq!(recorded.declaration.text(), MATCHER);
    let span = recorded.declaration.component_span("matcher").expect("a place");
    assert_eq!(
        (&span.text[span.offset..span.offset + span.length], span.file.as_str()),
        ("\"matcher.wasm\"", "subcluster.toml")
    );
}

#[test]
fn a_recorded_declaration_that_is_no_longer_accepted_says_why() {
    let record = br#"{"version":1,"file":"s.toml","directory":"/","text":"name = 1"}"#;
    let problem = Problem::from(Declaration::from_record(record).expect_err("not accepted"));
    assert_eq!(problem.code, "ocap::record::not_accepted");
    assert_eq!(problem.causes, ["`name` is a string, not of type integer"]);
}

fn place(config: &HostConfig, path: &str) -> Result<ChannelPlace, Problem> {
    let text = format!("{SMALL}{}", CHANNEL.replacen("\"c\"", &format!("{path:?}"), 1));
    config.place(&parse(&text), "c").expect("it is declared")
}

#[test]
fn a_relative_channel_lies_in_the_home_and_does_not_leave_it() {
    let config = HostConfig::default();
    let expected = ChannelPlace { root: ChannelRoot::Home, path: PathBuf::from("run/llm.sock") };
    assert_eq!(place(&config, "./run//llm.sock"), Ok(expected));
    for outside in ["../llm.sock", "run/../../llm.sock", "run/../llm.sock", ".", "run/.."] {
        let problem = place(&config, outside).expect_err("outside");
        assert_eq!(problem.code, "ocap::channel::path_escapes", "{outside}");
        assert_eq!(problem.span.expect("a place").label, "declared here");
    }
}

#[test]
fn an_absolute_channel_lies_under_an_allowed_root_part_by_part() {
    let config = HostConfig::parse("[channels]\nroots = [\"/run\", \"/run/bridge/\"]", "host.toml").expect("read");
    let allowed = |root: &str, path: &str| {
        Ok(ChannelPlace { root: ChannelRoot::Allowed(PathBuf::from(root)), path: PathBuf::from(path) })
    };
    assert_eq!(place(&config, "/run/a/b.sock"), allowed("/run", "a/b.sock"));
    assert_eq!(place(&config, "/run/bridge/b.sock"), allowed("/run/bridge", "b.sock"));
    assert_eq!(place(&config, "/run/bridge"), allowed("/run", "bridge"));
    assert_eq!(place(&config, "/run/x/../b.sock"), allowed("/run", "b.sock"));
    for outside in ["/running/b.sock", "/run/../etc/b.sock", "/etc/b.sock", "/run"] {
        let problem = place(&config, outside).expect_err("outside");
        assert_eq!(problem.code, "ocap::channel::path_not_allowed", "{outside}");
    }
    assert_eq!(place(&config, "/").expect_err("no file").code, "ocap::channel::path_escapes");
}

#[test]
fn a_channel_that_is_not_allowed_is_told_with_the_line_that_allows_it() {
    let config = HostConfig { roots: vec![PathBuf::from("/srv")], ..HostConfig::default() };
    let help = place(&config, "/run/bridge/llm.sock").expect_err("outside").help.expect("a help line");
    assert_eq!(help, "allow it in host.toml:\n[channels]\nroots = [\"/srv\", \"/run/bridge\"]");
    let line = help.split_once('\n').expect("lines").1;
    let config = HostConfig::parse(line, "host.toml").expect("the line is right");
    assert!(place(&config, "/run/bridge/llm.sock").is_ok());
}

#[test]
fn a_vat_gets_what_it_asks_for_up_to_the_ceiling() {
    let asking = |memory: &str| parse(&format!("{SMALL}limits = {{ memory = \"{memory}\" }}"));
    let config = HostConfig::parse("[limits]\nmemory = \"32MiB\"\ncrank = \"100ms\"", "host.toml").expect("read");
    let got = config.limits(&asking("16MiB"), "v").expect("allowed");
    assert_eq!((got.memory_bytes, got.crank), (16 << 20, Duration::from_millis(100)));
    assert_eq!(config.limits(&parse(SMALL), "v").expect("allowed").memory_bytes, 32 << 20);
    assert_eq!(HostConfig::default().limits(&parse(SMALL), "v"), Ok(VatLimits::DEFAULT));
    let many = parse(&format!("{SMALL}limits = {{ references = 2000000 }}"));
    let problem = config.limits(&many, "v").expect_err("too many");
    assert_eq!(pointed_at(&problem), ("limit_above_ceiling", "2000000"));
    assert!(problem.help.expect("a help line").ends_with("[limits]\nreferences = 2000000"));
    let problem = config.limits(&asking("64MiB"), "v").expect_err("too much");
    assert_eq!(pointed_at(&problem), ("limit_above_ceiling", "\"64MiB\""));
    assert!(problem.help.expect("a help line").ends_with("[limits]\nmemory = \"64MiB\""));
}

#[test]
fn a_wrong_host_toml_is_pointed_at_under_its_own_codes() {
    let code = |text| HostConfig::parse(text, "host.toml").expect_err("it is wrong").code;
    assert_eq!(code("[channels]\nroot = []"), "ocap::host_config::unknown_key");
    assert_eq!(code("[channels]\nroots = [\"run\"]"), "ocap::host_config::root_malformed");
    assert_eq!(code("[channels]\nroots = [\"/run/../etc\"]"), "ocap::host_config::root_malformed");
    assert_eq!(code("[limits]\ncrank = \"1h\""), "ocap::host_config::unit_malformed");
    assert_eq!(code("[memory]\nheap = \"1GiB\""), "ocap::host_config::unknown_key");
    assert_eq!(code("[memory]\nheaps = \"unlimted\""), "ocap::host_config::unit_malformed");
    assert_eq!(code("[memory]\nawake_vats = 0"), "ocap::host_config::out_of_range");
    assert_eq!(code("[system.a]"), "ocap::host_config::missing_key");
    assert_eq!(code("[system.A]\ndeclaration = \"a.toml\""), "ocap::host_config::bad_name");
    assert_eq!(code("[system.a]\ndeclaration = \"a.toml\"\nuses = []"), "ocap::host_config::unknown_key");
    assert_eq!(HostConfig::parse("", "host.toml"), Ok(HostConfig::default()));
}

#[test]
fn the_memory_of_all_vats_has_a_budget_by_number_and_by_size_that_can_be_lifted() {
    let memory = |text: &str| HostConfig::parse(&format!("[memory]\n{text}"), "host.toml").expect("read").memory;
    let of_default = HostConfig::default().memory;
    assert_eq!(memory("awake_vats = 10"), MemoryBudget { awake_vats: Some(10), ..of_default });
    assert_eq!(memory("heaps = \"64MiB\""), MemoryBudget { heap_bytes: Some(64 << 20), ..of_default });
    let lifted = memory("awake_vats = \"unlimited\"\nheaps = \"unlimited\"");
    assert_eq!(lifted, MemoryBudget { awake_vats: None, heap_bytes: None });
}

#[test]
fn system_subclusters_keep_their_order_and_their_places() {
    let text = "[system.steward]\ndeclaration = \"/srv/steward.toml\"\n[system.index]\ndeclaration = \"index.ocap\"\n";
    let system = HostConfig::parse(text, "host.toml").expect("read").system;
    let names: Vec<_> = system.iter().map(|one| (one.name.as_str(), one.declaration.as_str())).collect();
    assert_eq!(names, [("steward", "/srv/steward.toml"), ("index", "index.ocap")]);
    let span = &system[1].span;
    assert_eq!(&span.text[span.offset..span.offset + span.length], "\"index.ocap\"");
}

#[test]
fn the_place_of_a_use_is_known() {
    let declaration = parse(&MATCHER.replacen("\"vat.index\"", "\"service.timer\"", 1));
    let used = Use::Service("timer".to_owned());
    assert_eq!(declaration.vats["matcher"].uses[1], used);
    let span = declaration.use_span("matcher", &used, "here").expect("a place");
    assert_eq!(&span.text[span.offset..span.offset + span.length], "\"service.timer\"");
    assert_eq!(declaration.use_span("index", &used, "here"), None);
}

#[test]
fn a_record_says_who_launched_and_one_that_does_not_was_launched_by_a_user() {
    let record = |standing| {
        let record = parse(SMALL).to_record(Path::new("/srv"), standing).expect("Unicode");
        String::from_utf8(record).expect("JSON")
    };
    let read = |record: &str| Declaration::from_record(record.as_bytes()).expect("read back").standing;
    for standing in [Standing::User, Standing::System] {
        assert_eq!(read(&record(standing)), standing);
    }
    let old = record(Standing::User).replace(",\"standing\":\"user\"", "");
    assert!(!old.contains("standing"), "{old}");
    assert_eq!(read(&old), Standing::User);
}

#[test]
fn a_problem_is_rendered_with_the_line_that_it_is_about() {
    let problem = refused(&MATCHER.replacen("\"vat.index\"", "\"vat.idnex\"", 1));
    let mut shown = String::new();
    let theme =
        miette::GraphicalTheme { characters: miette::ThemeCharacters::ascii(), ..miette::GraphicalTheme::none() };
    let renderer = miette::GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
    renderer.render_report(&mut shown, &problem).expect("rendered");
    assert_eq!(
        shown,
        r#"ocap::declaration::undeclared_use

  x vat `matcher` uses `vat.idnex`, which is not declared
   ,-[subcluster.toml:8:19]
 7 | parameters = { greeting = "hello", depth = [1, { two = 2.5 }] }
 8 | uses = ["io.llm", "vat.idnex"]
   :                   ^^^^^|^^^^^
   :                        `-- not declared
 9 | start = "eager"
   `----
  help: did you mean `index`?
"#
    );
}
