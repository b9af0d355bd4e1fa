//! Stories of this room with real sockets. The test itself plays the run loop, one event at a time.

mod clients;
mod places;
mod pressure;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cap_std::fs::Dir;
use ocap_kernel::{Answer, Code, Kref, MessageId, ObjectId, Payload, Resolution};
use ocap_passable::{Value, decode, encode};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::body::{self, Argument};
use super::{ChannelSpec, ChannelState, ChannelStatus, Clock, Direction, Framing, FromIo, HostCall, Io, Reply};

const LLM: ObjectId = ObjectId(1);
const MATCHER: Kref = Kref::Object(ObjectId(2));
const LINE_BYTES_MAX: usize = 100_000;

/// Keeps a broken test from hanging; nothing is concluded from it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run loop and a home, of which channels know the directory `channels`.
struct World {
    io: Io,
    /// A second later each time that it is asked.
    clock: Clock,
    home: TempDir,
    channels: Arc<Dir>,
    events: UnboundedReceiver<FromIo>,
    number: u64,
    connected: Vec<ObjectId>,
    lines: VecDeque<SentLine>,
    answers: BTreeMap<MessageId, Reply>,
    gone: BTreeSet<ObjectId>,
    /// Holds and answers, in the order in which they came.
    order: Vec<String>,
}

/// A line on its way to a handler.
struct SentLine {
    target: Kref,
    text: String,
    from: ObjectId,
    reply: oneshot::Sender<Resolution<Kref>>,
}

impl SentLine {
    fn answer(self) {
        // A connection that is over does not wait for its answers.
        let _ = self.reply.send(Resolution::Fulfilled(body::null()));
    }
}

impl World {
    fn new() -> World {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(home.path().join("channels")).expect("a directory");
        let channels = std::fs::File::open(home.path().join("channels")).expect("it was just made");
        let (out, events) = unbounded_channel();
        let asked = AtomicU64::new(0);
        let clock = Clock(Arc::new(move || 1_000 * asked.fetch_add(1, Ordering::Relaxed)));
        World {
            io: Io::new(Handle::current(), clock.clone(), out),
            clock,
            home,
            channels: Arc::new(Dir::from_std_file(channels)),
            events,
            number: 100,
            connected: Vec::new(),
            lines: VecDeque::new(),
            answers: BTreeMap::new(),
            gone: BTreeSet::new(),
            order: Vec::new(),
        }
    }

    /// With the channel `llm` open, whose handler is the matcher.
    fn with_llm() -> World {
        let world = World::new();
        world.io.open(world.spec("run/llm.sock")).expect("nothing is in the way");
        world
    }

