//! A home as it was when a backup was made.
//!
//! Its rule: there is always one whole home. Everything is put beside first, in `restoring/new`, and synced; `restoring/go` then decides, and
//! from there on each step is a rename that whoever comes next, a restore or a start, finishes. What the home had before is kept, in
//! `replaced-N`. Numbers go on above those of the old home, so that none is given twice, and the key is a new one, so that no vat draws again what it
//! drew in the time that is undone.

use std::io;
use std::path::Path;

use cap_std::fs::Dir;
use ocap_kernel::Counters;

use crate::daemon::Home;
use crate::daemon::home::{BLOBS, CONFIG, KEY, STORE};
use crate::daemon::requests::Backup;
use crate::powers::Powers;
use crate::problem::Problem;
use crate::run_loop::markers;
use crate::store::{self, witness};

use super::super::house;
use super::verify::{self, Verified};
use super::{READ_ONLY, WRITABLE};

/// Where a restore puts things before it is decided.
const RESTORING: &str = "restoring";
/// What is to take its place, under its final name.
const NEW: &str = "restoring/new";
/// That it is decided; the name of the directory that keeps what was before.
const GO: &str = "restoring/go";
/// What the names of such directories begin with.
const REPLACED: &str = "replaced-";

/// What belongs to the old store alone, and has no successor.
const OF_THE_OLD: [&str; 5] = ["store-wal", "store-shm", "store-journal", markers::FILE, witness::FILE];
/// What has a successor if the backup has it. The store comes last: as long as it is not there nothing is finished.
const SUCCEEDED: [&str; 4] = [KEY, CONFIG, BLOBS, STORE];

/// Above the numbers of a home whose store can't be read, or is another one: nobody knows how far they came.
const NUMBERS_BEYOND: u64 = 1 << 32;
/// The same for the number of the boot.
const BOOTS_BEYOND: u64 = 1 << 20;

/// What a restore would do, or has done.
#[derive(Debug)]
pub struct Restored {
    /// What was restored.
    pub backup: Backup,
    /// Where what was in the home before is kept, in the home; nothing was there where absent.
    pub kept: Option<String>,
}

/// Looks whether the backup could be restored, and at what that would replace. Nothing is changed.
///
/// # Errors
/// If a host runs, or the backup is not whole.
pub fn preview(home: &Home, powers: Powers, from: &Path) -> Result<Restored, Problem> {
    let _lock = locked(home, powers)?;
    let backup = whole(from, powers)?;
    Ok(Restored { backup, kept: place_for_the_old(home).map_err(|error| unwritable(home, &error))? })
}

/// Makes the home what it was when the backup was made; what it has now is kept aside.
///
/// # Errors
/// If a host runs, the backup is not whole, or the home can't be written: then it is as it was.
pub fn restore(home: &Home, powers: Powers, from: &Path) -> Result<Restored, Problem> {
    let _lock = locked(home, powers)?;
    let backup = whole(from, powers)?;
    let unwritable = |error: io::Error| unwritable(home, &error);
    let (dir, _) = verify::open(from, powers)?;
    house::keep_compiled_code(home)?;
    let new = stage(home, powers, &dir, &backup).map_err(unwritable)?;
    let least = least_numbers(home, from);
    store::raise(&home.path_of(NEW).join(STORE), &least).map_err(|fault| Problem::from(&fault))?;
    super::sync(&new).map_err(unwritable)?;
    let kept = place_for_the_old(home).map_err(unwritable)?;
    decide(home, kept.as_deref()).map_err(unwritable)?;
    go_on(home)?;
    Ok(Restored { backup, kept })
}

/// A restore that was decided is finished; one that was not never happened. The caller has the lock.
///
/// # Errors
/// If the home can't be written.
pub(in super::super) fn go_on(home: &Home) -> Result<(), Problem> {
    let unwritable = |error: io::Error| unwritable(home, &error);
    match home.dir().read_to_string(GO) {
        Ok(kept) => replace(home, kept.trim()).map_err(unwritable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(error)),
    }
    // The decision goes last: before it what it decided.
    super::absent_is_fine(home.dir().remove_dir_all(NEW)).map_err(unwritable)?;
    super::absent_is_fine(home.dir().remove_dir_all(RESTORING)).map_err(unwritable)
}

/// Whether a restore was cut off, and if so whether it had been decided.
pub(in super::super) fn interrupted(home: &Home) -> Option<bool> {
    let is_there = |name: &str| home.dir().symlink_metadata(name).is_ok();
    is_there(RESTORING).then(|| is_there(GO))
}

/// The lock of a home that no host runs on; a restore that was cut off is finished first.
pub(super) fn locked(home: &Home, powers: Powers) -> Result<crate::daemon::lock::Lock, Problem> {
    let processes = crate::daemon::processes(powers)?;
    let lock = crate::daemon::lock::Lock::take(home, &processes, powers.now_ms())?;
    go_on(home).map(|()| lock)
}

