//! Channels: how the world outside talks with vats. One file a channel kind.
//!
//! A channel is a host object that lives as long as its declaration; a connection is one that lives as long as its client. Vats send
//! them messages ([`Io::call`]), and what the world does goes to the run loop ([`FromIo`]). The rule: whatever comes from outside is
//! bounded before it is kept, a slow or hostile client costs only itself, and a channel that can't be opened is down alone.
//!
//! This room knows nothing of SQL, WebAssembly, the kernel's tables or the daemon. It is called only after the commit that caused the
//! call, so what it writes to a client may be written at once.

mod bind;
mod body;
mod channel;
mod connection;
mod fault;
mod inlet;
mod limits;
mod lines;
mod outlet;
#[cfg(test)]
mod tests;
mod unix_listen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cap_std::fs::Dir;
use ocap_kernel::{Code, HostCall, Kref, MessageId, ObjectId, Payload, Reply, Resolution};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::problem::{Problem, Span};

pub use self::fault::{ChannelFault, Obstacle};
pub use self::limits::{CONNECTIONS_MAX, OUT_BUFFER_BYTES, RETRY_FIRST, RETRY_LONGEST, WINDOW};

use self::channel::Channel;
use self::connection::Connections;

/// What channels say to the run loop; every reply comes only after the commit.
///
/// The queue is unbounded, and holds at most [`WINDOW`] lines of each connection.
#[derive(Debug)]
pub enum FromIo {
    /// A client came. The reply is a new object of the host that lasts until [`FromIo::Gone`] or the next boot. It must stay known to
    /// the kernel until then, also while no vat holds it: the client's next line mentions it again.
    Connect {
        /// Which.
        client: Client,
        /// The new object. Dropped: the client is refused.
        reply: oneshot::Sender<ObjectId>,
    },
    /// A message to a vat, in the order in which they were put on the queue.
    Send {
        /// To whom.
        target: Kref,
        /// The method's name.
        method: String,
        /// The arguments.
        args: Payload<Kref>,
        /// The end of the answer. Calls that the same crank made, or an earlier one, are handed to [`Io::call`] first: the end of the
        /// last answer may close the connection. Dropped: as good as answered.
        reply: oneshot::Sender<Resolution<Kref>>,
    },
    /// The one answer to a [`HostCall`].
    Answer {
        /// Which.
        call: MessageId,
        /// The answer.
        answer: Reply,
    },
    /// The handler that a channel keeps from now on, durably. It is queued before the answer of the call that brought it.
    Hold {
        /// The channel.
        channel: ObjectId,
        /// What it keeps instead of what it kept.
        reference: Option<Kref>,
    },
    /// A connection is over; nothing will mention it any more.
    Gone {
        /// The connection.
        object: ObjectId,
        /// Whose it was.
        client: Client,
    },
    /// A channel that was down takes clients.
    Healed {
        /// The subcluster that declared it.
        subcluster: String,
        /// Its name there.
        channel: String,
    },
}

/// A client of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The subcluster that declared the channel.
    pub subcluster: String,
    /// The channel's name there.
    pub channel: String,
    /// The client's number since the boot.
    pub number: u64,
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/io.{} client {}", self.subcluster, self.channel, self.number)
    }
}

/// A declared channel of kind `unix-listen` (design section 8).
#[derive(Debug, Clone)]
pub struct ChannelSpec {
    /// Its object, the same at every boot.
    pub object: ObjectId,
    /// The subcluster that declared it.
    pub subcluster: String,
    /// Its name there.
    pub name: String,
    /// All that the channel may touch of the file system.
    pub dir: Arc<Dir>,
    /// Where `dir` is; only said to people.
    pub root: PathBuf,
    /// The path as the declaration has it; only said to people.
    pub written: String,
    /// Its place in the text of the declaration; only shown to people.
    pub declared: Option<Span>,
    /// The socket's path, relative to `dir`.
    pub path: String,
    /// Which way text flows.
    pub direction: Direction,
    /// How text is cut into messages.
    pub framing: Framing,
    /// The longest frame in bytes, both ways, without what ends it.
    pub max_frame: usize,
    /// The handler that it kept at the last boot.
    pub handler: Option<Kref>,
}

/// Which way text flows, as the vat sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From clients only: `write` is refused.
    In,
    /// To clients only: nothing is read, and a client that closes its side is gone.
    Out,
    /// Both ways.
    InOut,
}

/// How text is cut into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// UTF-8 lines that end in `\n`. A rest without `\n` is no line and is never delivered: its client was cut off.
    Lines,
}

