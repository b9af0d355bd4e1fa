//! What `doctor` finds in the files of a home, and what it does about it when it is told to.
//!
//! A remedy is done without asking only if nothing can be lost by it: what is removed is unfinished, or made again by itself; what is put
//! back is right to the last bit.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, FileTypeExt, MetadataExt, Permissions, PermissionsExt};
use ocap_kernel::Body;

use crate::component::{BlobFault, Blobs, COMPONENT_BYTES_MAX, CodeRecord, CodeSource, Digest, UserFiles};
use crate::daemon::Home;
use crate::daemon::home::{APPS, BLOBS, CACHE, CHANNELS, SOCKET};
use crate::daemon::requests::{Subject, Treatment};
use crate::engine::CodeCache;
use crate::problem::Problem;

/// Something that is wrong, and what can be done about it.
pub(super) struct Ailment {
    /// What is wrong.
    pub(super) finding: Problem,
    /// What can be done about it without a loss, if anything.
    remedy: Option<Remedy>,
}

/// What can be done about something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    /// Remove it, by its path in the home.
    Remove(PathBuf),
    /// Let nobody else in.
    Restrict(PathBuf, u32),
    /// Put a component back into the content store from where it came.
    Refill(Digest, PathBuf),
    /// Finish a restore that was decided.
    GoOnWithRestore,
}

/// Where what is looked at lies.
pub(super) struct Ward<'w> {
    pub(super) home: &'w Home,
    pub(super) blobs: &'w Blobs,
    pub(super) files: &'w UserFiles,
    /// Compiled code, if there is any.
    pub(super) cache: Option<&'w CodeCache>,
    pub(super) subject: Subject,
}

impl Ailment {
    fn new(finding: Problem, remedy: Remedy) -> Ailment {
        Ailment { finding, remedy: Some(remedy) }
    }

    /// As it is told to operators.
    pub(super) fn treatment(&self) -> Option<Treatment> {
        let what = match self.remedy.as_ref()? {
            Remedy::Remove(path) => format!("remove {}", path.display()),
            Remedy::Restrict(path, mode) => format!("chmod {mode:o} {}", path.display()),
            Remedy::Refill(digest, from) => format!("put {digest} back into the content store from {}", from.display()),
            Remedy::GoOnWithRestore => "finish the restore".to_owned(),
        };
        Some(Treatment { of: self.finding.code.clone(), why: self.finding.message.clone(), what })
    }
}

