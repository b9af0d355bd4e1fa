//! `status.json`: what the host last said of itself, for whoever can't ask it.
//!
//! It is information only, never a lock: only the lock's holder writes it, by rename, so that a reader sees a whole one.

use std::io::{self, Write};

use cap_std::fs::{Dir, FileExt, OpenOptions, OpenOptionsExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::home::{Home, STATUS};
use super::process::Process;
use crate::problem::Problem;

/// What is written while a new one is made.
const NEXT: &str = "status.json.next";

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the host says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "host")]
pub struct HostRecord {
    /// Who it is.
    #[serde(flatten)]
    pub process: Process,
    /// The version of the program.
    pub version: String,
    /// How far it has come.
    pub phase: Phase,
    /// When the phase or its step began, in milliseconds since 1970.
    pub since_ms: u64,
    /// What it is at within the phase: `open the store`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// How often this home was started; unknown until the store is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<u64>,
    /// Where the log is.
    pub log: String,
}

/// How far a host has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It boots.
    Starting,
    /// It serves.
    Ready,
    /// It was asked to stop and is at it.
    Stopping,
    /// It stopped as it should.
    Stopped,
    /// It could not start or go on.
    Failed,
}

impl Phase {
    /// The word in the file and in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Stopping => "stopping",
            Phase::Stopped => "stopped",
            Phase::Failed => "failed",
        }
    }
}

impl HostRecord {
    /// The first record of this process: it starts.
    ///
    /// # Errors
    /// If `/proc` does not tell who this process is.
    pub fn starting(home: &Home, processes: &Dir, now_ms: u64) -> Result<HostRecord, Problem> {
        let process = Process::with_pid(std::process::id(), processes).map_err(|error| {
            Problem::new("ocap::daemon::no_proc", "the system does not tell who this process is")
                .because(&error)
                .with_help("mount /proc: ocap-host needs it to recognise its own processes")
        })?;
        Ok(HostRecord {
            process,
            version: VERSION.to_owned(),
            phase: Phase::Starting,
            since_ms: now_ms,
            step: None,
            problem: None,
            boot: None,
            log: home.path_of(super::home::LOG).display().to_string(),
        })
    }

    /// The record in the home; `None` where no host ever ran.
    ///
    /// # Errors
    /// If there is one and it can't be read.
    pub fn read(home: &Home) -> io::Result<Option<HostRecord>> {
        match home.dir().read(STATUS) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the host ended with a word.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Stopped | Phase::Failed)
    }

    /// Puts it in the place of the old one. Only for the holder of the lock.
    ///
    /// # Errors
    /// If the home can't be written.
    pub fn write(&self, home: &Home) -> Result<(), Problem> {
        let written = match self.try_write(home.dir()) {
            // The last words of a host whose disk is full are over the old ones, which have their room already.
            Err(error) if self.is_over() => self.write_over(home.dir()).map_err(|_| error),
            written => written,
        };
        written.map_err(|error| {
            Problem::new("ocap::home::unwritable", format!("{} can't be written", home.path_of(STATUS).display()))
                .because(&error)
                .with_help("free some space on the disk and see that you may write the home")
        })
    }

    fn try_write(&self, dir: &Dir) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        dir.open_with(NEXT, &options)?.write_all(&text)?;
        dir.rename(NEXT, dir, STATUS)
    }

    /// How it ended, if it did so without a word: `process 4711, died while it was starting (open the store)`.
    pub fn death(&self) -> String {
        let step = self.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
        format!("process {}, died while it was {}{step}", self.process.pid, self.phase.as_str())
    }

    fn write_over(&self, dir: &Dir) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let file = dir.open_with(STATUS, OpenOptions::new().write(true))?;
        file.write_all_at(&text, 0)?;
        file.set_len(text.len() as u64)
    }

    /// Who it is, how far it has come and for how long: `ocap-host 0.1.0, process 4711, starting (open the store) for 3 s`.
    pub fn sentence(&self, now_ms: u64) -> String {
        let step = self.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
        format!(
            "ocap-host {}, process {}, {}{step} for {}",
            self.version,
            self.process.pid,
            self.phase.as_str(),
            spoken(now_ms.saturating_sub(self.since_ms))
        )
    }
}

/// A time span as people say it, in its largest unit, from milliseconds.
pub fn spoken(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::test_home;
    use crate::powers::Powers;

    #[test]
    fn a_record_is_read_as_it_was_written_and_only_its_owner_may_read_it() {
        use cap_std::fs::MetadataExt;
        let (_root, home) = test_home();
        assert_eq!(HostRecord::read(&home).expect("no fault"), None);
        let processes = Powers::of_this_process().processes().expect("/proc");
        let mut record = HostRecord::starting(&home, &processes, 5).expect("a record");
        record.phase = Phase::Failed;
        record.step = Some("open the store".into());
        record.problem = Some(Problem::new("ocap::store::corrupt", "the store is damaged").with_help("restore it"));
        record.write(&home).expect("written");
        assert_eq!(HostRecord::read(&home).expect("no fault"), Some(record));
        assert_eq!(home.dir().metadata(STATUS).expect("metadata").mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_record_is_a_fault_and_not_an_absence() {
        let (_root, home) = test_home();
        home.dir().write(STATUS, b"{\"pid\":").expect("written");
        assert_eq!(HostRecord::read(&home).expect_err("damaged").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn last_words_for_which_there_is_no_new_file_are_written_over_the_old_ones() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let mut record = HostRecord::starting(&home, &processes, 5).expect("a record");
        record.step = Some("open the store, however long that may take".into());
        record.write(&home).expect("written");
        // As on a disk without room for another file.
        home.dir().create_dir(NEXT).expect("made");
        record.phase = Phase::Ready;
        assert_eq!(record.write(&home).expect_err("no room").code, "ocap::home::unwritable");
        record.phase = Phase::Failed;
        record.step = None;
        record.write(&home).expect("written over");
        assert_eq!(HostRecord::read(&home).expect("no fault"), Some(record));
    }

    #[test]
    fn a_time_span_is_said_in_its_largest_unit() {
        assert_eq!(spoken(999), "0 s");
        assert_eq!(spoken(119_000), "119 s");
        assert_eq!(spoken(120_000), "2 min");
        assert_eq!(spoken(3 * 3_600_000), "3 h");
        assert_eq!(spoken(49 * 3_600_000), "2 d");
    }
}
