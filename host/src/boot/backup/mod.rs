//! Backups: a home's store with what it needs, in one directory, and the way back from one.
//!
//! ```text
//! backup.json    what follows, each with its size and digest; written last, so that without it the rest is half made
//! store          the database, as of one commit
//! host.toml      if there was one
//! blobs/HEX      the components that the vats need, unless it was made without them
//! ```

mod accept;
mod check;
mod make;
mod migration;
mod restore;
mod verify;

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};
use std::io::{self, Read};
use std::path::Path;

use ocap_kernel::Counters;

use crate::component::Digest;
use crate::daemon::home::STORE;
use crate::daemon::lock::{LOCKED, Lock};
use crate::daemon::requests::Backup;
use crate::daemon::{Home, processes};
use crate::powers::Powers;
use crate::problem::Problem;
use crate::store;

pub use accept::{accept, preview as preview_accept};
pub(super) use check::running as check_running;
pub use check::stopped as check_stopped;
pub(super) use make::running as make_running;
pub use make::stopped as make_stopped;
pub(super) use migration::{before as before_migration, half_made, kept_components};
pub use restore::{Restored, preview as preview_restore, restore};
pub(super) use restore::{go_on as go_on_with_restore, interrupted as interrupted_restore};
pub use verify::{Verified, verify};

/// What a backup holds; the last file of it that is written.
const MANIFEST: &str = "backup.json";
/// The form of backups that this host makes and takes.
const FORM: u32 = 1;
/// The largest manifest that is read: 16 MiB.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// The lock of a home that no host runs on; `None` if one does. A restore that was cut off is finished first.
fn at_rest(home: &Home, powers: Powers) -> Result<Option<Lock>, Problem> {
    match Lock::take(home, &processes(powers)?, powers.now_ms()) {
        Ok(lock) => restore::go_on(home).map(|()| Some(lock)),
        Err(problem) if problem.code == LOCKED => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// What its owner may do with a file.
const WRITABLE: u32 = 0o600;
/// The same of a component, which never changes.
const READ_ONLY: u32 = 0o400;

/// Writes a new file for its owner alone, synced.
fn write_new(dir: &Dir, name: &str, mode: u32, mut from: impl Read) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = dir.open_with(name, &options)?;
    io::copy(&mut from, &mut file)?;
    file.sync_all()
}

/// Makes a directory for its owner alone.
fn make_directory(dir: &Dir, name: &str) -> io::Result<Dir> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    dir.create_dir_with(name, &builder)?;
    dir.open_dir(name)
}

/// What was made, renamed or removed in a directory is so also after a power cut.
fn sync(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The digest and the size of a file.
fn digest_of(dir: &Dir, name: &str) -> io::Result<(Digest, u64)> {
    Digest::of_all(dir.open(name)?)
}

/// The manifest of a backup; `None` if there is none.
fn manifest(dir: &Dir) -> io::Result<Option<Backup>> {
    let file = match dir.open(MANIFEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = Vec::new();
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map(Some).map_err(io::Error::other)
}

/// What a look at a store that nobody uses has shown: its counters, if it can be read at all.
fn counters(store: &Path) -> Option<Counters> {
    store::inspect(store).ok().flatten().map(|inspected| inspected.state.counters)
}

fn counters_of(home: &Home) -> Option<Counters> {
    counters(&home.path_of(STORE))
}

/// Something about a backup that the system refused.
fn unusable(path: &Path, error: &io::Error) -> Problem {
    Problem::new("ocap::backup::unusable", format!("the backup {} can't be used", path.display()))
        .because(error)
        .at_path(path.display(), path.display())
        .with_help("see that the directory is there and yours, and that its disk is not full")
}