/// How a channel fares, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its object.
    pub object: ObjectId,
    /// The subcluster that declared it.
    pub subcluster: String,
    /// Its name there.
    pub name: String,
    /// Where its socket is or would be; only said to people.
    pub path: PathBuf,
    /// Whether clients reach it.
    pub state: ChannelState,
    /// Clients connected now.
    pub connections: usize,
    /// Clients since the boot that were one too many.
    pub clients_refused: u64,
    /// Clients since the boot that were closed for a line that is too long or not UTF-8.
    pub clients_expelled: u64,
    /// Clients since the boot that left in the middle of a line.
    pub lines_torn: u64,
    /// Clients since the boot, those that are connected included.
    pub clients: u64,
    /// Lines since the boot that were handed to a vat.
    pub lines_in: u64,
    /// Lines since the boot that were taken from vats for clients.
    pub lines_out: u64,
}

/// Whether clients reach a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelState {
    /// Yes.
    Up,
    /// Not now, for this reason; it is tried again by itself.
    Down(Box<Problem>),
}

/// Tells the time of day, in milliseconds since 1970.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> u64 + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// All channels of a host, and their connections.
#[derive(Debug)]
pub struct Io {
    runtime: Handle,
    clock: Clock,
    channels: Mutex<BTreeMap<ObjectId, Arc<Channel>>>,
    connections: Arc<Connections>,
    port: Port,
}

/// The way to the run loop. It may be gone while the host stops; then nobody is left to tell, and nothing to do.
#[derive(Debug, Clone)]
struct Port(UnboundedSender<FromIo>);

impl Io {
    /// No channels yet. Tasks run on `runtime`; what happens goes out over `out`.
    pub fn new(runtime: Handle, clock: Clock, out: UnboundedSender<FromIo>) -> Io {
        let connections = Arc::new(Connections::default());
        Io { runtime, clock, channels: Mutex::default(), connections, port: Port(out) }
    }

    /// Opens a channel before it returns, and serves it from then on. A channel of the same object is closed first.
    ///
    /// # Errors
    /// The channel is down for this reason. It exists nevertheless and takes calls, and is tried again with growing pauses
    /// ([`RETRY_FIRST`] to [`RETRY_LONGEST`]) until it is up or closed.
    pub fn open(&self, spec: ChannelSpec) -> Result<(), Box<Problem>> {
        self.close_channel(spec.object);
        let channel = Arc::new(Channel::new(spec, self.port.clone(), self.clock.clone()));
        let (listener, outcome) = match channel.establish() {
            Ok(listener) => (Some(listener), Ok(())),
            Err(problem) => (None, Err(problem)),
        };
        locked(&self.channels).insert(channel.spec.object, channel.clone());
        let running = channel.running();
        self.runtime.spawn(unix_listen::serve(channel, self.connections.clone(), listener, running));
        outcome
    }

    /// Whether these channels could be opened now, beside those that are open. Nothing is opened, made or removed.
    ///
    /// # Errors
    /// The first that could not, and why.
    pub fn look(specs: &[ChannelSpec]) -> Result<(), ChannelFault> {
        let mut taken = BTreeSet::new();
        for spec in specs {
            bind::look_at(&spec.dir, &spec.path).map_err(|obstacle| ChannelFault::new(spec, obstacle))?;
            if !taken.insert(spec.root.join(&spec.path)) {
                return Err(ChannelFault::new(spec, Obstacle::InUse));
            }
        }
        Ok(())
    }

    /// Hands a vat's message to its channel or connection.
    pub fn call(&self, call: HostCall) {
        let channel = locked(&self.channels).get(&call.object).cloned();
        match channel {
            Some(channel) => channel.take(call),
            None => {
                if let Err(stray) = self.connections.hand(call) {
                    self.port.answer(stray.id, Reply::Fail(Code::ObjectGone));
                }
            }
        }
    }

    /// No vat holds this object any more. Nothing ends here: a channel lasts as long as its declaration, and a connection as long as
    /// its client, whose next line mentions it again.
    pub fn release(&self, _object: ObjectId) {}

    /// Closes a channel and its connections for good. Its socket is gone when this returns. Unknown objects are ignored.
    pub fn close_channel(&self, object: ObjectId) {
        let channel = locked(&self.channels).remove(&object);
        if let Some(channel) = channel {
            channel.close();
        }
    }

    /// Every channel, by object.
    pub fn status(&self) -> Vec<ChannelStatus> {
        locked(&self.channels).values().map(|channel| channel.status()).collect()
    }

    /// Closes everything. All sockets are gone when this returns. The handle ends when every connection has written what its socket
    /// takes without waiting, and every task is over; who does not care need not wait for it.
    pub fn close(&self) -> JoinHandle<()> {
        let channels = std::mem::take(&mut *locked(&self.channels));
        for channel in channels.values() {
            channel.close();
        }
        self.runtime.spawn(async move {
            for channel in channels.into_values() {
                channel.ended().await;
            }
        })
    }
}

impl Port {
    fn say(&self, event: FromIo) {
        // A run loop that is gone has nobody left to tell.
        let _ = self.0.send(event);
    }

    fn answer(&self, call: MessageId, answer: Reply) {
        self.say(FromIo::Answer { call, answer });
    }
}

/// A lock is held for a few lines that do not panic, so what it guards is whole even if another thread did.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
