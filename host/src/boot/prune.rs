//! What no vat needs any more leaves the disk: components in the content store, compiled code in the cache.
//!
//! A component is needed by a living vat that runs it or could be rolled back to it, and by a declaration that names it by its digest:
//! of a living subcluster, of a system subcluster, of an app; and by a
//! backup in the home that lists it and has not its bytes. Whatever else lies in the two directories is not touched. Each removal
//! stands for itself, so that a prune which is cut off is simply continued by the next.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use ocap_kernel::{Body, Kernel, State, Upgrade, Vat};

use crate::bundle::Source;
use crate::component::{Blobs, COMPONENT_BYTES_MAX, CodeRecord, CodeSource, Digest, RecordFault, UserFiles};
use crate::daemon::home::{APPS, BLOBS, CACHE, STORE};
use crate::daemon::lock::{LOCKED, Lock};
use crate::daemon::requests::{PruneOutcome, Pruned, Unneeded};
use crate::daemon::{Home, processes};
use crate::declaration::{ComponentRef, Declaration, HostConfig};
use crate::engine::Engine;
use crate::powers::Powers;
use crate::problem::Problem;
use crate::run_loop::RunLoop;
use crate::store;

use super::backup;
use super::house::{self, House};
use super::launch::blocking;

/// Whether it is to be done, or only to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// Nothing is changed.
    Plan,
    /// It is done.
    Now,
}

/// Finds, and removes, what nobody needs, beside a host that runs. Meanwhile nothing is put into the content store.
///
/// # Errors
/// If it can't be known what is needed, and nothing was changed; or if something can't be removed.
pub(super) async fn running(house: &Arc<House>, how: Prune) -> Result<Pruned, Problem> {
    let _alone = house.unnamed_blobs.write().await;
    let rows = house.act(|run_loop: &mut RunLoop, _: &House| Rows::of_kernel(run_loop.kernel())).await?;
    let pruner = house.clone();
    blocking(move || {
        let house = &*pruner;
        let needed = Needed::by(&rows, &house.home, &house.config, &house.files)?;
        let cached = |digest: &Digest| house.engine.cached_as(&digest.hex());
        let compiled = needed.compiled().map(cached).collect();
        carry_out(&house.home, &house.blobs, &needed.components, &compiled, how)
    })
    .await
}

