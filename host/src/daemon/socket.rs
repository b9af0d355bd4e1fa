//! The control socket as a file: bound under another name and renamed, so that nobody ever sees it half made.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use cap_std::fs::{Metadata, MetadataExt, Permissions, PermissionsExt};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::activation;
use super::home::{Home, SOCKET};
use crate::powers::Powers;
use crate::problem::Problem;

/// What it is called until it is ready.
const NEXT: &str = "control.sock.next";

/// The socket's place in the home; emptied at the end if it is still ours.
#[derive(Debug)]
pub(super) enum SocketFile {
    /// Made by this host.
    Ours {
        /// Where.
        home: Arc<Home>,
        /// What tells it from another at its place.
        device: u64,
        /// The same.
        inode: u64,
    },
    /// Made by a service manager, who keeps it for the next host.
    Lent,
}

/// The control socket: the one that a service manager passed to this process, else one of our own.
///
/// # Errors
/// If that is not what it should be, or the place is taken, or the system refuses.
pub(super) fn open(home: &Arc<Home>, powers: Powers) -> Result<(UnixListener, SocketFile), Problem> {
    match activation::passed(home, powers)? {
        Some(listener) => Ok((listener, SocketFile::Lent)),
        None => bind(home),
    }
}

/// Binds the control socket. Only for the holder of the lock: whatever lies in its place is then a remnant or somebody else's.
///
/// # Errors
/// If the place is taken by something that is not a remnant, or the system refuses.
fn bind(home: &Arc<Home>) -> Result<(UnixListener, SocketFile), Problem> {
    check_place(home)?;
    let (listener, metadata) = make(home)
        .map_err(|error| unusable(home, &error).with_help("put the home on a local file system that knows sockets"))?;
    let file = SocketFile::Ours { home: home.clone(), device: metadata.dev(), inode: metadata.ino() };
    Ok((listener, file))
}

impl SocketFile {
    /// Removes it, unless another has taken its place.
    pub(super) fn remove(&self) -> io::Result<()> {
        let SocketFile::Ours { home, device, inode } = self else { return Ok(()) };
        let metadata = home.dir().symlink_metadata(SOCKET)?;
        if (metadata.dev(), metadata.ino()) == (*device, *inode) {
            home.dir().remove_file(SOCKET)?;
        }
        Ok(())
    }
}

/// Nothing is ever removed but a socket of our own user on which nobody listens.
fn check_place(home: &Home) -> Result<(), Problem> {
    let taken = |what: &str| {
        Problem::new("ocap::daemon::socket_taken", format!("{} {what}", place(home)))
            .with_help("end what made it and remove it, then start again")
    };
    let metadata = match home.dir().symlink_metadata(SOCKET) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| unusable(home, &error))?,
    };
    if let Some(kind) = not_a_socket(&metadata) {
        return Err(taken(&format!("is {kind}, in the control socket's place")));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(taken(&format!("is a socket of user {}", metadata.uid())));
    }
    match connect(home) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        // Its queue may be full, or it may be of another kind: somebody is there.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(taken(
            "is served by a program that does not hold this home's lock (or by systemd, which then has to start the host)",
        )),
        Err(error) => Err(unusable(home, &error)),
    }
}

/// Without waiting for a place in somebody's queue.
fn connect(home: &Home) -> rustix::io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(socket, &SocketAddrUnix::new(home.handle_path(SOCKET))?)
}

