//! Why a channel can't be opened, in words for the person who can mend it.

use std::io;

use rustix::io::Errno;

use super::ChannelSpec;
use super::limits::SOCKET_NAME_BYTES_MAX;
use crate::problem::{Problem, Span};

/// A channel that can't be opened. It is down alone; its siblings are untouched (design section 7).
#[derive(Debug, thiserror::Error)]
#[error("channel `{}` can't be opened: {obstacle}", escaped(.channel))]
pub struct ChannelFault {
    /// The subcluster that declared it.
    pub subcluster: String,
    /// Its name there.
    pub channel: String,
    /// The path as the declaration has it.
    pub written: String,
    /// The path that was tried.
    pub resolved: String,
    /// Where the declaration has it.
    pub declared: Option<Span>,
    /// What is in the way.
    pub obstacle: Obstacle,
}

/// What keeps a socket from its place.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The name does not fit.
    #[error("the path is too long: a socket's name may have {SOCKET_NAME_BYTES_MAX} bytes")]
    PathTooLong,
    /// No file name, or a way out of the directory that it was allowed.
    #[error("the path leads out of the directory that channels may use, or names no file in it")]
    Outside,
    /// A live socket.
    #[error("another program listens there")]
    InUse,
    /// Something that this host did not make. It is never removed.
    #[error("{0} is there already")]
    Foreign(&'static str),
    /// A parent that is a file.
    #[error("a part of the path before the last is not a directory")]
    NotADirectory,
    /// The system's refusal.
    #[error("no permission")]
    Permission(#[source] io::Error),
    /// Anything else that the system said.
    #[error("the system refused")]
    System(#[source] io::Error),
}

impl ChannelFault {
    pub(super) fn new(spec: &ChannelSpec, obstacle: Obstacle) -> ChannelFault {
        ChannelFault {
            subcluster: spec.subcluster.clone(),
            channel: spec.name.clone(),
            written: spec.written.clone(),
            resolved: spec.root.join(&spec.path).to_string_lossy().into_owned(),
            declared: spec.declared.clone(),
            obstacle,
        }
    }
}

impl Obstacle {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Obstacle::PathTooLong => "ocap::channel::path_too_long",
            Obstacle::Outside => "ocap::channel::outside",
            Obstacle::InUse => "ocap::channel::in_use",
            Obstacle::Foreign(_) => "ocap::channel::foreign",
            Obstacle::NotADirectory => "ocap::channel::not_a_directory",
            Obstacle::Permission(_) => "ocap::channel::permission",
            Obstacle::System(_) => "ocap::channel::system",
        }
    }

    const fn help(&self) -> &'static str {
        match self {
            Obstacle::PathTooLong => "give the channel a shorter file name in its `path`",
            Obstacle::Outside => "use a relative `path` without `..`, or allow the directory in host.toml",
            Obstacle::InUse => {
                "stop the program that listens there, or give the channel another `path`; it is tried again by itself"
            }
            Obstacle::Foreign(_) => {
                "move it away (`mv`), or give the channel another `path`; it is tried again by itself"
            }
            Obstacle::NotADirectory => {
                "move the file away (`mv`), or give the channel another `path`; it is tried again by itself"
            }
            Obstacle::Permission(_) => {
                "give the user of this host write access (`chmod u+wx`, `chown`); it is tried again by itself"
            }
            Obstacle::System(_) => "see the cause; it is tried again by itself",
        }
    }
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Obstacle {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NAMETOOLONG) => Obstacle::PathTooLong,
            Some(Errno::NOTDIR) => Obstacle::NotADirectory,
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Obstacle::Permission(error),
            // cap-std says so itself, without asking the system, when a path leads out of its directory.
            None if error.kind() == io::ErrorKind::PermissionDenied => Obstacle::Outside,
            _ => Obstacle::System(error),
        }
    }
}

impl From<Errno> for Obstacle {
    fn from(error: Errno) -> Obstacle {
        io::Error::from(error).into()
    }
}

impl From<&ChannelFault> for Problem {
    fn from(fault: &ChannelFault) -> Problem {
        let mut problem = Problem::new(fault.obstacle.code(), fault.to_string()).with_help(fault.obstacle.help());
        if let Some(cause) = std::error::Error::source(&fault.obstacle) {
            problem = problem.because(cause);
        }
        problem.subcluster = Some(fault.subcluster.clone());
        problem.span = fault.declared.clone().map(Box::new);
        problem.at_path(escaped(&fault.written), escaped(&fault.resolved))
    }
}

/// A declaration may come from anybody: what a terminal would obey is shown, not sent.
pub(super) fn escaped(text: &str) -> impl std::fmt::Display + '_ {
    text.escape_debug()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_sorted_by_what_mends_it() {
        for (said, code) in [
            (Errno::ACCESS, "ocap::channel::permission"),
            (Errno::ROFS, "ocap::channel::permission"),
            (Errno::NOTDIR, "ocap::channel::not_a_directory"),
            (Errno::NAMETOOLONG, "ocap::channel::path_too_long"),
            (Errno::NOSPC, "ocap::channel::system"),
        ] {
            assert_eq!(Obstacle::from(said).code(), code);
        }
    }

    #[test]
    fn a_cause_is_told_and_control_characters_are_not_obeyed() {
        let fault = ChannelFault {
            subcluster: "matcher".to_owned(),
            channel: "l\x1b[2Jlm".to_owned(),
            written: "a\nb".to_owned(),
            resolved: "/home/a\nb".to_owned(),
            declared: None,
            obstacle: Obstacle::from(Errno::NOSPC),
        };
        let problem = Problem::from(&fault);
        assert_eq!(problem.message, r"channel `l\u{1b}[2Jlm` can't be opened: the system refused");
        assert_eq!(problem.path_written.as_deref(), Some(r"a\nb"));
        assert_eq!(problem.causes, [io::Error::from(Errno::NOSPC).to_string()]);
    }
}
