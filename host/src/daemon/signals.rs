//! How a foreground host is told to end from outside.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why a host ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked over the control socket.
    Asked,
    /// SIGTERM.
    Terminated,
    /// SIGINT, usually a person's control-C.
    Interrupted,
}

/// The signals that end a host, caught from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to catch them. Within a tokio runtime.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::Terminated,
            _ = self.interrupt.recv() => Ending::Interrupted,
        }
    }
}