fn not_a_socket(found: &Metadata) -> Option<&'static str> {
    match FileType::from_raw_mode(found.mode()) {
        FileType::Socket => None,
        FileType::RegularFile => Some("a file"),
        FileType::Directory => Some("a directory"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::Fifo => Some("a named pipe"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Unknown => Some("something unknown"),
    }
}

fn unusable(home: &Home, error: &(dyn std::error::Error + 'static)) -> Problem {
    let message = format!("the control socket {} can't be made", place(home));
    Problem::new("ocap::daemon::socket_unusable", message).because(error)
}

fn make(home: &Home) -> io::Result<(UnixListener, Metadata)> {
    match home.dir().remove_file(NEXT) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(home.handle_path(NEXT))?;
    listener.set_nonblocking(true)?;
    home.dir().set_permissions(NEXT, Permissions::from_mode(0o600))?;
    home.dir().rename(NEXT, home.dir(), SOCKET)?;
    Ok((listener, home.dir().symlink_metadata(SOCKET)?))
}

fn place(home: &Home) -> String {
    home.path_of(SOCKET).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;
    use crate::daemon::test_home;
    use crate::powers::Powers;

    #[test]
    fn the_socket_of_a_host_that_died_is_replaced() {
        let (_root, home) = test_home();
        let home = Arc::new(home);
        drop(bind(&home).expect("bound"));
        assert!(home.dir().symlink_metadata(SOCKET).is_ok(), "a death leaves the file behind");
        let (_listener, file) = bind(&home).expect("bound again");
        UnixStream::connect(home.handle_path(SOCKET)).expect("it listens");
        assert_eq!(home.dir().symlink_metadata(SOCKET).expect("metadata").mode() & 0o777, 0o600);
        file.remove().expect("removed");
        assert!(home.dir().symlink_metadata(SOCKET).is_err());
    }

    #[test]
    fn a_socket_that_somebody_else_serves_is_left_alone() {
        let (_root, home) = test_home();
        let home = Arc::new(home);
        let _other = UnixListener::bind(home.handle_path(SOCKET)).expect("bound");
        assert_eq!(bind(&home).expect_err("refused").code, "ocap::daemon::socket_taken");
    }

    #[test]
    fn a_listener_whose_queue_is_full_or_that_is_of_another_kind_is_left_alone_and_not_waited_for() {
        let (_root, home) = test_home();
        let home = Arc::new(home);
        let full = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
        rustix::net::bind(&full, &SocketAddrUnix::new(home.handle_path(SOCKET)).expect("short")).expect("bound");
        rustix::net::listen(&full, 0).expect("it is bound");
        let _waiting = UnixStream::connect(home.handle_path(SOCKET)).expect("one may wait");
        assert_eq!(bind(&home).expect_err("refused").code, "ocap::daemon::socket_taken");
        home.dir().remove_file(SOCKET).expect("removed");
        let _datagrams = UnixDatagram::bind(home.handle_path(SOCKET)).expect("bound");
        assert_eq!(bind(&home).expect_err("refused").code, "ocap::daemon::socket_taken");
    }

    #[test]
    fn what_is_not_a_socket_is_left_alone_and_named() {
        let (_root, home) = test_home();
        let home = Arc::new(home);
        let refused = |kind: &str| {
            let problem = bind(&home).expect_err("refused");
            assert_eq!(problem.code, "ocap::daemon::socket_taken");
            assert!(problem.message.contains(kind), "{problem}");
            assert!(home.dir().symlink_metadata(SOCKET).is_ok(), "{kind}");
        };
        home.dir().write(SOCKET, b"precious").expect("written");
        refused("is a file");
        home.dir().remove_file(SOCKET).expect("removed");
        home.dir().create_dir(SOCKET).expect("made");
        refused("is a directory");
        home.dir().remove_dir(SOCKET).expect("removed");
        home.dir().symlink("nowhere", SOCKET).expect("made");
        refused("is a symbolic link");
        home.dir().remove_file(SOCKET).expect("removed");
        rustix::fs::mkfifoat(home.dir(), SOCKET, rustix::fs::Mode::RUSR).expect("made");
        refused("is a named pipe");
    }

    #[test]
    fn a_socket_that_has_replaced_ours_is_not_removed() {
        let (_root, home) = test_home();
        let home = Arc::new(home);
        let (_listener, file) = bind(&home).expect("bound");
        home.dir().remove_file(SOCKET).expect("removed");
        let _other = UnixListener::bind(home.handle_path(SOCKET)).expect("bound");
        // The file system may give the inode again; then it can't be told apart, and nothing is claimed here.
        let metadata = home.dir().symlink_metadata(SOCKET).expect("metadata");
        let SocketFile::Ours { inode, .. } = &file else { panic!("it is ours") };
        let told_apart = metadata.ino() != *inode;
        file.remove().expect("looked at");
        assert_eq!(home.dir().symlink_metadata(SOCKET).is_ok(), told_apart);
    }

    #[test]
    fn a_home_with_a_path_longer_than_a_socket_may_have_works() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("long".repeat(20)).join("longer".repeat(20));
        assert!(path.as_os_str().len() > 107);
        let home = Arc::new(Home::make(&path, Powers::of_this_process()).expect("a home"));
        let _bound = bind(&home).expect("bound");
        UnixStream::connect(home.handle_path(SOCKET)).expect("it listens");
    }
}
