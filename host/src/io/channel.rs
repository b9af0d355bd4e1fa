//! One declared channel: its handler, its place, its figures. How its clients come is the affair of its kind.

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ocap_kernel::{Answer, Code, Kref};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::bind::{self, Place};
use super::body::{self, Argument};
use super::limits::CONNECTIONS_MAX;
use super::{ChannelFault, ChannelSpec, ChannelState, ChannelStatus, Clock, FromIo, HostCall, Port, Reply, locked};
use crate::problem::Problem;

/// A channel, shared by its listener and its connections.
#[derive(Debug)]
pub(super) struct Channel {
    /// As declared. Its `handler` is only the first.
    pub(super) spec: ChannelSpec,
    /// The way to the run loop.
    pub(super) port: Port,
    /// Who gets the lines. Whoever sends to it reads it and sends under one lock, so that the run loop never hears of a handler after
    /// it was told to let go of it.
    pub(super) handler: watch::Sender<Option<Kref>>,
    /// Ends every task of the channel.
    pub(super) closed: CancellationToken,
    /// Clients since the boot.
    pub(super) clients: AtomicU64,
    /// See [`ChannelStatus`].
    pub(super) clients_refused: AtomicU64,
    /// See [`ChannelStatus`].
    pub(super) clients_expelled: AtomicU64,
    /// See [`ChannelStatus`].
    pub(super) lines_torn: AtomicU64,
    /// See [`ChannelStatus`].
    pub(super) lines_in: AtomicU64,
    /// See [`ChannelStatus`].
    pub(super) lines_out: AtomicU64,
    clock: Clock,
    room: Arc<Semaphore>,
    standing: Mutex<Standing>,
    /// Receivers are the tasks: when the last is gone, all are over.
    tasks: watch::Sender<()>,
}

/// Where a channel's socket is.
#[derive(Debug, Default)]
struct Standing {
    /// Its file, while there is one.
    place: Option<Place>,
    /// Why it is down, if it is.
    down: Option<Box<Problem>>,
}

/// Kept by each task of a channel until it is over.
pub(super) type Running = watch::Receiver<()>;

impl Channel {
    /// Not open yet: see [`Channel::establish`].
    pub(super) fn new(spec: ChannelSpec, port: Port, clock: Clock) -> Channel {
        Channel {
            clock,
            port,
            handler: watch::Sender::new(spec.handler),
            closed: CancellationToken::new(),
            clients: AtomicU64::new(0),
            clients_refused: AtomicU64::new(0),
            clients_expelled: AtomicU64::new(0),
            lines_torn: AtomicU64::new(0),
            lines_in: AtomicU64::new(0),
            lines_out: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            standing: Mutex::default(),
            tasks: watch::Sender::new(()),
            spec,
        }
    }

    /// Puts the socket at its path. A channel that is closed meanwhile leaves none behind.
    ///
    /// # Errors
    /// What is in the way, and since when; the channel is down for that reason.
    pub(super) fn establish(&self) -> Result<UnixListener, Box<Problem>> {
        let bound = bind::listen_at(&self.spec.dir, &self.spec.path, self.spec.object.0);
        let mut standing = locked(&self.standing);
        match bound {
            Ok((listener, place)) => {
                *standing = Standing { place: Some(place), down: None };
                if self.closed.is_cancelled() {
                    standing.clear();
                }
                Ok(listener)
            }
            Err(obstacle) => {
                let problem = Problem::from(&ChannelFault::new(&self.spec, obstacle));
                let problem = Box::new(problem.going_on(standing.down.as_deref()).begun((self.clock.0)()));
                standing.down = Some(problem.clone());
                Err(problem)
            }
        }
    }

    /// Takes a vat's message to the channel itself. A channel that is down takes a handler too, and serves it when it is up.
    pub(super) fn take(&self, call: HostCall) {
        if call.method != "serve" {
            return self.port.answer(call.id, Reply::Fail(Code::NoSuchMethod));
        }
        let arguments = body::arguments(&call.args);
        let Some([Argument::Capability(handler)]) = arguments.as_deref() else {
            let error = body::error("bad-arguments", "serve takes one capability");
            return self.port.answer(call.id, Reply::Settle(Answer::Break(error)));
        };
        self.handler.send_modify(|kept| {
            self.port.say(FromIo::Hold { channel: self.spec.object, reference: Some(*handler) });
            self.port.answer(call.id, Reply::Settle(Answer::Fulfill(body::null())));
            *kept = Some(*handler);
        });
    }

    /// A place for one client more, for as long as it is kept.
    pub(super) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// To be kept by a task until it is over.
    pub(super) fn running(&self) -> Running {
        self.tasks.subscribe()
    }

    /// Removes the socket and tells every task to end.
    pub(super) fn close(&self) {
        let mut standing = locked(&self.standing);
        // In this order: while a task has the listener, no other file can have its inode.
        standing.clear();
        self.closed.cancel();
    }

    /// Waits until every task is over.
    pub(super) async fn ended(&self) {
        self.tasks.closed().await;
    }

    pub(super) fn status(&self) -> ChannelStatus {
        let state = match &locked(&self.standing).down {
            None => ChannelState::Up,
            Some(problem) => ChannelState::Down(problem.clone()),
        };
        ChannelStatus {
            object: self.spec.object,
            subcluster: self.spec.subcluster.clone(),
            name: self.spec.name.clone(),
            path: self.spec.root.join(&self.spec.path),
            state,
            connections: CONNECTIONS_MAX - self.room.available_permits(),
            clients_refused: self.clients_refused.load(Ordering::Relaxed),
            clients_expelled: self.clients_expelled.load(Ordering::Relaxed),
            lines_torn: self.lines_torn.load(Ordering::Relaxed),
            clients: self.clients.load(Ordering::Relaxed),
            lines_in: self.lines_in.load(Ordering::Relaxed),
            lines_out: self.lines_out.load(Ordering::Relaxed),
        }
    }
}

impl Standing {
    fn clear(&mut self) {
        if let Some(place) = self.place.take() {
            place.clear();
        }
    }
}
