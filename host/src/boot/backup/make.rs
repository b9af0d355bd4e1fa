//! Making a backup, beside a host that runs or of a home at rest.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::Dir;
use ocap_kernel::{Kernel, State};

use crate::component::{Blobs, CodeRecord, CodeSource, Digest};
use crate::daemon::Home;
use crate::daemon::home::{BLOBS, CONFIG, STORE};
use crate::daemon::requests::{BackedUp, Backup, BackupBody, BackupComponent, BackupFile, Components};
use crate::powers::Powers;
use crate::problem::Problem;
use crate::store::{self, StoreError};

use super::super::house::House;
use super::super::launch::blocking;
use super::super::prune::codes_of;
use super::{FORM, MANIFEST, READ_ONLY, WRITABLE};

/// Makes a backup while the host goes on: of everything that was acknowledged before it was asked for.
///
/// # Errors
/// If it can't be written, or what was written is not sound; nothing is left of it then.
pub(in super::super) async fn running(house: &Arc<House>, body: BackupBody) -> Result<BackedUp, Problem> {
    // What the copy names is not removed before it is copied too.
    let _naming = house.unnamed_blobs.read().await;
    let maker = house.clone();
    blocking(move || {
        let House { home, blobs, powers, .. } = &*maker;
        make(home, *powers, blobs, &body, |to| maker.store().copy(to))
    })
    .await
}

/// The same of a home that no host runs on; `None` if one does.
///
/// # Errors
/// The same, and if there is nothing to back up.
pub fn stopped(home: &Home, powers: Powers, body: &BackupBody) -> Result<Option<BackedUp>, Problem> {
    let Some(_lock) = super::at_rest(home, powers)? else { return Ok(None) };
    of_locked(home, powers, body).map(Some)
}

/// The same by whoever has the lock of the home.
pub(super) fn of_locked(home: &Home, powers: Powers, body: &BackupBody) -> Result<BackedUp, Problem> {
    let blobs =
        Blobs::new(home.directory(BLOBS)?).map_err(|error| super::super::house::unusable(home, BLOBS, &error))?;
    let from = home.path_of(STORE);
    if !from.exists() {
        let message = format!("the home {} has no store yet", home.path().display());
        return Err(Problem::new("ocap::backup::nothing", message)
            .with_help("a home has a store from its first `ocap-host run` on"));
    }
    make(home, powers, &blobs, body, |to| store::copy(&from, to).map(drop))
}

fn make(
    home: &Home,
    powers: Powers,
    blobs: &Blobs,
    body: &BackupBody,
    copy: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<BackedUp, Problem> {
    let BackupBody { path, components } = body;
    let target = claim(path, powers)?;
    let made = Making { home, powers, path, target: &target, blobs }.all(*components, copy);
    if made.is_err() {
        // The error that is told is the first one; what is left of a backup without its manifest is seen to be half made.
        let _ = target.remove_open_dir_all();
    }
    Ok(BackedUp { path: path.clone(), backup: made? })
}

/// A directory in which nothing is.
fn claim(path: &Path, powers: Powers) -> Result<Dir, Problem> {
    let unusable = |error: io::Error| super::unusable(path, &error);
    powers.make_private_directory(path).map_err(unusable)?;
    let dir = powers.directory(path).map_err(unusable)?;
    if dir.entries().map_err(unusable)?.next().is_some() {
        let message = format!("there is something in {} already", path.display());
        return Err(Problem::new("ocap::backup::taken", message)
            .at_path(path.display(), path.display())
            .with_help("name a directory that is not there yet: a backup is never written over another"));
    }
    Ok(dir)
}

/// A backup that is being made.
struct Making<'m> {
    home: &'m Home,
    powers: Powers,
    path: &'m Path,
    target: &'m Dir,
    blobs: &'m Blobs,
}

