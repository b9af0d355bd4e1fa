//! A host in the foreground, as a child of the test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ocap::prepared;
use crate::patience::{PATIENCE, eventually};
use crate::place::Place;

/// A host that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Host {
    child: Child,
    ready: Value,
    stdout: Receiver<String>,
    stderr: Arc<Mutex<String>>,
}

impl Host {
    #[track_caller]
    pub(crate) fn start(place: &Place, files: &[&Path]) -> Host {
        let mut host = Host::launch(place, files);
        let line = host.stdout.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|_| panic!("the host does not become ready:\n{}", host.stderr()));
        host.ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(host.ready["$type"], "ready", "{}", host.ready);
        place.keep_compiled();
        host
    }

    /// Starts it and does not wait until it is ready.
    ///
    /// # Panics
    /// If the binary can't be started.
    pub fn launch(place: &Place, files: &[&Path]) -> Host {
        place.before_a_start();
        let files: Vec<&str> = files.iter().map(|file| file.to_str().expect("UTF-8")).collect();
        let args = place.on_the_home(&[&["run"], files.as_slice()].concat());
        let mut child = prepared(place.root(), &args).spawn().expect("the binary can be started");
        let (sender, stdout) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr: Arc<Mutex<String>> = Arc::default();
        let lines = BufReader::new(child.stderr.take().expect("stderr is a pipe")).lines();
        let kept = stderr.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut text = kept.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
        Host { child, ready: Value::Null, stdout, stderr }
    }

    /// What it announced when it was ready.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Kills it without a warning, and waits until the system has taken everything back.
    ///
    /// # Panics
    /// If it has ended before.
    pub fn kill9(mut self) {
        assert!(self.child.try_wait().expect("a child of this process").is_none(), "it ended: {}", self.stderr());
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child of this process");
    }

    /// Stops it in good order with `ocap-host stop`; its exit status.
    ///
    /// # Panics
    /// If it can't be stopped.
    #[track_caller]
    pub fn stop(self, place: &Place) -> i32 {
        place.ocap(&["stop"]).expect(0);
        self.ended()
    }

    /// Waits until it has ended; its exit status.
    ///
    /// # Panics
    /// If it does not end, or was killed.
    #[track_caller]
    pub fn ended(mut self) -> i32 {
        let status: ExitStatus =
            eventually("the host's end", || self.child.try_wait().expect("a child of this process"));
        status.code().unwrap_or_else(|| panic!("it was killed: {status}\n{}", self.stderr()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the host said:\n{}", self.stderr());
        }
    }
}
