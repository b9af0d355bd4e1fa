//! Where one story happens: a temporary directory with a home and what a user keeps beside it.

use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode};
use serde_json::Value;
use tempfile::TempDir;

use crate::compiled;
use crate::dialogue::{Shown, at_a_terminal};
use crate::host::Host;
use crate::http::Http;
use crate::line::LineClient;
use crate::ocap::{Done, Pending, by_way_of_a_shell};
use crate::sample::Sample;
use crate::watch::Watch;
use crate::wire::Wire;

/// A temporary directory, removed at the end. The home in it is not made yet.
#[derive(Debug)]
pub struct Place {
    root: TempDir,
    home: PathBuf,
    _watch: Watch,
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}

impl Place {
    /// A new one.
    ///
    /// # Panics
    /// If the system gives no temporary directory.
    pub fn new() -> Place {
        Place::with_home("home")
    }

    /// A new one with the home at this path in it.
    ///
    /// # Panics
    /// If the system gives no temporary directory.
    pub fn with_home(path: &str) -> Place {
        let root = tempfile::Builder::new().prefix("ocap-").tempdir().expect("a temporary directory");
        let home = root.path().join(path);
        Place { root, home, _watch: Watch::begin() }
    }

    /// The directory that is the user's.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The host's home, or something in it.
    pub fn home(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// A copy of a sample subcluster of the repository, with its components beside its declaration.
    pub fn sample(&self, name: &str) -> Sample {
        let directory = self.root.path().join(name);
        let sample = Sample::copy(name, &directory);
        compiled::lay_in(&self.home, &directory);
        sample
    }

    /// Another copy under another name, also for the subcluster.
    pub fn sample_as(&self, name: &str, other: &str) -> Sample {
        let sample = Sample::copy(name, &self.root.path().join(other));
        sample.replace(&format!("name = \"{name}\""), &format!("name = \"{other}\""));
        sample
    }

    /// Starts the host with these declarations or bundles, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready.
    #[track_caller]
    pub fn run(&self, files: &[&Path]) -> Host {
        Host::start(self, files)
    }

    /// Starts a host that is expected to end by itself.
    pub fn try_run(&self, files: &[&Path]) -> Done {
        let files: Vec<&str> = files.iter().map(|file| file.to_str().expect("UTF-8")).collect();
        self.ocap(&[&["run"], files.as_slice()].concat())
    }

    /// A command on the home, from its start to its end.
    pub fn ocap(&self, args: &[&str]) -> Done {
        self.begin(args).done()
    }

    /// A command on the home that goes on beside.
    pub fn begin(&self, args: &[&str]) -> Pending {
        Pending::start(self.root.path(), &self.on_the_home(args))
    }

    /// A command on the home that goes on beside, begun by a shell that does something before: sets limits, mounts, opens files.
    pub fn begin_after(&self, first: &str, args: &[&str]) -> Pending {
        let args = self.on_the_home(args);
        Pending::of(by_way_of_a_shell(first, self.root.path(), &args), &args)
    }

    /// The same with something open as its standard input.
    pub fn begin_with(&self, input: OwnedFd, first: &str, args: &[&str]) -> Pending {
        let args = self.on_the_home(args);
        let mut command = by_way_of_a_shell(first, self.root.path(), &args);
        command.stdin(input);
        Pending::of(command, &args)
    }

    /// Makes the next host wait in its step "load the kernel", for a configuration that does not come.
    ///
    /// # Panics
    /// If the home has a configuration, or is not there.
    pub fn hold_at_host_toml(&self) -> Hold {
        let path = self.home("host.toml");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0).expect("the home has no configuration");
        // Open for both, which waits for nobody: who reads it waits for as long as it is open.
        let pipe = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe can be opened");
        Hold { path, _pipe: pipe }
    }

    /// A command on the home at a terminal, in text, with these variables and this typed.
    ///
    /// # Panics
    /// If there is no Python, whose terminal it is.
    pub fn at_a_terminal(&self, args: &[&str], variables: &[&str], typed: &str) -> Shown {
        let home = self.home.to_str().expect("a temporary directory has a path in UTF-8");
        at_a_terminal(self.root.path(), &[&["--home", home], args].concat(), variables, typed)
    }