impl Ward<'_> {
    /// Everything that is wrong with the files of the home; `codes` is what the kernel remembers of its vats' code.
    ///
    /// # Errors
    /// If the home can't be read.
    pub(super) fn look(&self, codes: &[Body]) -> io::Result<Vec<Ailment>> {
        let mut found = self.open_to_others()?;
        found.extend(self.damaged_blobs(codes)?);
        found.extend(self.damaged_code()?);
        // Beside a host that runs, what looks left over may be in use.
        if self.subject == Subject::Stopped {
            found.extend(self.left_over()?);
            found.extend(self.stale_sockets()?);
        }
        Ok(found)
    }

    /// Does what can be done about it, if anything.
    ///
    /// # Errors
    /// If it can't.
    pub(super) fn treat(&self, ailment: &Ailment) -> Result<(), Problem> {
        let dir = self.home.dir();
        let Some(remedy) = &ailment.remedy else { return Ok(()) };
        let done = match remedy {
            Remedy::Remove(path) if dir.symlink_metadata(path).is_ok_and(|found| found.is_dir()) => {
                dir.remove_dir_all(path)
            }
            Remedy::Remove(path) => dir.remove_file(path),
            Remedy::Restrict(path, mode) => dir.set_permissions(path, Permissions::from_mode(*mode)),
            Remedy::Refill(_, from) => match self.files.read(from, COMPONENT_BYTES_MAX) {
                Ok((bytes, _)) => return self.blobs.put(&bytes).map(drop).map_err(Problem::from),
                Err(fault) => Err(io::Error::other(fault)),
            },
            Remedy::GoOnWithRestore => return super::backup::go_on_with_restore(self.home),
        };
        done.map_err(|error| {
            let what = ailment.treatment().map_or_else(String::new, |treatment| treatment.what);
            Problem::new("ocap::home::not_mended", format!("it was not possible to {what}")).because(&error)
        })
    }

    /// What an earlier process began and never finished.
    fn left_over(&self) -> io::Result<Vec<Ailment>> {
        let mut found = Vec::new();
        let of = |path: PathBuf| {
            let message = format!("{} was left over by a process that died", self.home.path().join(&path).display());
            Ailment::new(Problem::new("ocap::home::left_over", message).as_advice(), Remedy::Remove(path))
        };
        for (path, _) in self.below(Path::new(""), &|name| name.ends_with(".next") || name == "checking")? {
            found.push(of(path));
        }
        found.extend(
            self.below(Path::new(BLOBS), &|name| name.starts_with("unfinished-"))?.into_iter().map(|one| of(one.0)),
        );
        found.extend(self.below(Path::new(CACHE), &|name| name.ends_with(".tmp"))?.into_iter().map(|one| of(one.0)));
        for path in super::backup::half_made(self.home) {
            found.push(of(path));
        }
        match super::backup::interrupted_restore(self.home) {
            Some(true) => {
                let problem = Problem::new("ocap::backup::interrupted", "a restore was cut off after it was decided")
                    .with_help("the next `ocap-host run` finishes it too");
                found.push(Ailment::new(problem, Remedy::GoOnWithRestore));
            }
            Some(false) => found.push(of(PathBuf::from("restoring"))),
            None => {}
        }
        Ok(found)
    }

    /// Files and directories that others may read or write. What is an operator's own is not looked at.
    fn open_to_others(&self) -> io::Result<Vec<Ailment>> {
        let mut found = Vec::new();
        let mut left = vec![PathBuf::new()];
        while let Some(directory) = left.pop() {
            for (path, metadata) in self.below(&directory, &|_| true)? {
                let is_operators =
                    directory.as_os_str().is_empty() && [APPS, CHANNELS].iter().any(|own| path == Path::new(own));
                if is_operators || metadata.is_symlink() {
                    continue;
                }
                let mode = metadata.mode() & 0o7777;
                if mode & 0o077 != 0 && (metadata.is_file() || metadata.is_dir()) {
                    let whole = self.home.path().join(&path);
                    let message = format!("{} is open to other users: its mode is {mode:04o}", whole.display());
                    // Nobody else comes as far as to it.
                    let problem = Problem::new("ocap::home::file_open_to_others", message).as_advice();
                    found.push(Ailment::new(problem, Remedy::Restrict(path.clone(), mode & 0o700)));
                }
                if metadata.is_dir() {
                    left.push(path);
                }
            }
        }
        Ok(found)
    }

    fn damaged_blobs(&self, codes: &[Body]) -> io::Result<Vec<Ailment>> {
        let mut sources: BTreeMap<Digest, Vec<PathBuf>> = BTreeMap::new();
        for record in codes.iter().filter_map(|code| CodeRecord::from_record(code).ok()) {
            if let CodeSource::Stored { sha256, .. } = record.source {
                sources.entry(sha256).or_default().push(PathBuf::from(record.resolved));
            }
        }
        let mut found = Vec::new();
        let stored = self.blobs.list()?.into_iter().map(|(digest, _)| digest);
        let lost = sources.keys().copied().filter(|digest| self.blobs.has(digest).is_ok_and(|there| !there));
        for digest in stored.chain(lost) {
            let Err(fault @ (BlobFault::Altered { .. } | BlobFault::TooLarge { .. } | BlobFault::Missing { .. })) =
                self.blobs.get(&digest)
            else {
                continue;
            };
            let problem = Problem::new("ocap::component::blob_damaged", fault.to_string());
            let is_right = |path: &&PathBuf| {
                self.files.read(path, COMPONENT_BYTES_MAX).is_ok_and(|(bytes, _)| Digest::of(&bytes) == digest)
            };
            match sources.get(&digest) {
                None => {
                    found.push(Ailment::new(problem.as_advice(), Remedy::Remove(Path::new(BLOBS).join(digest.hex()))))
                }
                Some(paths) => {
                    let source = paths.iter().find(is_right);
                    let remedy = source.map(|path| Remedy::Refill(digest, path.clone()));
                    let help =
                        "find the very component, and put it back: `ocap-host quarantine repair VAT --from PATH`";
                    found.push(Ailment { finding: problem.with_help(help), remedy });
                }
            }
        }
        Ok(found)
    }

    /// Compiled code that is not what was written: it is never run, and made again.
    fn damaged_code(&self) -> io::Result<Vec<Ailment>> {
        let Some(cache) = self.cache else { return Ok(Vec::new()) };
        let is_damaged = |name: &str| crate::engine::Engine::is_cached_code(name) && !cache.is_whole(name);
        let of = |(path, _): (PathBuf, cap_std::fs::Metadata)| {
            let message =
                format!("the compiled code {} is damaged; it is never run", self.home.path().join(&path).display());
            Ailment::new(Problem::new("ocap::home::cache_damaged", message).as_advice(), Remedy::Remove(path))
        };
        Ok(self.below(Path::new(CACHE), &is_damaged)?.into_iter().map(of).collect())
    }

    fn stale_sockets(&self) -> io::Result<Vec<Ailment>> {
        let of = |(path, _): (PathBuf, cap_std::fs::Metadata)| {
            let message = format!("nobody listens on {}: its host died", self.home.path().join(&path).display());
            Ailment::new(Problem::new("ocap::home::stale_socket", message).as_advice(), Remedy::Remove(path))
        };
        let sockets = self.below(Path::new(""), &|name| name == SOCKET)?.into_iter();
        Ok(sockets.filter(|(_, metadata)| metadata.file_type().is_socket()).map(of).collect())
    }

    /// What lies directly in a directory of the home and has such a name.
    fn below(
        &self,
        directory: &Path,
        wanted: &dyn Fn(&str) -> bool,
    ) -> io::Result<Vec<(PathBuf, cap_std::fs::Metadata)>> {
        let dir: Dir = match directory.as_os_str().is_empty() {
            true => self.home.dir().try_clone()?,
            false => match self.home.dir().open_dir(directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                dir => dir?,
            },
        };
        let mut found = Vec::new();
        for entry in dir.entries()? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(wanted) {
                // What was there a moment ago may be gone beside a host that runs.
                let Ok(metadata) = dir.symlink_metadata(entry.file_name()) else { continue };
                found.push((directory.join(entry.file_name()), metadata));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }
}