impl Making<'_> {
    fn all(
        &self,
        components: Components,
        copy: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<Backup, Problem> {
        let store = self.path.join(STORE);
        copy(&store).map_err(|fault| Problem::from(&fault))?;
        let (state, store_version) = sound(&store)?;
        let unusable = |error: io::Error| super::unusable(self.path, &error);
        let components = self.components(&state, components)?;
        let files = self.files().map_err(unusable)?;
        let living = state.vats.iter().filter(|(_, row)| row.status.is_living());
        let backup = Backup {
            form: FORM,
            made_ms: self.powers.now_ms(),
            by: env!("CARGO_PKG_VERSION").to_owned(),
            store_version,
            boot: state.counters.boot,
            vats: living.count() as u64,
            subclusters: state.subclusters.into_iter().map(|(_, row)| row.name).collect(),
            files,
            components,
        };
        self.finish(&backup).map_err(unusable)?;
        Ok(backup)
    }

    /// The components that the vats of the copy need.
    fn components(&self, state: &State, wanted: Components) -> Result<Vec<BackupComponent>, Problem> {
        let unusable = |error: io::Error| super::unusable(self.path, &error);
        let into = match wanted {
            Components::Included => Some(super::make_directory(self.target, BLOBS).map_err(unusable)?),
            Components::Listed => None,
        };
        let mut listed = Vec::new();
        for (digest, bytes) in needed(state) {
            // One that the content store has lost is not in the backup either: its vat is in quarantine, here as there.
            let had = into.as_ref().zip(self.blobs.get(&digest).ok());
            if let Some((into, component)) = &had {
                super::write_new(into, &digest.hex(), READ_ONLY, component.as_slice()).map_err(unusable)?;
            }
            listed.push(BackupComponent { sha256: digest.to_string(), bytes, included: had.is_some() });
        }
        if let Some(into) = into {
            super::sync(&into).map_err(unusable)?;
        }
        Ok(listed)
    }

    /// Everything beside the components, with its digest.
    fn files(&self) -> io::Result<Vec<BackupFile>> {
        let mut files = Vec::new();
        for name in [STORE, CONFIG] {
            if name != STORE {
                match self.home.dir().read(name) {
                    Ok(bytes) => super::write_new(self.target, name, WRITABLE, bytes.as_slice())?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            let (digest, bytes) = super::digest_of(self.target, name)?;
            files.push(BackupFile { name: name.to_owned(), sha256: digest.to_string(), bytes });
        }
        Ok(files)
    }

    /// The manifest makes it a backup: everything else is on the disk before.
    fn finish(&self, backup: &Backup) -> io::Result<()> {
        super::sync(self.target)?;
        let next = format!("{MANIFEST}.next");
        let text = serde_json::to_vec_pretty(backup).map_err(io::Error::other)?;
        super::write_new(self.target, &next, WRITABLE, text.as_slice())?;
        self.target.rename(&next, self.target, MANIFEST)?;
        super::sync(self.target)
    }
}

/// The last commit in a copy, if every page, every row and every count in it is right.
fn sound(store: &Path) -> Result<(State, i64), Problem> {
    let inspected = store::inspect(store).map_err(|fault| Problem::from(&fault))?;
    let inspected = inspected.ok_or_else(|| super::unusable(store, &io::ErrorKind::NotFound.into()))?;
    if let Some(damage) = inspected.damage.first() {
        return Err(Problem::from(damage));
    }
    // It audits itself when it is loaded.
    Kernel::load(inspected.state.clone()).map_err(|corrupt| super::super::contradiction(store, &corrupt))?;
    Ok((inspected.state, inspected.version))
}

/// The components that living vats run or could be rolled back to, with their sizes, each once.
fn needed(state: &State) -> Vec<(Digest, u64)> {
    let living = state.vats.iter().filter(|(_, row)| row.status.is_living());
    let stored = living.flat_map(|(_, row)| codes_of(row)).filter_map(|code| {
        match CodeRecord::from_record(&code).ok()?.source {
            CodeSource::Stored { sha256, size, .. } => Some((sha256, size)),
            CodeSource::Linked => None,
        }
    });
    let mut needed: Vec<(Digest, u64)> = stored.collect();
    needed.sort_unstable();
    needed.dedup_by_key(|(digest, _)| *digest);
    needed
}

/// Where a backup that the host makes by itself lies in the home.
pub(super) fn body_in(home: &Home, name: &str) -> BackupBody {
    BackupBody { path: home.path_of(name), components: Components::Listed }
}
