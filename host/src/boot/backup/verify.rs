//! Whether a backup is whole: every byte of it, every page and row of its store, every count of its kernel.

use std::io;
use std::path::Path;

use cap_std::fs::Dir;
use ocap_kernel::Kernel;

use crate::daemon::home::{BLOBS, CONFIG, KEY, STORE};
use crate::daemon::requests::Backup;
use crate::powers::Powers;
use crate::problem::{Problem, printable};
use crate::store;

use super::FORM;

/// What a look at a backup has shown.
#[derive(Debug)]
pub struct Verified {
    /// What it holds.
    pub backup: Backup,
    /// What is wrong with it.
    pub findings: Vec<Problem>,
}

/// Looks at all of a backup.
///
/// # Errors
/// If it is none, or was never finished, or a later host made it.
pub fn verify(path: &Path, powers: Powers) -> Result<Verified, Problem> {
    let (dir, backup) = open(path, powers)?;
    let mut findings = damaged_files(path, &dir, &backup);
    if findings.is_empty() {
        findings = unsound_store(&path.join(STORE));
    }
    Ok(Verified { backup, findings })
}

/// A backup that was finished, of a form that this host knows.
pub(super) fn open(path: &Path, powers: Powers) -> Result<(Dir, Backup), Problem> {
    let dir = powers.directory(path).map_err(|error| super::unusable(path, &error))?;
    let unfinished = || {
        let message = format!("{} is no backup, or one that was never finished", path.display());
        Problem::new("ocap::backup::unfinished", message)
            .at_path(path.display(), path.display())
            .with_help("a backup is a directory with a `backup.json`, which is written last: make another one")
    };
    let backup = match super::manifest(&dir) {
        Ok(Some(backup)) => backup,
        Ok(None) => return Err(unfinished()),
        Err(error) => return Err(damage(path, super::MANIFEST, &error.to_string())),
    };
    if backup.form != FORM {
        let message = format!("the backup {} has form {}, this host knows form {FORM}", path.display(), backup.form);
        return Err(Problem::new("ocap::backup::too_new", message)
            .with_help(format!("use ocap-host {} or a later one", printable(&backup.by))));
    }
    Ok((dir, backup))
}

fn damaged_files(path: &Path, dir: &Dir, backup: &Backup) -> Vec<Problem> {
    let components = backup.components.iter().filter(|component| component.included);
    let components = components.map(|component| {
        let hex = component.sha256.trim_start_matches("sha256:");
        (format!("{BLOBS}/{hex}"), &component.sha256, component.bytes)
    });
    let files = backup.files.iter().map(|file| (file.name.clone(), &file.sha256, file.bytes));
    let mut findings = Vec::new();
    for (name, sha256, bytes) in files.chain(components) {
        if !is_known(&name) {
            findings.push(damage(path, &name, "a backup has no such file"));
            continue;
        }
        match super::digest_of(dir, &name) {
            Ok((digest, size)) if digest.to_string() == *sha256 && size == bytes => {}
            Ok(_) => findings.push(damage(path, &name, "it has other bytes than when it was made")),
            Err(error) => findings.push(damage(path, &name, &error.to_string())),
        }
    }
    if !backup.files.iter().any(|file| file.name == STORE) {
        findings.push(damage(path, STORE, "it is not listed"));
    }
    findings
}

/// Names are the host's own: one that leads elsewhere is never opened. Early backups have a key, which no restore takes over.
fn is_known(name: &str) -> bool {
    let of_blob = |hex: &str| crate::component::Digest::from_hex(hex).is_ok();
    [STORE, KEY, CONFIG].contains(&name) || name.strip_prefix("blobs/").is_some_and(of_blob)
}

fn damage(path: &Path, name: &str, why: &str) -> Problem {
    let file = path.join(name);
    let message = format!("the backup {} is damaged: {}", path.display(), printable(name));
    let mut problem = Problem::new("ocap::backup::damaged", message).at_path(printable(name), file.display());
    problem.causes.push(why.to_owned());
    problem.with_help("use another backup; nothing was changed")
}

fn unsound_store(store: &Path) -> Vec<Problem> {
    match store::inspect(store) {
        Ok(Some(inspected)) => {
            let mut findings: Vec<Problem> = inspected.damage.iter().map(Problem::from).collect();
            let audited = Kernel::load(inspected.state).err();
            findings.extend(audited.map(|corrupt| super::super::contradiction(store, &corrupt)));
            findings
        }
        Ok(None) => vec![super::unusable(store, &io::ErrorKind::NotFound.into())],
        Err(fault) => vec![Problem::from(&fault)],
    }
}
