//! Backups are whole or seen to be none, and a home is what it was when its backup was made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use ocap_tests::{Place, repository};
use serde_json::{Value, json};

fn word(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Makes a backup beside the homes; its directory.
#[track_caller]
fn back_up(place: &Place, name: &str) -> PathBuf {
    let path = place.root().join(name);
    let made = place.ocap(&["db", "backup", word(&path)]).expect(0).json();
    assert_eq!((&made["$type"], made["path"].as_str()), (&json!("backed_up"), path.to_str()));
    path
}

/// A counter at this number on a host that was stopped.
fn stopped_counter(place: &Place, count: u64) {
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &[&count.to_string()]), count);
    assert_eq!(host.stop(place), 0);
}

#[test]
fn backups_of_a_busy_host_hold_what_was_acknowledged_before_and_are_restored_elsewhere() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file(), &place.sample("pingpong").file()]);
    let (acknowledged, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut backups = Vec::new();
    scope(|scope| {
        scope.spawn(|| {
            let mut wire = place.wire();
            while !is_over.load(Ordering::SeqCst) {
                let answer = wire.call("counter", "increment", &[json!(1)]).expect("an answer");
                acknowledged.store(answer["value"].as_u64().expect("a count"), Ordering::SeqCst);
            }
        });
        for number in 0..10 {
            let before = acknowledged.load(Ordering::SeqCst);
            backups.push((back_up(&place, &format!("backup{number}")), before));
        }
        is_over.store(true, Ordering::SeqCst);
    });
    let last = acknowledged.load(Ordering::SeqCst);
    assert_eq!(place.call("counter", "get", &[]), last, "the host went on");
    assert_eq!(host.stop(&place), 0);
    for (backup, before) in backups {
        let verified = place.ocap(&["db", "verify", word(&backup)]).expect(0).json();
        assert_eq!((&verified["$type"], &verified["findings"]), (&json!("verified"), &json!([])));
        assert_eq!(verified["backup"]["vats"], 3);
        let other = Place::new();
        other.ocap(&["db", "restore", word(&backup)]).expect(0);
        let host = other.run(&[]);
        assert_eq!(host.ready()["quarantined"], 0, "the components came along");
        let count = other.call("counter", "get", &[]).as_u64().expect("a count");
        assert!(before <= count && count <= last, "{before} {count} {last}");
    }
}

