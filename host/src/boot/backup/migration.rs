//! Before a store is taken to a later version, a backup of it is made in the home.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use crate::component::Digest;
use crate::daemon::Home;
use crate::daemon::home::STORE;
use crate::daemon::requests::Backup;
use crate::powers::Powers;
use crate::problem::Problem;
use crate::store;

use super::make;

/// Where such backups lie in the home.
const BACKUPS: &str = "backups";
/// What their names begin with; a number follows, which rises.
const BEFORE: &str = "before-migration-";
/// How many are kept.
const KEPT: usize = 3;

/// Makes a backup if opening the store would take it to a later version, and lets the oldest go. The components stay in the content store,
/// from which nothing that such a backup lists is pruned. The caller has the lock.
///
/// # Errors
/// If it can't be made: then the store stays as it is.
pub(in super::super) fn before(home: &Home, powers: Powers) -> Result<(), Problem> {
    let Some(version) = store::older_version(&home.path_of(STORE)).map_err(|fault| Problem::from(&fault))? else {
        return Ok(());
    };
    let unusable = |error: io::Error| super::super::house::unusable(home, BACKUPS, &error);
    drop(home.directory(BACKUPS)?);
    let numbers = numbers(home).map_err(unusable)?;
    let name = format!("{BACKUPS}/{BEFORE}{}", numbers.last().map_or(1, |last| last + 1));
    let made = make::of_locked(home, powers, &make::body_in(home, &name))?;
    tracing::info!(path = %made.path.display(), "the store of version {version} is backed up before it is migrated");
    let too_many = numbers.len().saturating_sub(KEPT - 1);
    for number in &numbers[..too_many] {
        home.dir().remove_dir_all(format!("{BACKUPS}/{BEFORE}{number}")).map_err(unusable)?;
    }
    Ok(())
}

/// The numbers of the backups that are there, half-made ones included, in their order.
fn numbers(home: &Home) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match home.dir().read_dir(BACKUPS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_prefix(BEFORE)?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Backups that the host began to make by itself and never finished, by their paths in the home.
pub(in super::super) fn half_made(home: &Home) -> Vec<PathBuf> {
    let numbers = numbers(home).unwrap_or_default().into_iter();
    let paths = numbers.map(|number| PathBuf::from(format!("{BACKUPS}/{BEFORE}{number}")));
    paths.filter(|path| home.dir().symlink_metadata(path.join(super::MANIFEST)).is_err()).collect()
}

/// Components that backups in the home list and do not have: they are needed as long as those are kept.
pub(in super::super) fn kept_components(home: &Home) -> BTreeSet<Digest> {
    let Ok(entries) = home.dir().read_dir(BACKUPS) else { return BTreeSet::new() };
    let backups = entries.flatten().filter_map(|entry| super::manifest(&entry.open_dir().ok()?).ok().flatten());
    let listed = |backup: Backup| backup.components.into_iter().filter(|component| !component.included);
    backups.flat_map(listed).filter_map(|component| component.sha256.parse().ok()).collect()
}