/// # Errors
/// The first thing that is wrong with it.
fn whole(from: &Path, powers: Powers) -> Result<Backup, Problem> {
    let Verified { backup, findings } = verify::verify(from, powers)?;
    match findings.into_iter().next() {
        None => Ok(backup),
        Some(finding) => Err(finding),
    }
}

/// Copies what the backup has to where it can be renamed from, with a key beside it.
fn stage(home: &Home, powers: Powers, from: &Dir, backup: &Backup) -> io::Result<Dir> {
    super::absent_is_fine(home.dir().remove_dir_all(RESTORING))?;
    drop(super::make_directory(home.dir(), RESTORING)?);
    let new = super::make_directory(home.dir(), NEW)?;
    for file in backup.files.iter().filter(|file| file.name != KEY) {
        super::write_new(&new, &file.name, WRITABLE, from.open(&file.name)?)?;
    }
    let mut key = [0; 32];
    powers.fill_with_entropy(&mut key)?;
    super::write_new(&new, KEY, WRITABLE, key.as_slice())?;
    if backup.components.iter().any(|component| component.included) {
        let (from, blobs) = (from.open_dir(BLOBS)?, super::make_directory(&new, BLOBS)?);
        for component in backup.components.iter().filter(|component| component.included) {
            let name = component.sha256.trim_start_matches("sha256:");
            super::write_new(&blobs, name, READ_ONLY, from.open(name)?)?;
        }
        super::sync(&blobs)?;
    }
    Ok(new)
}

/// The numbers from which the restored kernel goes on at least.
fn least_numbers(home: &Home, from: &Path) -> Counters {
    let identity = |store: &Path| store::identity(store).ok().flatten();
    let (then, now) = (from.join(STORE), home.path_of(STORE));
    let same_store = identity(&then).is_some_and(|then| identity(&now) == Some(then));
    match super::counters_of(home).filter(|_| same_store) {
        Some(now) => now,
        None => beyond(&super::counters(&then).unwrap_or_default()),
    }
}

/// Above all numbers that anybody can have been given since these.
pub(super) fn beyond(then: &Counters) -> Counters {
    Counters {
        subcluster: then.subcluster + NUMBERS_BEYOND,
        vat: then.vat + NUMBERS_BEYOND,
        object: then.object + NUMBERS_BEYOND,
        promise: then.promise + NUMBERS_BEYOND,
        message: then.message + NUMBERS_BEYOND,
        boot: then.boot + BOOTS_BEYOND,
    }
}

/// A name that is free, if the home has something to be kept.
fn place_for_the_old(home: &Home) -> io::Result<Option<String>> {
    let dir = home.dir();
    let anything = OF_THE_OLD.iter().chain(&SUCCEEDED).any(|name| dir.symlink_metadata(name).is_ok());
    let free = || (1_u32..).map(|n| format!("{REPLACED}{n}")).find(|name| dir.symlink_metadata(name).is_err());
    Ok(if anything { free() } else { None })
}

fn decide(home: &Home, kept: Option<&str>) -> io::Result<()> {
    let restoring = home.dir().open_dir(RESTORING)?;
    super::write_new(&restoring, "go.next", WRITABLE, kept.unwrap_or_default().as_bytes())?;
    super::sync(&restoring)?;
    restoring.rename("go.next", &restoring, "go")?;
    super::sync(&restoring)?;
    super::sync(home.dir())
}

/// Each rename stands for itself: what was moved already is recognised by its absence among the new.
fn replace(home: &Home, kept: &str) -> io::Result<()> {
    let dir = home.dir();
    let is_there = |name: &str| dir.symlink_metadata(name).is_ok();
    let to_come = |name: &str| is_there(&format!("{NEW}/{name}"));
    if !to_come(STORE) {
        return Ok(());
    }
    if !kept.is_empty() {
        if !is_there(kept) {
            drop(super::make_directory(dir, kept)?);
        }
        let gone = SUCCEEDED.into_iter().filter(|name| to_come(name));
        for name in OF_THE_OLD.into_iter().chain(gone).filter(|name| is_there(name)) {
            dir.rename(name, dir, format!("{kept}/{name}"))?;
        }
        super::sync(&dir.open_dir(kept)?)?;
        super::sync(dir)?;
    }
    for name in SUCCEEDED.into_iter().filter(|name| to_come(name)) {
        dir.rename(format!("{NEW}/{name}"), dir, name)?;
        super::sync(dir)?;
    }
    Ok(())
}

fn unwritable(home: &Home, error: &io::Error) -> Problem {
    Problem::new("ocap::backup::not_restored", format!("the home {} can't be written", home.path().display()))
        .because(error)
        .with_help("see that you may write it and that its disk is not full, then restore again; nothing is lost")
}
