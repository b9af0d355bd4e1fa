//! A listening socket at a path, reached only through a directory that was handed in.
//!
//! Nothing is removed but a dead socket of our own user. The socket appears at its path with its mode and its backlog already right,
//! and is unlinked only while it is still the one that was put there (`reliability.md` 2.7).

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Component, Path};

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt};
use rustix::fs::{AtFlags, FileType, Mode, RenameFlags, Stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::fault::Obstacle;
use super::limits::{BACKLOG, SOCKET_NAME_BYTES_MAX};

/// A socket file that is ours.
#[derive(Debug)]
pub(super) struct Place {
    parent: Dir,
    name: String,
    identity: Identity,
}

/// What tells a file from another one at the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// Listens at `path` under `root`, with mode 0600. Missing parents are made, with mode 0700. `unique` tells channels of this process
/// apart.
///
/// # Errors
/// What is in the way. Parents that were made stay.
pub(super) fn listen_at(root: &Dir, path: &str, unique: u64) -> Result<(UnixListener, Place), Obstacle> {
    let (parents, name) = parts(path)?;
    let parent = open_parents(root, &parents)?;
    clear(&parent, name)?;
    let draft = format!(".ocap-{}-{unique}", std::process::id());
    remove_if_ours(&parent, &draft)?;
    let socket = stream_socket()?;
    rustix::net::bind(&socket, &address(&parent, &draft)?)?;
    let settled = settle(&parent, &draft, name, &socket);
    if settled.is_err() {
        // The first error is the one to tell; a draft that stays is harmless.
        let _ = rustix::fs::unlinkat(&parent, draft.as_str(), AtFlags::empty());
    }
    let identity = settled?;
    Ok((UnixListener::from(socket), Place { parent, name: name.to_owned(), identity }))
}

impl Place {
    /// Unlinks the socket, if it is still ours.
    pub(super) fn clear(self) {
        let ours =
            stat(&self.parent, &self.name).is_ok_and(|found| found.is_some_and(|s| Identity::of(&s) == self.identity));
        if ours {
            // A socket that can't be unlinked is stale from now on, and replaced at the next boot.
            let _ = rustix::fs::unlinkat(&self.parent, self.name.as_str(), AtFlags::empty());
        }
    }
}

impl Identity {
    fn of(stat: &Stat) -> Identity {
        Identity { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// The directories on the way, and the file's name.
fn parts(path: &str) -> Result<(Vec<&str>, &str), Obstacle> {
    let mut names = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().ok_or(Obstacle::Outside)?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Obstacle::Outside),
        }
    }
    let name = names.pop().ok_or(Obstacle::Outside)?;
    if name.len() > SOCKET_NAME_BYTES_MAX {
        return Err(Obstacle::PathTooLong);
    }
    Ok((names, name))
}

fn open_parents(root: &Dir, names: &[&str]) -> Result<Dir, Obstacle> {
    let mut private = DirBuilder::new();
    private.mode(0o700);
    let mut dir = root.try_clone()?;
    for name in names {
        match dir.create_dir_with(name, &private) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        dir = dir.open_dir(name)?;
    }
    Ok(dir)
}

/// What [`listen_at`] would find in the way. Makes and removes nothing.
///
/// # Errors
/// What is in the way.
pub(super) fn look_at(root: &Dir, path: &str) -> Result<(), Obstacle> {
    let (parents, name) = parts(path)?;
    let mut dir = root.try_clone()?;
    for parent in parents {
        match dir.open_dir(parent) {
            Ok(next) => dir = next,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    look(&dir, name).map(drop)
}

/// What is at a name where a socket may be put.
enum Ground {
    Free,
    /// A socket of our own user on which nobody listens.
    DeadSocket,
}

fn look(parent: &Dir, name: &str) -> Result<Ground, Obstacle> {
    let Some(found) = stat(parent, name)? else { return Ok(Ground::Free) };
    if let Some(what) = not_a_socket(&found) {
        return Err(Obstacle::Foreign(what));
    }
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(Obstacle::Foreign("a socket of another user"));
    }
    match rustix::net::connect(stream_socket()?, &address(parent, name)?) {
        Err(Errno::CONNREFUSED) => Ok(Ground::DeadSocket),
        Err(Errno::NOENT) => Ok(Ground::Free),
        // Somebody's backlog is full (again), or somebody's socket is of another type (prototype): somebody is there.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(Obstacle::InUse),
        Err(error) => Err(error.into()),
    }
}

/// Makes sure that nothing is at `name`; removes a dead socket, and nothing else.
fn clear(parent: &Dir, name: &str) -> Result<(), Obstacle> {
    match look(parent, name)? {
        Ground::Free => Ok(()),
        Ground::DeadSocket => Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?),
    }
}

/// Before `listen` nobody can connect, so the mode is right for everyone who can.
fn settle(parent: &Dir, draft: &str, name: &str, socket: &OwnedFd) -> Result<Identity, Obstacle> {
    rustix::fs::chmodat(parent, draft, Mode::RUSR | Mode::WUSR, AtFlags::empty())?;
    rustix::net::listen(socket, BACKLOG)?;
    let made = stat(parent, draft)?.ok_or(Errno::NOENT)?;
    match rustix::fs::renameat_with(parent, draft, parent, name, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Err(Obstacle::InUse),
        // Some file systems can't promise to replace nothing; `clear` has just looked.
        Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(parent, draft, parent, name)?,
        Err(error) => return Err(error.into()),
    }
    Ok(Identity::of(&made))
}

/// A draft with our process number was left by a dead process that had the same one.
fn remove_if_ours(parent: &Dir, draft: &str) -> Result<(), Obstacle> {
    match stat(parent, draft)? {
        Some(found) if not_a_socket(&found).is_none() => Ok(rustix::fs::unlinkat(parent, draft, AtFlags::empty())?),
        Some(_) | None => Ok(()),
    }
}

fn stat(parent: &Dir, name: &str) -> Result<Option<Stat>, Obstacle> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn not_a_socket(found: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Socket => None,
        FileType::RegularFile => Some("a file"),
        FileType::Directory => Some("a directory"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::Fifo => Some("a named pipe"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Unknown => Some("something unknown"),
    }
}

/// Neither `bind` nor `connect` takes a directory, but both take the path of one that is open already.
fn address(parent: &Dir, name: &str) -> Result<SocketAddrUnix, Obstacle> {
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", parent.as_raw_fd()))?)
}

fn stream_socket() -> Result<OwnedFd, Obstacle> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}
