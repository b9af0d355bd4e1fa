//! Who may speak at the control socket: processes of the user who runs the host, and nobody else.

use std::io;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

/// How long to wait when the system can't give another connection (too many files): the clients queue meanwhile.
const BREATH: Duration = Duration::from_millis(100);

/// A listener that hangs up on other users.
#[derive(Debug)]
pub(super) struct OwnUserOnly {
    listener: UnixListener,
    ours: u32,
}

impl OwnUserOnly {
    pub(super) fn new(listener: UnixListener) -> OwnUserOnly {
        OwnUserOnly { listener, ours: rustix::process::geteuid().as_raw() }
    }

    /// The next client of ours. To stop waiting for it loses none.
    pub(super) async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => match admit(stream.peer_cred().map(|peer| peer.uid()), self.ours) {
                    Ok(()) => return stream,
                    Err(reason) => tracing::warn!(target: "ocap::daemon", "a control connection was refused: {reason}"),
                },
                Err(error) => {
                    tracing::warn!(target: "ocap::daemon", "no control connection can be accepted: {error}");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}

fn admit(peer: io::Result<u32>, ours: u32) -> Result<(), String> {
    match peer {
        Ok(uid) if uid == ours => Ok(()),
        Ok(uid) => Err(format!("it is of user {uid}")),
        Err(error) => Err(format!("the system does not say whose it is: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_user_is_admitted_and_not_even_root_unless_we_are_root() {
        assert_eq!(admit(Ok(1000), 1000), Ok(()));
        assert_eq!(admit(Ok(1001), 1000), Err("it is of user 1001".into()));
        assert_eq!(admit(Ok(0), 1000), Err("it is of user 0".into()));
        assert!(admit(Err(io::ErrorKind::Unsupported.into()), 1000).is_err());
    }
}
