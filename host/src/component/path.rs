//! From the path that a person wrote to the path that is tried.

use std::fmt;
use std::path::{Component, Path, PathBuf};

/// A path as written, and the absolute path that it stands for. Both are shown whenever it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedPath {
    written: String,
    resolved: PathBuf,
}

/// What `written` stands for in a declaration that lies in `directory`.
///
/// Joined by text alone: no file is looked at. `.` goes, but `..` stays, because behind a symbolic link `a/../b` is not `b`, and a
/// diagnostic must show the path that was really tried.
pub fn resolve(directory: &Path, written: &str) -> ResolvedPath {
    let joined = directory.join(written);
    let resolved = joined.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    ResolvedPath { written: written.to_owned(), resolved }
}

impl ResolvedPath {
    /// A path that was resolved before: one that a record keeps, or a member of a bundle, which lies where the bundle lies.
    pub fn known(written: &str, resolved: &Path) -> ResolvedPath {
        ResolvedPath { written: written.to_owned(), resolved: resolved.to_owned() }
    }

    /// The path as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The absolute path.
    pub fn resolved(&self) -> &Path {
        &self.resolved
    }
}

impl fmt::Display for ResolvedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resolved.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_lies_beside_its_declaration_and_an_absolute_one_where_it_says() {
        let at = |written| resolve(Path::new("/home/eve/matcher"), written).to_string();
        assert_eq!(at("matcher.wasm"), "/home/eve/matcher/matcher.wasm");
        assert_eq!(at("./out/./matcher.wasm"), "/home/eve/matcher/out/matcher.wasm");
        assert_eq!(at("/opt/matcher.wasm"), "/opt/matcher.wasm");
    }

    #[test]
    fn a_step_upwards_is_left_for_the_system_to_take() {
        let path = resolve(Path::new("/home/eve/link"), "../index.wasm");
        assert_eq!(path.to_string(), "/home/eve/link/../index.wasm");
        assert_eq!(path.written(), "../index.wasm");
    }
}
