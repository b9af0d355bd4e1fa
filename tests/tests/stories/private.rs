//! Whose the home is: its owner's, and nobody else's, whatever lies in it and however it came there.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use ocap_tests::{Background, Place};
use serde_json::json;

/// Everything below a directory, with its mode: `rw-------` for what is no directory, `rwx------` for those that are.
fn open_to_others(directory: &Path, found: &mut Vec<String>) {
    let about = fs::symlink_metadata(directory).expect("it is there");
    assert_eq!(about.mode() & 0o777, 0o700, "{}", directory.display());
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let about = fs::symlink_metadata(&path).expect("it is there");
        if about.is_dir() {
            open_to_others(&path, found);
        } else {
            let kind = if about.file_type().is_socket() { "socket" } else { "file" };
            found.push(format!("{:03o} {kind} {}", about.mode() & 0o777, path.display()));
        }
    }
}

fn assert_private(place: &Place, when: &str) {
    let mut found = Vec::new();
    open_to_others(&place.home(""), &mut found);
    assert!(found.len() > 5, "{when}: {found:?}");
    // Compiled code and stored components are never changed, so some may not even be written by their owner.
    let others: Vec<&String> =
        found.iter().filter(|line| !line.starts_with("600") && !line.starts_with("400")).collect();
    assert!(others.is_empty(), "{when}: {others:?}");
}

#[test]
fn e14_after_a_full_life_everything_in_a_home_is_its_owners_alone() {
    let place = Place::new();
    let host = Background::on(&place);
    // A user whose files are open to all by habit.
    let files = [place.sample("matcher").word(), place.sample("counter").word(), place.sample("misbehaver").word()];
    let words: Vec<&str> = std::iter::once("start").chain(files.iter().map(String::as_str)).collect();
    place.begin_after("umask 0", &words).done().expect(0);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    let mut client = place.client("run/llm.sock");
    assert_eq!(client.ask(&json!({ "id": 1, "find": "room" }))["id"], 1);
    assert_eq!(place.call_fails("misbehaver", "trap", &[]), "vat-trapped");
    place.ocap(&["restart", "counter"]).expect(0);
    place.ocap(&["terminate", "misbehaver", "--yes"]).expect(0);
    assert_private(&place, "while it runs");
    host.signal(rustix::process::Signal::KILL);
    host.wait_until_gone();
    assert_private(&place, "after a kill");
    place.begin_after("umask 0", &["start"]).done().expect(0);
    place.ocap(&["stop"]).expect(0);
    assert_private(&place, "after a stop");
    place.begin_after("umask 0", &["reset", "--yes"]).done().expect(0);
    assert_private(&place, "after a reset");
}

#[test]
fn e14_a_process_of_another_user_gets_no_answer() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can begin a process of another user: not shown");
        return;
    }
    const NOBODY: u32 = 65_534;
    let place = Place::new();
    let _host = place.run(&[]);
    let ping = |user: u32| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "20", "--unix-socket"]);
        command.arg(place.home("control.sock")).arg("http://host/v1/ping").uid(user).gid(user).current_dir("/");
        command.output().expect("curl can be started")
    };
    assert!(String::from_utf8_lossy(&ping(0).stdout).contains("\"pong\""));
    // The directory keeps others out.
    assert!(!ping(NOBODY).status.success());
    // And if somebody opens it while the host runs, the host itself does.
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    open(place.root(), 0o711);
    open(&place.home(""), 0o711);
    open(&place.home("control.sock"), 0o666);
    let refused = ping(NOBODY);
    assert_eq!((refused.status.success(), &*refused.stdout), (false, &b""[..]), "{refused:?}");
    let said = place.log();
    let said = said.iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains("refused")));
    assert!(said.is_some_and(|line| line.to_string().contains("it is of user 65534")), "{said:?}");
    assert!(String::from_utf8_lossy(&ping(0).stdout).contains("\"pong\""), "its own user is not kept out");
}