#[test]
fn a_restored_home_is_as_it_was_and_gives_no_number_twice_and_what_it_had_is_kept() {
    let place = Place::new();
    fs::create_dir(place.home("")).expect("made");
    fs::set_permissions(place.home(""), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("private");
    fs::write(place.home("host.toml"), "[limits]\nmailbox = 77\n").expect("written");
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    let backup = back_up(&place, "backup");
    assert_eq!(place.call("counter", "increment", &["2"]), 7);
    place.ocap(&["launch", &place.sample("echo").word()]).expect(0);
    let given = place.vat("echo", "echo")["id"].clone();
    let running = place.ocap(&["db", "restore", word(&backup), "--yes"]).expect(5);
    running.problem("ocap::daemon::locked");
    assert_eq!(host.stop(&place), 0);
    fs::write(place.home("host.toml"), "").expect("written");

    let refused = place.ocap(&["db", "restore", word(&backup)]).expect(2);
    refused.problem("ocap::usage::unconfirmed");
    assert_eq!(refused.json()["kept"], "replaced-1");
    let restored = place.ocap(&["db", "restore", word(&backup), "--yes"]).expect(0).json();
    assert_eq!((&restored["$type"], &restored["kept"]), (&json!("restored"), &json!("replaced-1")));
    let host = place.run(&[]);
    assert_eq!((&host.ready()["vats"], &host.ready()["boot"]), (&json!(1), &json!(2)));
    assert_eq!(place.call("counter", "get", &[]), 5);
    assert_eq!(fs::read_to_string(place.home("host.toml")).expect("restored"), "[limits]\nmailbox = 77\n");
    place.ocap(&["launch", &place.root().join("echo/subcluster.toml").display().to_string()]).expect(0);
    assert_ne!(place.vat("echo", "echo")["id"], given);
    let kept = place.listing("replaced-1");
    assert!(["blobs", "host.toml", "key", "store"].iter().all(|name| kept.iter().any(|kept| kept == name)), "{kept:?}");
    assert_eq!(host.stop(&place), 0);
    place.ocap(&["doctor"]).expect(0);
}

#[test]
fn vats_of_a_restored_home_do_not_draw_again_what_they_drew_since_the_backup() {
    let place = Place::new();
    stopped_counter(&place, 5);
    // What vats draw comes from the key and their number alone.
    let key = |at: &str| fs::read(place.home(at)).expect("a key");
    let before = key("key");
    let compiled = place.listing("cache");
    let backup = back_up(&place, "backup");
    assert!(!backup.join("key").exists(), "a backup holds no secret of the home's");
    for kept in ["replaced-1", "replaced-2"] {
        place.ocap(&["db", "restore", word(&backup), "--yes"]).expect(0);
        assert_ne!(key("key"), before);
        assert!(place.home(kept).join("key").exists());
    }
    assert_eq!(key("replaced-1/key"), before);
    let host = place.run(&[]);
    assert_eq!(host.ready()["boot"], 2, "the store is known as the home's own, so its numbers go on closely");
    assert_eq!(place.call("counter", "get", &[]), 5);
    assert_eq!(place.listing("cache"), compiled, "nothing was compiled again");
}

#[test]
fn a_backup_that_was_killed_is_seen_to_be_half_made_and_the_host_is_none_the_worse() {
    let place = Place::new();
    let counter = place.sample("counter");
    let mut host = place.run(&[&counter.file(), &place.sample("matcher").file()]);
    let mut count = 0;
    let mut half_made = 0;
    for round in 0..8 {
        count += 1;
        assert_eq!(place.call("counter", "increment", &["1"]), count);
        let path = place.root().join(format!("backup{round}"));
        let making = place.begin(&["db", "backup", word(&path)]);
        // Later in each round; in the last ones it may be over by then.
        sleep(Duration::from_millis(2 << round));
        host.kill9();
        let acknowledged = making.done().status == 0;
        if path.join("backup.json").exists() {
            place.ocap(&["db", "verify", word(&path)]).expect(0);
        } else if path.exists() {
            assert!(!acknowledged);
            half_made += 1;
            place.ocap(&["db", "verify", word(&path)]).expect(1).problem("ocap::backup::unfinished");
            let other = Place::new();
            other.ocap(&["db", "restore", word(&path), "--yes"]).expect(1).problem("ocap::backup::unfinished");
        }
        host = place.run(&[]);
        assert_eq!(place.call("counter", "get", &[]), count);
    }
    eprintln!("{half_made} of 8 were half made");
}

#[test]
fn a_restore_that_is_killed_anywhere_leaves_one_whole_home_or_the_other() {
    let place = Place::new();
    stopped_counter(&place, 5);
    let backup = back_up(&place, "backup");
    for round in 0..9 {
        let host = place.run(&[]);
        let before = place.call("counter", "increment", &["1"]).as_u64().expect("a count");
        assert_eq!(host.stop(&place), 0);
        let restoring = place.begin(&["db", "restore", word(&backup), "--yes"]);
        // Later in each round; in the last ones it is over by then.
        sleep(Duration::from_millis(1 << round));
        drop(restoring);
        let host = place.run(&[]);
        assert_eq!(host.ready()["quarantined"], 0, "round {round}");
        let count = place.call("counter", "get", &[]);
        assert!(count == before || count == 5, "round {round}: {count}");
        assert_eq!(host.stop(&place), 0);
        assert_eq!(place.listing("restoring"), Vec::<String>::new());
        place.ocap(&["doctor"]).expect(0);
    }
}

#[test]
fn a_restore_that_was_decided_is_finished_by_the_next_start_and_another_one_never_happened() {
    let place = Place::new();
    stopped_counter(&place, 5);
    let backup = back_up(&place, "backup");
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "increment", &["1"]), 6);
    host.kill9();
    let stage = || {
        fs::create_dir_all(place.home("restoring/new")).expect("made");
        fs::copy(backup.join("store"), place.home("restoring/new/store")).expect("copied");
        fs::write(place.home("restoring/new/key"), [7; 32]).expect("written");
    };
    stage();
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 6, "it was not decided");
    assert_eq!(place.listing("restoring"), Vec::<String>::new());
    host.kill9();
    // With one of its renames done already, in the middle of which its process died.
    stage();
    fs::write(place.home("restoring/go"), "replaced-1").expect("written");
    fs::create_dir(place.home("replaced-1")).expect("made");
    fs::rename(place.home("store-wal"), place.home("replaced-1/store-wal")).expect("a killed host leaves a log");
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 5);
    assert_eq!(place.listing("restoring"), Vec::<String>::new());
    assert_eq!(place.listing("replaced-1"), ["key", "markers", "store", "store-wal", "witness"]);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_damaged_backup_is_refused_whatever_the_damage() {
    let place = Place::new();
    stopped_counter(&place, 5);
    let backup = back_up(&place, "backup");
    let blob = fs::read_dir(backup.join("blobs")).expect("blobs").next().expect("one").expect("an entry").path();
    let files = ["store", "backup.json"].map(|name| backup.join(name));
    for file in files.iter().chain([&blob]) {
        let good = fs::read(file).expect("a file");
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        for damaged in [&flipped, &good[..good.len() - 1], &[]] {
            fs::remove_file(file).expect("removed");
            fs::write(file, damaged).expect("written");
            let other = Place::new();
            let refused = other.ocap(&["db", "restore", word(&backup), "--yes"]).expect(1);
            refused.problem("ocap::backup::damaged");
            assert_eq!(other.listing(""), ["lock"], "nothing was changed");
            place.ocap(&["db", "verify", word(&backup)]).expect(1);
        }
        fs::write(file, good).expect("written");
    }
    place.ocap(&["db", "verify", word(&backup)]).expect(0);
    place.ocap(&["db", "backup", word(&backup)]).expect(1).problem("ocap::backup::taken");
}

