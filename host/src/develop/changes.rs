//! When something of a package changes that its build depends on.

use std::path::{Path, PathBuf};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::problem::Problem;

/// Directories of a package that its build, its host and its tools write to.
const NOT_SOURCES: [&str; 3] = ["target", ".ocap", ".git"];

/// The changes of a package's sources, for as long as this lives.
#[derive(Debug)]
pub struct Changes {
    _watcher: RecommendedWatcher,
    changed: mpsc::Receiver<()>,
}

impl Changes {
    /// Watches a directory and everything in it but what is not written by people.
    ///
    /// # Errors
    /// If the system does not tell of changes there.
    pub fn of(directory: &Path) -> Result<Changes, Problem> {
        // One word says it all: while it has not been heard, more of them mean nothing.
        let (tell, changed) = mpsc::channel(1);
        let root = directory.to_owned();
        let heard = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_of_sources(&root, &event)) {
                let _ = tell.try_send(());
            }
        };
        let unwatched = |error: notify::Error| {
            Problem::new(
                "ocap::dev::unwatched",
                format!("the system does not tell when {} changes", directory.display()),
            )
            .because(&error)
            .with_help("see that the directory is there, and raise `fs.inotify.max_user_watches` if it is large")
        };
        let mut watcher = notify::recommended_watcher(heard).map_err(unwatched)?;
        watcher.watch(directory, RecursiveMode::Recursive).map_err(unwatched)?;
        Ok(Changes { _watcher: watcher, changed })
    }

    /// Waits for the next change. Whatever changed before it is asked for counts as one.
    pub async fn next(&mut self) {
        // The sender lives as long as the watcher.
        let _ = self.changed.recv().await;
    }

    /// Forgets what changed up to now.
    pub fn forget(&mut self) {
        while self.changed.try_recv().is_ok() {}
    }
}

fn is_of_sources(root: &Path, event: &Event) -> bool {
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| is_source(root, path))
}

fn is_source(root: &Path, path: &Path) -> bool {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    let first = below.components().next().and_then(|part| part.as_os_str().to_str().map(str::to_owned));
    // A lock file is cargo's, and it writes it when it builds.
    below != Path::new("Cargo.lock") && !first.is_some_and(|first| NOT_SOURCES.contains(&first.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_and_the_host_write_is_no_source() {
        let root = Path::new("/vat");
        for source in ["/vat/src/lib.rs", "/vat/subcluster.toml", "/vat/Cargo.toml", "/vat/src/target/x.rs"] {
            assert!(is_source(root, Path::new(source)), "{source}");
        }
        for other in ["/vat/target/debug/x", "/vat/.ocap/store", "/vat/.git/index", "/vat/Cargo.lock"] {
            assert!(!is_source(root, Path::new(other)), "{other}");
        }
    }
}
