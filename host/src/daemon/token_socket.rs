//! `token.sock`: the socket to hand on, where nobody is anybody without a token.
//!
//! It lies beside the control socket and does the same; whoever forwards it, or mounts it into a container, gives away no more than the
//! tokens that go with it. A host serves without it if it must.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use cap_std::fs::{MetadataExt, Permissions, PermissionsExt};
use rustix::fs::FileType;

use super::home::{Home, TOKEN_SOCKET};
use crate::problem::Problem;

/// What it is called until it is ready.
const NEXT: &str = "token.sock.next";

/// The socket's place in the home, emptied at the end.
#[derive(Debug)]
pub(super) struct TokenSocket(Arc<Home>);

/// Binds it. Only for the holder of the lock: a socket in its place is a remnant.
///
/// # Errors
/// If something else is in its place, or the system refuses.
pub(super) fn bind(home: &Arc<Home>) -> Result<(UnixListener, TokenSocket), Problem> {
    let listener = make(home).map_err(|error| {
        let place = home.path_of(TOKEN_SOCKET);
        Problem::new("ocap::daemon::token_socket", format!("{} can't be made: no token is let in", place.display()))
            .because(&error)
            .with_help("end what is in its place and remove it, then start again; all else works meanwhile")
    })?;
    Ok((listener, TokenSocket(home.clone())))
}

impl TokenSocket {
    /// Removes it.
    pub(super) fn remove(&self) -> io::Result<()> {
        remove_socket(&self.0, TOKEN_SOCKET)
    }
}

fn make(home: &Home) -> io::Result<UnixListener> {
    remove_socket(home, NEXT)?;
    remove_socket(home, TOKEN_SOCKET)?;
    let listener = UnixListener::bind(home.handle_path(NEXT))?;
    listener.set_nonblocking(true)?;
    home.dir().set_permissions(NEXT, Permissions::from_mode(0o600))?;
    home.dir().rename(NEXT, home.dir(), TOKEN_SOCKET)?;
    Ok(listener)
}

/// What is no socket is somebody's, and stays.
fn remove_socket(home: &Home, name: &str) -> io::Result<()> {
    match home.dir().symlink_metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if FileType::from_raw_mode(metadata.mode()).is_socket() => home.dir().remove_file(name),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket is there")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::daemon::test_home;

    #[test]
    fn a_remnant_is_replaced_and_what_is_no_socket_is_left_alone() {
        let (_root, home) = test_home();
        let home = Arc::new(home);
        drop(bind(&home).expect("bound"));
        let (_listener, socket) = bind(&home).expect("bound again");
        UnixStream::connect(home.handle_path(TOKEN_SOCKET)).expect("it listens");
        assert_eq!(home.dir().metadata(TOKEN_SOCKET).expect("metadata").mode() & 0o777, 0o600);
        socket.remove().expect("removed");
        home.dir().write(TOKEN_SOCKET, "precious").expect("written");
        assert_eq!(bind(&home).expect_err("refused").code, "ocap::daemon::token_socket");
        assert_eq!(home.dir().read_to_string(TOKEN_SOCKET).expect("read"), "precious");
    }
}
