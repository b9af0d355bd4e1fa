//! The control socket as a file: bound under another name and renamed, so that nobody ever sees it half made.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use cap_std::fs::{Metadata, MetadataExt, Permissions, PermissionsExt};
use rustix::fs::FileType;

use super::home::{Home, SOCKET};
use crate::problem::Problem;

/// What it is called until it is ready.
const NEXT: &str = "control.sock.next";

/// The socket's place in the home; emptied at the end if it is still ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    home: Arc<Home>,
    device: u64,
    inode: u64,
}

/// Binds the control socket. Only for the holder of the lock: whatever lies in its place is then a remnant or somebody else's.
///
/// # Errors
/// If the place is taken by something that is not a remnant, or the system refuses.
pub(super) fn bind(home: &Arc<Home>) -> Result<(UnixListener, SocketFile), Problem> {
    check_place(home)?;
    let (listener, metadata) = make(home).map_err(|error| {
        Problem::new("ocap::daemon::socket_unusable", format!("the control socket {} can't be made", place(home)))
            .because(&error)
            .with_help("put the home on a local file system that knows sockets")
    })?;
    let file = SocketFile { home: home.clone(), device: metadata.dev(), inode: metadata.ino() };
    Ok((listener, file))
}

impl SocketFile {
    /// Removes it, unless another has taken its place.
    pub(super) fn remove(&self) -> io::Result<()> {
        let metadata = self.home.dir().symlink_metadata(SOCKET)?;
        if (metadata.dev(), metadata.ino()) == (self.device, self.inode) {
            self.home.dir().remove_file(SOCKET)?;
        }
        Ok(())
    }
}

fn check_place(home: &Home) -> Result<(), Problem> {
    let taken = |what: &str| {
        Problem::new("ocap::daemon::socket_taken", format!("{} {what}", place(home)))
            .with_help("end what made it and remove it, then start again")
    };
    match home.dir().symlink_metadata(SOCKET) {
        Err(_) => return Ok(()),
        Ok(metadata) if FileType::from_raw_mode(metadata.mode()).is_socket() => {}
        Ok(_) => return Err(taken("is in the control socket's place and is no socket")),
    }
    match UnixStream::connect(home.handle_path(SOCKET)) {
        Ok(_) => Err(taken("is served by a program that does not hold this home's lock")),
        Err(_) => Ok(()),
    }
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
    fn a_file_in_the_sockets_place_is_left_alone() {
        let (_root, home) = test_home();
        home.dir().write(SOCKET, b"precious").expect("written");
        assert_eq!(bind(&Arc::new(home)).expect_err("refused").code, "ocap::daemon::socket_taken");
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
        let told_apart = metadata.ino() != file.inode;
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