    fn spec(&self, path: &str) -> ChannelSpec {
        ChannelSpec {
            object: LLM,
            subcluster: "matcher".to_owned(),
            name: "llm".to_owned(),
            dir: self.channels.clone(),
            root: self.home.path().join("channels"),
            written: path.to_owned(),
            declared: None,
            path: path.to_owned(),
            direction: Direction::InOut,
            framing: Framing::Lines,
            max_frame: LINE_BYTES_MAX,
            handler: Some(MATCHER),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join("channels").join(path)
    }

    async fn client(&self) -> Client {
        Client::connect(self.path("run/llm.sock")).await
    }

    fn status(&self) -> ChannelStatus {
        self.io.status().pop().expect("a channel")
    }

    fn is_up(&self) -> bool {
        self.status().state == ChannelState::Up
    }

    /// Takes one event as a run loop does.
    async fn step(&mut self) {
        let event = timeout(PATIENCE, self.events.recv()).await.expect("something happens").expect("the room is open");
        match event {
            FromIo::Connect { reply, .. } => {
                self.number += 1;
                self.connected.push(ObjectId(self.number));
                reply.send(ObjectId(self.number)).expect("the connection waits for its object");
            }
            FromIo::Send { target, method, args, reply } => {
                assert_eq!(method, "line");
                let (text, from) = line_of(&args);
                assert!(!self.gone.contains(&from), "nothing is said of a connection after it is gone");
                self.lines.push_back(SentLine { target, text, from, reply });
            }
            FromIo::Answer { call, answer } => {
                self.order.push(format!("answer {call}"));
                assert_eq!(self.answers.insert(call, answer), None, "a call is answered once");
            }
            FromIo::Hold { channel, reference } => {
                self.order.push(format!("hold {channel} {}", reference.expect("a handler")));
            }
            FromIo::Healed { .. } => {}
            FromIo::Gone { object, .. } => assert!(self.gone.insert(object), "a connection is gone once"),
        }
    }

    async fn line(&mut self) -> SentLine {
        while self.lines.is_empty() {
            self.step().await;
        }
        self.lines.pop_front().expect("there is one")
    }

    async fn wait_for_gone(&mut self, object: ObjectId) {
        while !self.gone.contains(&object) {
            self.step().await;
        }
    }

    fn submit(&mut self, object: ObjectId, method: &str, args: Payload<Kref>) -> MessageId {
        self.number += 1;
        let id = MessageId(self.number);
        self.io.call(HostCall { id, object, method: method.to_owned(), args });
        id
    }

    async fn answer_of(&mut self, call: MessageId) -> Reply {
        while !self.answers.contains_key(&call) {
            self.step().await;
        }
        self.answers.remove(&call).expect("there is one")
    }

    async fn call(&mut self, object: ObjectId, method: &str, args: Payload<Kref>) -> Reply {
        let call = self.submit(object, method, args);
        self.answer_of(call).await
    }

    async fn write(&mut self, connection: ObjectId, line: &str) -> Reply {
        self.call(connection, "write", text(line)).await
    }

    /// One line there and back: whatever the room had to do before, it has had its turn.
    async fn round_trip(&mut self, client: &mut Client) {
        client.say("ping\n").await;
        let at = loop {
            if let Some(at) = self.lines.iter().position(|line| line.text == "ping") {
                break at;
            }
            self.step().await;
        };
        let ping = self.lines.remove(at).expect("it was just found");
        assert_eq!(self.write(ping.from, "pong").await, null());
        ping.answer();
        assert_eq!(client.hear().await, "pong\n");
    }
}

/// A program at the other end.
struct Client {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

impl Client {
    async fn connect(path: PathBuf) -> Client {
        let (from, to) = UnixStream::connect(path).await.expect("somebody listens").into_split();
        Client { from: BufReader::new(from), to }
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(PATIENCE, self.to.write_all(bytes.as_ref())).await.expect("it is taken").expect("somebody is there");
    }

    /// Says no more, and goes on listening.
    async fn fall_silent(&mut self) {
        self.to.shutdown().await.expect("it is open");
    }

    /// The next line with its end; empty when the other side is closed.
    async fn hear(&mut self) -> String {
        let mut line = String::new();
        match timeout(PATIENCE, self.from.read_line(&mut line)).await.expect("something comes") {
            Ok(_) => line,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                String::new()
            }
        }
    }
}

fn line_of(args: &Payload<Kref>) -> (String, ObjectId) {
    match body::arguments(args).as_deref() {
        Some([Argument::Text(text), Argument::Capability(Kref::Object(from))]) => (text.clone(), *from),
        other => panic!("a line is a text and a connection, not {other:?}"),
    }
}

fn list(values: Vec<Value>, caps: Vec<Kref>) -> Payload<Kref> {
    Payload { body: encode(&Value::List(values)).into(), caps }
}

fn text(text: &str) -> Payload<Kref> {
    list(vec![Value::String(text.to_owned())], Vec::new())
}

fn nothing() -> Payload<Kref> {
    list(Vec::new(), Vec::new())
}

fn capability(kref: Kref) -> Payload<Kref> {
    list(vec![Value::Cap(0)], vec![kref])
}

fn null() -> Reply {
    Reply::Settle(Answer::Fulfill(body::null()))
}

fn failed(code: Code) -> Reply {
    Reply::Fail(code)
}

/// The name in an error answer.
fn name_of(reply: &Reply) -> String {
    let Reply::Settle(Answer::Break(error)) = reply else { panic!("an error is expected, not {reply:?}") };
    match decode(&error.body) {
        Ok(Value::Error(failure)) => failure.name,
        other => panic!("an error is expected, not {other:?}"),
    }
}
