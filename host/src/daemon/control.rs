//! The control socket: HTTP/1.1 with JSON, so that `curl --unix-socket` is a client.
//!
//! Every answer is one of [`super::requests`] or a [`Problem`]. It is up before the host is ready, so that a slow boot is seen and
//! not taken for a dead host: `ping`, `status` and `stop` always work, everything else waits for the run loop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::chronicle::Chronicle;
use super::events::Events;
use super::home::Home;
use super::requests::Request;
use super::routes::{self, Entrance};
use super::server::{self, Closing};
use super::socket::{self, SocketFile};
use super::status_file::{HostRecord, Phase};
use super::token_socket::{self, TokenSocket};
use crate::powers::Powers;
use crate::problem::Problem;

pub(crate) use super::routes::too_large;

/// The largest body of a request: 1 MiB.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// How many requests of each socket may be at work at once, streams included; `ping`, `status` and `stop` beside them.
pub const REQUESTS_MAX: usize = 64;

/// How long connections may take to end by themselves once the host stops.
const GRACE: Duration = Duration::from_secs(1);

/// The served socket.
#[derive(Debug)]
pub struct Control {
    desk: Arc<Desk>,
    files: Arc<SocketFiles>,
    closing: watch::Sender<Closing>,
    server: JoinHandle<()>,
}

/// The sockets' places in the home.
#[derive(Debug)]
pub(super) struct SocketFiles {
    control: SocketFile,
    token: Option<TokenSocket>,
}

impl SocketFiles {
    /// Empties them.
    pub(super) fn remove(&self) {
        if let Err(error) = self.control.remove() {
            tracing::warn!(target: "ocap::daemon", "the control socket can't be removed: {error}");
        }
        if let Some(Err(error)) = self.token.as_ref().map(TokenSocket::remove) {
            tracing::warn!(target: "ocap::daemon", "the socket for tokens can't be removed: {error}");
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) home: Arc<Home>,
    chronicle: Arc<Chronicle>,
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    stop: Arc<Notify>,
    /// For whoever sees to it that a wish to stop is heard.
    stop_wished: Arc<Notify>,
    /// What happens, and the log.
    pub(super) events: Events,
    /// For answers that would go on for ever.
    pub(super) closing: watch::Receiver<Closing>,
}

impl Control {
    /// Opens the socket and serves it. Within a tokio runtime, and only for the holder of the lock.
    ///
    /// # Errors
    /// If the socket can't be made.
    pub(super) fn open(chronicle: &Arc<Chronicle>, powers: Powers, events: Events) -> Result<Control, Problem> {
        let (listener, file) = socket::open(chronicle.home(), powers)?;
        let listener = UnixListener::from_std(listener).map_err(|error| {
            Problem::new("ocap::daemon::socket_unusable", "the control socket can't be served").because(&error)
        })?;
        let (closing, closed) = watch::channel(Closing::NotYet);
        let desk = Arc::new(Desk {
            home: chronicle.home().clone(),
            chronicle: chronicle.clone(),
            requests: Mutex::new(None),
            stop: Arc::new(Notify::new()),
            stop_wished: Arc::new(Notify::new()),
            events,
            closing: closed.clone(),
        });
        let owner = server::serve(listener, routes::router(desk.clone(), Entrance::Owner), closed.clone());
        let (token, bearers) = serve_bearers(&desk, closed);
        let server = tokio::spawn(async move {
            let ((), ()) = tokio::join!(owner, bearers);
        });
        Ok(Control { desk, files: Arc::new(SocketFiles { control: file, token }), closing, server })
    }

    /// From now on requests go to the run loop.
    pub fn connect_to(&self, requests: mpsc::Sender<Request>) {
        *held(&self.desk.requests) = Some(requests);
    }

    /// From now on requests are refused.
    pub fn disconnect(&self) {
        *held(&self.desk.requests) = None;
    }

    /// Notified when a client asks the host to stop before a run loop is there to be told.
    pub fn stop_asked(&self) -> Arc<Notify> {
        self.desk.stop.clone()
    }

    /// Notified at the same moment, for a second listener.
    pub(super) fn stop_wished(&self) -> Arc<Notify> {
        self.desk.stop_wished.clone()
    }

    /// For whoever ends the process without [`Control::close`].
    pub(super) fn files(&self) -> Arc<SocketFiles> {
        self.files.clone()
    }

    /// Ends the service and removes the sockets. Whoever still waits for an answer is hung up on after a second.
    pub async fn close(mut self) {
        self.disconnect();
        self.closing.send_replace(Closing::Now);
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.files.remove();
    }
}

/// The socket for tokens. Without it the host serves all the same.
fn serve_bearers(
    desk: &Arc<Desk>,
    closing: watch::Receiver<Closing>,
) -> (Option<TokenSocket>, impl Future<Output = ()> + use<>) {
    let bound = token_socket::bind(&desk.home).and_then(|(listener, file)| {
        let listener = UnixListener::from_std(listener).map_err(|error| {
            Problem::new("ocap::daemon::token_socket", "the socket for tokens can't be served").because(&error)
        })?;
        Ok((listener, file))
    });
    let (listener, file) = match bound {
        Ok((listener, file)) => (Some(listener), Some(file)),
        Err(problem) => {
            super::log::tell(&problem);
            (None, None)
        }
    };
    let router = routes::router(desk.clone(), Entrance::Bearers);
    let serving = async move {
        if let Some(listener) = listener {
            server::serve(listener, router, closing).await;
        }
    };
    (file, serving)
}

impl Desk {
    pub(super) fn record(&self) -> HostRecord {
        self.chronicle.record()
    }

    /// The time of day, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.chronicle.now_ms()
    }

    /// The way to the run loop.
    ///
    /// # Errors
    /// If there is none yet, or no longer.
    pub(super) fn requests(&self) -> Result<mpsc::Sender<Request>, Problem> {
        held(&self.requests).clone().ok_or_else(|| match self.record().phase {
            Phase::Starting => self.starting(),
            Phase::Ready | Phase::Stopping | Phase::Stopped | Phase::Failed => stopping(),
        })
    }

    /// A stop that no run loop can be told of.
    pub(super) fn ask_to_stop(&self) {
        self.stop.notify_one();
        self.stop_wished.notify_one();
    }

    fn starting(&self) -> Problem {
        let step = self.record().step.map(|step| format!(" ({step})")).unwrap_or_default();
        Problem::new(STARTING, format!("the host is still starting{step}"))
            .with_help(format!("ask again when `{}` says that it is ready", self.home.command("status")))
    }
}

/// The code of requests that come before the host is ready.
pub const STARTING: &str = "ocap::daemon::starting";
/// The code of requests that come when the host stops, or are then unanswered.
pub const STOPPING: &str = "ocap::daemon::stopping";

pub(super) fn stopping() -> Problem {
    Problem::new(STOPPING, "the host stops, and did not answer the request")
        .with_help("start it again and look what became of it: what was taken over before the stop is done after it")
}

/// What is behind these locks is whole between any two statements, so a panic elsewhere does not spoil it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