/// The same for a home that no host runs on; `None` if one does.
///
/// # Errors
/// As beside a host that runs, and if the home or its store is not usable.
pub fn stopped(home: &Home, powers: Powers, how: Prune) -> Result<Option<Pruned>, Problem> {
    let _lock = match Lock::take(home, &processes(powers)?, powers.now_ms()) {
        Ok(lock) => lock,
        Err(problem) if problem.code == LOCKED => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let inspected = store::inspect(&home.path_of(STORE)).map_err(|fault| Problem::from(&fault))?;
    // Components without a store may be all that is left of a home.
    let inspected = inspected.ok_or_else(|| not_known(vec!["there is no store in this home".to_owned()]))?;
    let rows = Rows::of_state(&inspected.state);
    let (config, files) = (house::config(home)?, UserFiles::ambient());
    let needed = Needed::by(&rows, home, &config, &files)?;
    let engine = Engine::new(None).map_err(|error| house::no_engine(&error))?;
    let compiled = needed.compiled().map(|digest| engine.cached_as(&digest.hex())).collect();
    let blobs = Blobs::new(home.directory(BLOBS)?).map_err(|error| house::unusable(home, BLOBS, &error))?;
    carry_out(home, &blobs, &needed.components, &compiled, how).map(Some)
}

/// What the kernel's rows say about code.
struct Rows {
    /// What is remembered of the code of each living vat: the present one, and the one before.
    codes: Vec<Body>,
    /// The declarations of living subclusters.
    declarations: Vec<Body>,
}

impl Rows {
    fn of_kernel(kernel: &Kernel) -> Rows {
        Rows {
            codes: kernel.vats().flat_map(|vat| codes_of(vat.row)).collect(),
            declarations: kernel.subclusters().map(|(_, row)| row.declaration.clone()).collect(),
        }
    }

    fn of_state(state: &State) -> Rows {
        let living = state.vats.iter().filter(|(_, row)| row.status.is_living());
        Rows {
            codes: living.flat_map(|(_, row)| codes_of(row)).collect(),
            declarations: state.subclusters.iter().map(|(_, row)| row.declaration.clone()).collect(),
        }
    }
}

/// All code that a vat may run: what it has, and what it can go back to.
pub(super) fn codes_of(row: &Vat) -> impl Iterator<Item = Body> {
    let before = match &row.upgrade {
        Upgrade::None => None,
        Upgrade::Trial { before } | Upgrade::Kept { before } => Some(before.clone()),
    };
    std::iter::once(row.code.clone()).chain(before)
}

struct Needed {
    components: BTreeSet<Digest>,
    /// What is at the paths of linked vats: it is compiled, but not stored.
    linked: BTreeSet<Digest>,
}

impl Needed {
    /// # Errors
    /// If a record is damaged: what it needs is not known, so nothing may be removed.
    fn by(rows: &Rows, home: &Home, config: &HostConfig, files: &UserFiles) -> Result<Needed, Problem> {
        let mut needed = Needed { components: BTreeSet::new(), linked: BTreeSet::new() };
        for code in &rows.codes {
            match CodeRecord::from_record(code).map_err(damaged)? {
                CodeRecord { source: CodeSource::Stored { sha256, .. }, .. } => drop(needed.components.insert(sha256)),
                CodeRecord { source: CodeSource::Linked, resolved, .. } => {
                    // One that is not there is compiled when it is.
                    let there = files.read(Path::new(&resolved), COMPONENT_BYTES_MAX).ok();
                    needed.linked.extend(there.map(|(bytes, _)| Digest::of(&bytes)));
                }
            }
        }
        for record in &rows.declarations {
            let recorded = Declaration::from_record(record).map_err(damaged)?;
            needed.components.extend(declared(&recorded.declaration));
        }
        let system = config.system.iter().map(|system| home.path().join(&system.declaration));
        for path in system.chain(apps(home)) {
            // What can't be read can't be launched either.
            if let Ok(source) = Source::open(&path, files) {
                needed.components.extend(declared(&source.declaration));
            }
        }
        needed.components.extend(backup::kept_components(home));
        Ok(needed)
    }

    /// What is compiled, and kept so. Losing some of it would cost time only.
    fn compiled(&self) -> impl Iterator<Item = &Digest> {
        self.components.union(&self.linked)
    }
}

/// Components that a declaration names by their digests.
fn declared(declaration: &Declaration) -> impl Iterator<Item = Digest> {
    declaration.vats.values().filter_map(|vat| match &vat.component {
        ComponentRef::Digest(digest) => Some(*digest),
        ComponentRef::Path(_) => None,
    })
}

/// What lies where apps do, and may be one.
fn apps(home: &Home) -> Vec<PathBuf> {
    let Ok(entries) = home.dir().read_dir(APPS) else { return Vec::new() };
    let names = entries.flatten().map(|entry| home.path_of(APPS).join(entry.file_name()));
    names.flat_map(|path| [path.join("subcluster.toml"), path]).collect()
}

fn damaged(fault: RecordFault) -> Problem {
    let Problem { message, causes, .. } = Problem::from(fault);
    not_known(std::iter::once(message).chain(causes).collect())
}

fn not_known(causes: Vec<String>) -> Problem {
    let message = "what the vats need can't be known, so nothing is pruned";
    let mut problem = Problem::new("ocap::prune::not_known", message).with_help(
        "see what is damaged: `ocap-host doctor`; then end that vat, or restore a backup: `ocap-host db restore`",
    );
    problem.causes = causes;
    problem
}

fn carry_out(
    home: &Home,
    blobs: &Blobs,
    components: &BTreeSet<Digest>,
    compiled: &BTreeSet<String>,
    how: Prune,
) -> Result<Pruned, Problem> {
    let cache = home.directory(CACHE)?;
    let no_blobs = |error: io::Error| house::unusable(home, BLOBS, &error);
    let no_cache = |error: io::Error| house::unusable(home, CACHE, &error);
    let mut unneeded = blobs.list().map_err(no_blobs)?;
    unneeded.retain(|(digest, _)| !components.contains(digest));
    let old = old_code(&cache, compiled).map_err(no_cache)?;
    if how == Prune::Now {
        unneeded.iter().try_for_each(|(digest, _)| blobs.remove(digest)).map_err(no_blobs)?;
        blobs.sync().map_err(no_blobs)?;
        old.iter().try_for_each(|old| cache.remove_file(&old.name)).map_err(no_cache)?;
    }
    let components = unneeded.into_iter().map(|(digest, bytes)| Unneeded { name: digest.to_string(), bytes });
    let components: Vec<Unneeded> = components.collect();
    Ok(Pruned {
        outcome: match how {
            Prune::Plan => PruneOutcome::Planned,
            Prune::Now => PruneOutcome::Pruned,
        },
        bytes: components.iter().chain(&old).map(|one| one.bytes).sum(),
        components,
        compiled: old,
    })
}

/// Files of compiled code that are not among these.
fn old_code(cache: &Dir, needed: &BTreeSet<String>) -> io::Result<Vec<Unneeded>> {
    let mut old = Vec::new();
    for entry in cache.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let metadata = entry.metadata()?;
        if metadata.is_file() && Engine::is_cached_code(&name) && !needed.contains(&name) {
            old.push(Unneeded { name, bytes: metadata.len() });
        }
    }
    old.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(old)
}
