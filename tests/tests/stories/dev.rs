//! A package that is being written: each change runs, with the state kept; a mistake costs nothing that runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ocap_tests::{Place, eventually, ocap_host, repository};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// `dev` on a new package, with what it says in a file.
struct Dev {
    child: Child,
    directory: PathBuf,
    said: PathBuf,
}

impl Dev {
    fn begin(place: &Place) -> Dev {
        place.ocap(&["new", "written"]).expect(0);
        let directory = place.root().join("written");
        let shared = repository().join("target/new");
        fs::create_dir_all(&shared).expect("a target directory");
        symlink(&shared, directory.join("target")).expect("a link");
        let said = place.root().join("said");
        let file = fs::File::create(&said).expect("a file");
        let mut command = Command::new(ocap_host());
        command.args(["--format", "jsonl", "dev", "written"]).current_dir(place.root()).env_remove("OCAP_HOME");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a descriptor")).stderr(file);
        Dev { child: command.spawn().expect("it can be started"), directory, said }
    }

    fn edit(&self, from: &str, to: &str) {
        let path = self.directory.join("src/lib.rs");
        let text = fs::read_to_string(&path).expect("a source");
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).expect("written");
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).expect("it was created")
    }

    /// Waits, for as long as a compiler may take on a busy machine.
    fn says(&self, text: &str, times: usize) {
        for _ in 0..5 {
            let found = std::panic::catch_unwind(|| {
                eventually(text, || (self.said().matches(text).count() >= times).then_some(()));
            });
            if found.is_ok() {
                return;
            }
        }
        panic!("it never says `{text}` {times} times:\n{}", self.said());
    }

    fn call(&self, method: &str, args: &[&str]) -> Value {
        let home = self.directory.join(".ocap");
        let mut command = Command::new(ocap_host());
        command.arg("--home").arg(&home).args(["--format", "json", "call", "written", method]).args(args);
        let output = command.output().expect("it can be started");
        serde_json::from_slice::<Value>(&output.stdout).map_or(Value::Null, |answer| answer["value"].clone())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn a_change_is_built_and_runs_with_the_state_kept_and_a_mistake_leaves_what_runs_alone() {
    let place = Place::new();
    let mut dev = Dev::begin(&place);
    dev.says(r#""$type":"ready""#, 1);
    assert_eq!(dev.call("increment", &["5"]), 5);

    dev.edit("self.count += by;", "self.count += 10 * by;");
    dev.says(r#""origin":"upgraded""#, 1);
    assert_eq!(dev.call("increment", &["1"]), 15, "new code, old state");

    dev.edit("10 * by", "10 * mistake");
    dev.says("ocap::build::failed", 1);
    assert_eq!(dev.call("get", &[]), 15);
    dev.edit("10 * mistake", "100 * by");
    dev.says(r#""origin":"upgraded""#, 2);
    assert_eq!(dev.call("increment", &["1"]), 115);

    kill_process(Pid::from_child(&dev.child), Signal::TERM).expect("it runs");
    let end = eventually("its end", || dev.child.try_wait().expect("a child of this process"));
    assert_eq!(end.code(), Some(0), "{}", dev.said());
    assert!(!Path::new(&dev.directory.join(".ocap/control.sock")).exists(), "its host has ended with it");
}
