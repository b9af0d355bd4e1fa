//! What a client sends: lines, each a message to the channel's handler, never more than a window of them unanswered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ocap_kernel::{Kref, ObjectId};
use tokio::io::Interest;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::channel::Channel;
use super::limits::WINDOW;
use super::lines::{Lines, Next};
use super::{Direction, FromIo, body};

/// The reading side of one connection.
#[derive(Debug)]
pub(super) struct Inlet {
    channel: Arc<Channel>,
    connection: ObjectId,
    lines: Lines<OwnedReadHalf>,
    /// One task for each line that is not answered yet.
    unanswered: JoinSet<()>,
}

/// Why there is nothing more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// The client closed its side, and all it sent is answered.
    Answered,
    /// The client sent something that is no line.
    Expelled,
}

impl Inlet {
    pub(super) fn new(channel: Arc<Channel>, connection: ObjectId, socket: OwnedReadHalf) -> Inlet {
        let lines = Lines::new(socket, channel.spec.max_frame);
        Inlet { channel, connection, lines, unanswered: JoinSet::new() }
    }

    /// Sends the handler every line, to the end.
    pub(super) async fn run(&mut self) -> Finish {
        match self.channel.spec.direction {
            Direction::In | Direction::InOut => self.read().await,
            Direction::Out => self.watch_for_the_end().await,
        }
    }

    async fn read(&mut self) -> Finish {
        let mut handler = self.channel.handler.subscribe();
        loop {
            while self.unanswered.len() >= WINDOW {
                self.unanswered.join_next().await;
            }
            handler.wait_for(Option::is_some).await.expect("the channel, which is kept here, keeps the sender");
            match self.lines.next().await {
                Next::Line(text) => self.send(&handler, text),
                Next::End => break,
                Next::Torn => {
                    self.channel.lines_torn.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Next::TooLong | Next::NotText => {
                    self.channel.clients_expelled.fetch_add(1, Ordering::Relaxed);
                    return Finish::Expelled;
                }
            }
        }
        while self.unanswered.join_next().await.is_some() {}
        Finish::Answered
    }

    fn send(&mut self, handler: &watch::Receiver<Option<Kref>>, text: String) {
        let (reply, answered) = oneshot::channel();
        let args = body::text_and_capability(text, Kref::Object(self.connection));
        // Read and queued under one lock: see `Channel::handler`.
        let handler = handler.borrow();
        let target = handler.expect("a channel that has a handler never loses it");
        self.channel.port.say(FromIo::Send { target, method: "line".to_owned(), args, reply });
        drop(handler);
        self.channel.lines_in.fetch_add(1, Ordering::Relaxed);
        // How it was answered is between the handler and whoever reads its log; here it only makes room.
        self.unanswered.spawn(async move { drop(answered.await) });
    }

    /// Not a byte is read; the system says when the other side is closed.
    async fn watch_for_the_end(&mut self) -> Finish {
        let socket = self.lines.source();
        while let Ok(ready) = socket.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                break;
            }
            // Bytes that stay unread would be ready for ever: forget them, and wait for the next change.
            let _ = socket.as_ref().try_io(Interest::READABLE, || Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
        }
        Finish::Answered
    }
}