    /// Calls a method and returns its answer.
    ///
    /// # Panics
    /// If it does not answer.
    #[track_caller]
    pub fn call(&self, target: &str, method: &str, args: &[&str]) -> Value {
        self.ocap(&[&["call", target, method], args].concat()).expect(0).json()["value"].clone()
    }

    /// Calls a method that is answered by the kernel with a code, which is returned.
    ///
    /// # Panics
    /// If it is answered otherwise.
    #[track_caller]
    pub fn call_fails(&self, target: &str, method: &str, args: &[&str]) -> String {
        let answer = self.ocap(&[&["call", target, method], args].concat()).expect(1).json();
        assert_eq!(answer["$type"], "failed", "{answer}");
        answer["code"].as_str().expect("a code").to_owned()
    }

    /// What the host says of itself, whatever its health.
    ///
    /// # Panics
    /// If it says nothing.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.ocap(&["status"]).json()
    }

    /// The status of a vat.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn vat(&self, subcluster: &str, vat: &str) -> Value {
        part(&self.status(), subcluster, "vats", vat)
    }

    /// The status of a channel.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn channel(&self, subcluster: &str, channel: &str) -> Value {
        part(&self.status(), subcluster, "channels", channel)
    }

    /// A client of a channel's socket, by its relative path.
    ///
    /// # Panics
    /// If nobody listens.
    #[track_caller]
    pub fn client(&self, channel_path: &str) -> LineClient {
        LineClient::connect(&self.home("channels").join(channel_path))
    }

    /// A connection to the control socket.
    ///
    /// # Panics
    /// If nobody listens.
    pub fn wire(&self) -> Wire {
        Wire::connect(&self.home("control.sock"))
    }

    /// The same as any HTTP client has it.
    ///
    /// # Panics
    /// If nobody listens.
    #[track_caller]
    pub fn http(&self) -> Http {
        Http::connect(&self.home("control.sock"))
    }

    /// The log's lines.
    ///
    /// # Panics
    /// If there is no log.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.home("log")).expect("a log");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of the log is JSON")).collect()
    }

    /// The names in a directory of the home, in order; none if it is not there.
    pub fn listing(&self, directory: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.home(directory)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Before a host is started here: what others have compiled, the first one need not compile again.
    pub(crate) fn before_a_start(&self) {
        if !self.home("store").exists() {
            compiled::begin(&self.home);
            for entry in fs::read_dir(self.root()).into_iter().flatten().flatten() {
                compiled::lay_in(&self.home, &entry.path());
            }
        }
    }

    /// What its hosts have compiled, others need not compile again.
    pub(crate) fn keep_compiled(&self) {
        compiled::keep(&self.home);
    }

    /// The arguments with the home and with answers in JSON.
    pub(crate) fn on_the_home<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let home = self.home.to_str().expect("a temporary directory has a path in UTF-8");
        [&["--home", home, "--format", "jsonl"], args].concat()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.keep_compiled();
    }
}

/// What a host waits for until this is released or dropped.
#[derive(Debug)]
pub struct Hold {
    path: PathBuf,
    _pipe: File,
}

impl Hold {
    /// Lets it go on: its configuration is empty.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Whoever comes later finds no configuration; whoever reads hears the pipe's end when it is closed, which is next. To open it for
        // that moment only would miss a reader that a signal has just sent back to the beginning of its `open`.
        let _ = fs::remove_file(&self.path);
    }
}

#[track_caller]
fn part(status: &Value, subcluster: &str, parts: &str, name: &str) -> Value {
    let named = |list: &Value, name: &str| {
        list.as_array().and_then(|list| list.iter().find(|entry| entry["name"] == name)).cloned()
    };
    let found = named(&status["subclusters"], subcluster).and_then(|subcluster| named(&subcluster[parts], name));
    found.unwrap_or_else(|| panic!("no {subcluster}/{name} in {status:#}"))
}
