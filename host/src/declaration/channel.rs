//! Where a channel lies: beneath `channels/` in the home, or beneath a directory that the operator allowed.
//!
//! Decided by the path's text, part by part; the io room then opens the root and never leaves it, whatever symbolic links say.

use std::path::{Component, Path, PathBuf};

use super::{Declaration, HostConfig};
use crate::problem::Problem;

/// Where a channel lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPlace {
    /// The directory that it does not leave.
    pub root: ChannelRoot,
    /// From there; relative, not empty, without `.` or `..`.
    pub path: PathBuf,
}

/// A directory that a channel does not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelRoot {
    /// `channels/` in the home.
    Home,
    /// An absolute directory from `host.toml`.
    Allowed(PathBuf),
}

impl HostConfig {
    /// Where a channel of a declaration lies; `None` if the declaration has no such channel.
    ///
    /// # Errors
    /// If its path leaves `channels/`, or is absolute and under no allowed root.
    pub fn place(&self, declaration: &Declaration, channel: &str) -> Option<Result<ChannelPlace, Problem>> {
        let written = &declaration.channels.get(channel)?.path;
        let place = self.place_of(Path::new(written)).map_err(|problem| {
            let problem = Problem { subcluster: Some(declaration.name.clone()), ..problem };
            match declaration.channel_span(channel) {
                Some(span) => problem.in_text(span),
                None => problem,
            }
        });
        Some(place)
    }

    fn place_of(&self, written: &Path) -> Result<ChannelPlace, Problem> {
        let Some(path) = normalised(written).filter(|path| path.file_name().is_some()) else {
            let message = format!("the channel's path {} leads out of its directory", written.display());
            let help = "name a file below `channels/` in the home, without `..`";
            return Err(Problem::new("ocap::channel::path_escapes", message).with_help(help));
        };
        if path.is_relative() {
            return Ok(ChannelPlace { root: ChannelRoot::Home, path });
        }
        // The deepest root: what the operator said most exactly.
        let roots = self.roots.iter().filter(|root| path.starts_with(root) && path != **root);
        let Some(root) = roots.max_by_key(|root| root.components().count()) else {
            return Err(self.not_allowed(written, &path));
        };
        let below = path.strip_prefix(root).map(Path::to_owned).unwrap_or_default();
        Ok(ChannelPlace { root: ChannelRoot::Allowed(root.clone()), path: below })
    }

    fn not_allowed(&self, written: &Path, path: &Path) -> Problem {
        let mut roots = self.roots.clone();
        roots.extend(path.parent().map(Path::to_owned));
        let quoted: Vec<_> = roots.iter().map(|root| toml::Value::from(&*root.to_string_lossy()).to_string()).collect();
        let message = format!("the channel's path {} is under no directory that the host allows", path.display());
        Problem::new("ocap::channel::path_not_allowed", message)
            .at_path(written.display(), path.display())
            .with_help(format!("allow it in host.toml:\n[channels]\nroots = [{}]", quoted.join(", ")))
    }
}

/// The path without `.`; an absolute one also without `..`. `None` for a relative path with `..`.
fn normalised(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if path.is_relative() => return None,
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::Normal(_) | Component::Prefix(_) => normal.push(part),
        }
    }
    Some(normal)
}
