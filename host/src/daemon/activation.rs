//! A control socket that was opened before the host: by systemd, which passes it on (`LISTEN_FDS`). It has to be what the host would
//! have made itself.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use cap_std::fs::MetadataExt;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags};

use super::home::{Home, SOCKET};
use crate::powers::Powers;
use crate::problem::Problem;

/// The code of everything that is wrong with a socket that was passed.
const UNFIT: &str = "ocap::daemon::activation";

/// The socket that was passed to this process, if one was.
///
/// # Errors
/// If it is not the control socket of this home, or others may connect to it.
pub(super) fn passed(home: &Home, powers: Powers) -> Result<Option<UnixListener>, Problem> {
    let mut numbers = sd_notify::listen_fds().map_err(|error| unfit(home, "can't be found").because(&error))?;
    let Some(number) = numbers.next() else { return Ok(None) };
    if numbers.next().is_some() {
        return Err(unfit(home, "is not the only one that was passed"));
    }
    let socket = own(number).map_err(|error| unfit(home, "can't be taken over").because(&error))?;
    check_kind(home, &socket)?;
    check_place(home, powers, &socket)?;
    check_access(home)?;
    let listener = UnixListener::from(socket);
    listener.set_nonblocking(true).map_err(|error| unfit(home, "can't be used").because(&error))?;
    Ok(Some(listener))
}

/// A number is no descriptor that the compiler trusts; the system gives another one for the same socket, which is.
fn own(number: i32) -> rustix::io::Result<OwnedFd> {
    let this = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
    rustix::process::pidfd_getfd(this, number, PidfdGetfdFlags::empty())
}

fn check_kind(home: &Home, socket: &OwnedFd) -> Result<(), Problem> {
    let fd = socket.as_fd();
    let is = |fits: rustix::io::Result<bool>, otherwise: &str| match fits {
        Ok(true) => Ok(()),
        Ok(false) => Err(unfit(home, otherwise)),
        Err(error) => Err(unfit(home, "is no socket").because(&error)),
    };
    is(sockopt::socket_domain(fd).map(|domain| domain == AddressFamily::UNIX), "is no Unix socket")?;
    is(sockopt::socket_type(fd).map(|kind| kind == SocketType::STREAM), "is no stream socket: use ListenStream=")?;
    is(sockopt::socket_acceptconn(fd), "does not listen: use Accept=no")
}

/// Commands look for it in the home: elsewhere nobody would find the host.
fn check_place(home: &Home, powers: Powers, socket: &OwnedFd) -> Result<(), Problem> {
    let address = rustix::net::getsockname(socket).ok().and_then(|address| SocketAddrUnix::try_from(address).ok());
    let path = address.as_ref().and_then(SocketAddrUnix::path_bytes).map(path_of);
    let Some(path) = path else { return Err(unfit(home, "has no path")) };
    let same = |parent: &Path| {
        let (there, here) = (powers.directory(parent)?.dir_metadata()?, home.dir().dir_metadata()?);
        Ok::<_, std::io::Error>((there.dev(), there.ino()) == (here.dev(), here.ino()))
    };
    let named_so = path.file_name().is_some_and(|name| name == SOCKET);
    match path.parent() {
        Some(parent) if named_so && same(parent).unwrap_or(false) => Ok(()),
        _ => Err(unfit(home, "lies elsewhere").at_path(path.display(), home.path_of(SOCKET).display())),
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

fn check_access(home: &Home) -> Result<(), Problem> {
    let metadata = home.dir().symlink_metadata(SOCKET).map_err(|error| unfit(home, "is not there").because(&error))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(unfit(home, "belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(unfit(home, "lets other users in: use SocketMode=0600"));
    }
    Ok(())
}

fn unfit(home: &Home, what: &str) -> Problem {
    let place = home.path_of(SOCKET);
    Problem::new(UNFIT, format!("the control socket that was passed by the service manager {what}"))
        .with_help(format!("pass one socket, with `ListenStream={}` and `SocketMode=0600`, or none", place.display()))
}
