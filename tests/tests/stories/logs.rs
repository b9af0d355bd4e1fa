//! The log as its readers see it.

use std::fs;

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn logs(place: &Place, args: &[&str]) -> Vec<Value> {
    lines(&place.ocap(&[&["logs"], args].concat()).expect(0).stdout)
}

#[test]
fn the_log_is_shown_by_vat_and_level_of_a_host_that_runs_and_of_one_that_does_not() {
    let place = Place::new();
    let host = place.run(&[&place.sample("misbehaver").file(), &place.sample("counter").file()]);
    place.call("misbehaver", "flood", &["3"]);
    place.call_fails("misbehaver", "trap", &[]);
    let check = || {
        let all = logs(&place, &["misbehaver/misbehaver"]);
        assert!(all.iter().all(|line| line["$type"] == "log" && line["vat"] == "misbehaver/misbehaver"), "{all:#?}");
        let flood: Vec<&Value> =
            all.iter().filter(|line| line["target"] == "vat" && line.to_string().contains("flood")).collect();
        assert_eq!(flood.len(), 3);
        assert_eq!(flood[2]["fields"]["line"], "2");
        assert_eq!(logs(&place, &["misbehaver", "-n", "1"]), [all[all.len() - 1].clone()]);
        let odd = logs(&place, &["misbehaver", "--level", "warn"]);
        assert!(odd.iter().any(|line| line["message"].to_string().contains("a crank was undone")), "{odd:#?}");
        assert!(odd.iter().all(|line| line["level"] != "INFO"), "{odd:#?}");
        assert!(logs(&place, &[]).iter().any(|line| line["target"] == "ocap::boot"));
        let problem = place.ocap(&["logs", "misbehavr"]).expect(1).problem("ocap::target::unknown");
        assert!(problem["help"].to_string().contains("did you mean `misbehaver"), "{problem}");
    };
    check();
    // It has said nothing, but it is there.
    assert_eq!(place.ocap(&["logs", "counter/counter", "--level", "error"]).expect(0).stdout, "");
    assert_eq!(host.stop(&place), 0);
    check();
    place.ocap(&["logs", "-f"]).expect(4).problem("ocap::daemon::unreachable");
}

#[test]
fn whoever_follows_the_log_gets_what_comes_until_the_host_ends() {
    let place = Place::new();
    let host = place.run(&[&place.sample("misbehaver").file()]);
    let follower = place.begin(&["logs", "-f", "-n", "0", "misbehaver"]);
    let everything = place.begin(&["logs", "-f", "-n", "0"]);
    // They follow when the host counts them among its clients; until then a line would be of the past.
    let mut number = 0;
    let heard = eventually("somebody follows", || {
        number += 1;
        place.call("misbehaver", "flood", &["1"]);
        (number > 20).then_some(number)
    });
    assert!(heard > 0);
    assert_eq!(host.stop(&place), 0);
    let followed = lines(&follower.done().expect(0).stdout);
    assert!(followed.iter().all(|line| line["vat"] == "misbehaver/misbehaver"), "{followed:#?}");
    let everything = lines(&everything.done().expect(0).stdout);
    assert!(everything.iter().any(|line| line["message"] == "stopping"), "{everything:#?}");
}

#[test]
fn what_a_vat_says_can_not_forge_a_line_or_command_a_terminal() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("echo").file()]);
    let evil = "\u{1b}[2J\u{202e}\nERROR forged";
    // The method's name is the caller's, and is told.
    place.ocap(&["call", "echo", evil]).expect(1);
    let shown = place.ocap(&["logs", "--format", "text"]).expect(0).stdout;
    assert!(shown.contains("ERROR forged"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("ERROR")), "{shown}");
}

