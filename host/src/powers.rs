//! The only ambient authority of the host: what a process may do merely because it runs.
//!
//! `main` makes one [`Powers`] and hands it on; no other room opens a path, asks for the time or reads the environment on its own.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::engine::CrankTime;

/// The authority of this process, as a value that must be handed on.
#[derive(Debug, Clone, Copy)]
pub struct Powers {
    _made_here: (),
}

impl Powers {
    /// All that this process may do. For `main` and for tests.
    pub const fn of_this_process() -> Powers {
        Powers { _made_here: () }
    }

    /// A directory that a user named.
    ///
    /// # Errors
    /// If it is absent, no directory, or not ours to read.
    pub fn directory(self, path: &Path) -> io::Result<Dir> {
        Dir::open_ambient_dir(path, ambient_authority())
    }

    /// Makes a directory, with its parents, that only its owner can enter (0700). One that exists is left as it is.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn make_private_directory(self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// What the system tells of its processes: `/proc`.
    ///
    /// # Errors
    /// If it is not mounted.
    pub fn processes(self) -> io::Result<Dir> {
        self.directory(Path::new("/proc"))
    }

    /// The file of this program, to begin another process of it.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn this_program(self) -> io::Result<PathBuf> {
        std::env::current_exe()
    }

    /// Leaves the working directory, so that a process which runs for long does not keep its disk from being unmounted. Relative paths mean
    /// nothing from then on.
    ///
    /// # Errors
    /// If there is no root to go to.
    pub fn leave_working_directory(self) -> io::Result<()> {
        std::env::set_current_dir("/")
    }

    /// A path made absolute, without a look at the file system.
    ///
    /// # Errors
    /// If the path is empty or the current directory is gone.
    pub fn absolute(self, path: &Path) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }

    /// A path without links and `..`, as the file system has it.
    ///
    /// # Errors
    /// If there is nothing at the path.
    pub fn canonical(self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    /// A variable of the environment.
    pub fn variable(self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    /// Unpredictable bytes from the system.
    ///
    /// # Errors
    /// If the system has none.
    pub fn fill_with_entropy(self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::from)
    }

    /// The time that a crank sees: the time of day, and the time since this process first asked.
    pub fn crank_time(self) -> CrankTime {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        CrankTime {
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            monotonic: FIRST.get_or_init(Instant::now).elapsed(),
        }
    }

    /// The time of day, in milliseconds since 1970.
    pub fn now_ms(self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
