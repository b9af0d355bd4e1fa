//! `reset`: a home as if no host had ever run on it, but for what belongs to its operator.
//!
//! Its rule: the database goes first and its log after, because a database is nothing without its log and a log is nothing without its
//! database. A reset that is cut off anywhere leaves the old kernel or a fresh one, and is finished by the next.

use std::io;
use std::path::Path;

use cap_std::fs::{Dir, FileTypeExt};
use ocap_kernel::State;

use crate::daemon::home::{BLOBS, CHANNELS, SOCKET, STATUS, STORE, TOKEN_SOCKET};
use crate::daemon::lock::Lock;
use crate::daemon::{Home, processes};
use crate::powers::Powers;
use crate::problem::Problem;
use crate::run_loop::markers;
use crate::store::{self, witness};

use super::house;

/// What a reset takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The names of all subclusters; unknown if the store can't be read.
    pub subclusters: Option<Vec<String>>,
    /// How many vats live in them.
    pub vats: u64,
    /// How many bytes of the disk.
    pub bytes: u64,
}

/// What a reset would take. Nothing is changed.
///
/// # Errors
/// If a host runs, or the home is not usable.
pub fn preview(home: &Home, powers: Powers) -> Result<Loss, Problem> {
    let _lock = take_lock(home, powers)?;
    loss(home)
}

/// Leaves a home whose next host begins with nothing: no vats, no components, no sockets, no marks of what ran, no letters. The
/// configuration, the log and compiled code stay.
///
/// # Errors
/// If a host runs, or something can't be removed; then again.
pub fn reset(home: &Home, powers: Powers) -> Result<Loss, Problem> {
    let _lock = take_lock(home, powers)?;
    let loss = loss(home)?;
    let stays = |what: &str, error: &io::Error| {
        Problem::new("ocap::home::unwritable", format!("{} can't be removed", home.path_of(what).display()))
            .because(error)
            .with_help("see that you may write the home, then `ocap-host reset --yes` again")
    };
    // Before what it bears witness to: without it nothing that is missing is missed.
    for name in [witness::FILE, STORE, &format!("{STORE}-wal"), &format!("{STORE}-shm"), &format!("{STORE}-journal")] {
        absent(home.dir().remove_file(name)).and_then(|()| sync(home)).map_err(|error| stays(name, &error))?;
    }
    for name in [markers::FILE, STATUS, SOCKET, TOKEN_SOCKET] {
        absent(home.dir().remove_file(name)).map_err(|error| stays(name, &error))?;
    }
    absent(home.dir().remove_dir_all(BLOBS)).map_err(|error| stays(BLOBS, &error))?;
    absent(home.dir().open_dir(CHANNELS).and_then(|channels| remove_sockets(&channels)))
        .map_err(|error| stays(CHANNELS, &error))?;
    house::renew_key(home)?;
    sync(home).map_err(|error| stays(STORE, &error))?;
    Ok(loss)
}

fn take_lock(home: &Home, powers: Powers) -> Result<Lock, Problem> {
    let lock = Lock::take(home, &processes(powers)?, powers.now_ms())?;
    super::backup::go_on_with_restore(home).map(|()| lock)
}

fn loss(home: &Home) -> Result<Loss, Problem> {
    let unreadable = |error: io::Error| {
        Problem::new("ocap::home::unusable", format!("{} can't be read", home.path().display())).because(&error)
    };
    let bytes = bytes_in(home.dir(), &[STORE, &format!("{STORE}-wal")]).map_err(unreadable)?;
    let blobs = match home.dir().open_dir(BLOBS) {
        Ok(blobs) => bytes_below(blobs).map_err(unreadable)?,
        Err(_) => 0,
    };
    // A store that can't be read is the very reason to reset.
    let state = match store::inspect(&home.path_of(STORE)) {
        Ok(inspected) => Some(inspected.map_or_else(State::default, |inspected| inspected.state)),
        Err(_) => None,
    };
    let vats = state.iter().flat_map(|state| &state.vats).filter(|(_, row)| row.status.is_living()).count() as u64;
    let subclusters = state.map(|state| state.subclusters.into_iter().map(|(_, row)| row.name).collect());
    Ok(Loss { subclusters, vats, bytes: bytes + blobs })
}

fn bytes_in(dir: &Dir, names: &[&str]) -> io::Result<u64> {
    let length = |name: &&str| match dir.metadata(name) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    };
    names.iter().map(length).sum()
}

fn bytes_below(dir: Dir) -> io::Result<u64> {
    let (mut bytes, mut left) = (0, vec![dir]);
    while let Some(dir) = left.pop() {
        for entry in dir.entries()? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => left.push(entry.open_dir()?),
                false => bytes += entry.metadata()?.len(),
            }
        }
    }
    Ok(bytes)
}

/// Sockets of channels that a host which was killed left. What else lies there is not the host's.
fn remove_sockets(channels: &Dir) -> io::Result<()> {
    let mut left = vec![channels.try_clone()?];
    while let Some(dir) = left.pop() {
        for entry in dir.entries()? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(entry.open_dir()?);
            } else if kind.is_socket() {
                entry.remove_file()?;
            }
        }
    }
    Ok(())
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What was removed is removed, also after a power cut.
fn sync(home: &Home) -> io::Result<()> {
    home.dir().open(".")?.sync_all()
}

/// That there is nothing to reset.
pub fn no_home(path: &Path) -> Problem {
    Problem::new("ocap::home::absent", format!("there is no home at {}", path.display()))
        .with_help("name the one that is meant: `ocap-host --home DIR reset`")
}