#[test]
fn the_log_is_rotated_by_size_and_its_older_files_are_read_too() {
    let place = Place::new();
    place.run(&[&place.sample("misbehaver").file()]).kill9();
    fs::write(place.home("host.toml"), "[log]\nfile = \"16KiB\"\nfiles = 3\n").expect("written");
    let host = place.run(&[]);
    for _ in 0..10 {
        place.call("misbehaver", "flood", &["50"]);
    }
    let names = || place.listing("").into_iter().filter(|name| name.starts_with("log")).collect::<Vec<_>>();
    assert_eq!(names(), ["log", "log.1", "log.2"]);
    for name in names() {
        let file = fs::metadata(place.home(&name)).expect("a file");
        assert!(file.len() <= 16 << 10, "{name} has {} bytes", file.len());
    }
    let shown = logs(&place, &["-n", "10000"]).len();
    let in_files: usize =
        names().iter().map(|name| fs::read_to_string(place.home(name)).expect("text").lines().count()).sum();
    assert!(shown >= in_files.saturating_sub(1), "{shown} of {in_files}");
    assert_eq!(host.stop(&place), 0);
    let numbers = logs(&place, &["misbehaver", "-n", "60"]);
    assert_eq!(numbers.len(), 60);
}

#[test]
fn a_vat_that_logs_without_end_is_cut_off_and_the_others_are_not() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("misbehaver").file()]);
    for _ in 0..20 {
        place.call("misbehaver", "flood", &["1000"]);
    }
    let told = eventually("the flood is told of", || {
        let lines = logs(&place, &["misbehaver", "--level", "warn", "-n", "1000"]);
        lines.into_iter().find(|line| line["message"].to_string().contains("were dropped in the last second"))
    });
    assert_eq!((&told["vat"], &told["stream"]), (&json!("misbehaver/misbehaver"), &json!("host")));
    let dropped = place.ocap(&["metrics"]).expect(0).json()["since_boot"]["log_lines_dropped"].clone();
    assert!(dropped.as_u64().is_some_and(|lines| lines > 1_000), "{dropped}");
    let of_vats = place.ocap(&["metrics", "--per-vat", "--format", "text"]).expect(0).stdout;
    let series = format!("ocap_vat_log_lines_dropped_total{{vat=\"misbehaver/misbehaver\",id=\"v1\"}} {dropped}");
    assert!(of_vats.contains(&series), "{series} is not in\n{of_vats}");
}

#[test]
fn a_reader_that_is_too_slow_is_told_what_it_lost_and_holds_nobody_up() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("misbehaver").file()]);
    let mut slow = place.http();
    slow.begin("GET", "/v1/logs?follow=true&lines=0", "", "");
    assert!(slow.head()[0].contains("200"));
    for _ in 0..20 {
        place.call("misbehaver", "flood", &["1000"]);
    }
    // Whatever it did not read, the host has gone on.
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    let gap = std::iter::from_fn(|| slow.chunk()).find(|piece| piece.contains(r#""$type":"gap""#)).expect("a gap");
    let lost = lines(&gap).iter().find(|line| line["$type"] == "gap").and_then(|line| line["lost"].as_u64());
    assert!(lost.is_some_and(|lost| lost > 0), "{gap}");
}

#[test]
fn a_host_whose_stderr_nobody_reads_serves_on_and_its_log_has_every_line() {
    let place = Place::new();
    let file = place.sample("misbehaver").file();
    // A pipe that it holds both ends of. It has room for 64 KiB, and this is more.
    let unread = "mkfifo unread; exec 3<>unread 2>&3";
    let host = place.begin_after(unread, &["run", file.to_str().expect("UTF-8")]);
    eventually("a host that serves", || {
        let record = fs::read_to_string(place.home("status.json")).ok()?;
        record.contains("\"ready\"").then_some(())
    });
    for _ in 0..4 {
        place.call("misbehaver", "flood", &["300"]);
    }
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    eventually("every line in the log", || {
        let log = fs::read_to_string(place.home("log")).ok()?;
        (log.matches("flood flood flood").count() > 0 && log.matches("\"line\":\"299\"").count() == 4).then_some(())
    });
    place.ocap(&["stop"]).expect(0);
    host.done().expect(0);
}