#[test]
fn a_backup_without_components_lists_them_and_a_restore_leaves_those_of_the_home() {
    let place = Place::new();
    stopped_counter(&place, 5);
    let path = place.root().join("small");
    let made = place.ocap(&["db", "backup", word(&path), "--without-components"]).expect(0).json();
    assert_eq!((&made["backup"]["components"][0]["included"], path.join("blobs").exists()), (&json!(false), false));
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "increment", &["1"]), 6);
    assert_eq!(host.stop(&place), 0);
    place.ocap(&["db", "restore", word(&path), "--yes"]).expect(0);
    let host = place.run(&[]);
    assert_eq!((&host.ready()["quarantined"], place.call("counter", "get", &[])), (&json!(0), json!(5)));
}

#[test]
fn check_finds_a_damaged_store_running_and_stopped_and_else_says_that_it_is_sound() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let checked = place.ocap(&["db", "check"]).expect(0).json();
    assert_eq!((&checked["subject"], &checked["findings"]), (&json!("running"), &json!([])));
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert!(!place.home("checking").exists());
    assert_eq!(host.stop(&place), 0);
    let checked = place.ocap(&["db", "check"]).expect(0).json();
    assert_eq!((&checked["subject"], &checked["findings"]), (&json!("stopped"), &json!([])));
    let good = fs::read(place.home("store")).expect("a store");
    let torn: Vec<u8> = good.iter().enumerate().map(|(at, byte)| if at / 4096 == 4 { 0x5a } else { *byte }).collect();
    fs::write(place.home("store"), torn).expect("written");
    let checked = place.ocap(&["db", "check"]).expect(1).json();
    let code = checked["findings"][0]["code"].as_str().unwrap_or_default();
    assert!(code.starts_with("ocap::store::"), "{checked}");
    let nowhere = place.root().join("of-a-damaged-store");
    assert_eq!(place.ocap(&["db", "backup", word(&nowhere)]).status, 1);
    assert!(!nowhere.join("backup.json").exists());
}

/// A home whose store an ocap-host of the first version wrote.
fn home_of_version_1(place: &Place) {
    let script = repository().join("host/src/store/tests/version1.sql");
    let code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
    let status = Command::new("python3").args(["-c", code]).arg(place.home("store")).arg(script).status();
    assert!(status.expect("python3 is there").success());
}

#[test]
fn a_store_is_backed_up_before_it_is_migrated_and_the_last_three_such_backups_are_kept() {
    let place = Place::new();
    place.run(&[]).kill9();
    let all: Vec<String> = (1..=5).map(|number| format!("before-migration-{number}")).collect();
    for number in 1..=5 {
        for name in ["store", "store-wal", "witness"] {
            // A host that stopped well has left no log.
            let _ = fs::remove_file(place.home(name));
        }
        home_of_version_1(&place);
        let host = place.run(&[]);
        assert_eq!(host.stop(&place), 3, "the components of that home are not here");
        assert_eq!(place.listing("backups"), all[number - number.min(3)..number]);
    }
    let backup = place.home("backups").join(&all[4]);
    let verified = place.ocap(&["db", "verify", word(&backup)]).expect(0).json();
    assert_eq!(verified["backup"]["store_version"], 1);
    place.ocap(&["db", "restore", word(&backup), "--yes"]).expect(0);
    let checked = place.ocap(&["db", "check"]).expect(0).json();
    assert_eq!(checked["store_version"], 1, "as it was before the migration");
    let vats: Vec<Value> = place.run(&[]).ready()["vats"].as_u64().into_iter().map(Value::from).collect();
    assert_eq!(vats, [json!(6)]);
}
