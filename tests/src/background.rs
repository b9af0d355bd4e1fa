//! A host in the background: nobody's child, and yet not left behind.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ocap::{Done, Pending};
use crate::patience::eventually;
use crate::place::Place;

/// Whatever host runs on a place. Dropped, it is killed.
#[derive(Debug)]
pub struct Background<'p> {
    place: &'p Place,
}

impl<'p> Background<'p> {
    /// On this place, where none runs yet.
    pub fn on(place: &'p Place) -> Background<'p> {
        Background { place }
    }

    /// `start`, from its beginning to its end.
    pub fn start(&self, files: &[&Path]) -> Done {
        self.begin(files).done()
    }

    /// `start`, which goes on beside.
    pub fn begin(&self, files: &[&Path]) -> Pending {
        let files: Vec<&str> = files.iter().map(|file| file.to_str().expect("UTF-8")).collect();
        self.place.before_a_start();
        self.place.begin(&[&["start"], files.as_slice()].concat())
    }

    /// What the host last said of itself in its home.
    pub fn record(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.place.home("status.json")).ok()?).ok()
    }

    /// The process that said so, if it still runs as a host of this home.
    pub fn pid(&self) -> Option<u32> {
        let pid = u32::try_from(self.record()?["pid"].as_u64()?).ok()?;
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let home = self.place.home("").display().to_string();
        String::from_utf8_lossy(&words).contains(home.trim_end_matches('/')).then_some(pid)
    }

    /// Sends it a signal, if it runs.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // It may end at any moment.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// If it does not end.
    pub fn wait_until_gone(&self) {
        eventually("the end of the host in the background", || self.pid().is_none().then_some(()));
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
