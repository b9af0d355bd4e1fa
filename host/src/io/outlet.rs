//! What vats say to one client: a bounded buffer, and the calls that wait until it takes them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ocap_kernel::{Answer, Code, Kref, MessageId, Payload};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc::UnboundedReceiver;

use super::body::{self, Argument};
use super::channel::Channel;
use super::limits::OUT_BUFFER_BYTES;
use super::{Direction, HostCall, Reply};

/// The writing side of one connection.
#[derive(Debug)]
pub(super) struct Outlet {
    channel: Arc<Channel>,
    socket: OwnedWriteHalf,
    /// In the order in which vats made them. The run loop keeps each as a row until it is answered, so they are not bounded again here.
    calls: UnboundedReceiver<HostCall>,
    buffer: Vec<u8>,
    side: Side,
    /// Calls that are answered when the connection is over; rows of the run loop as well.
    waiting_for_the_end: Vec<MessageId>,
}

/// Whether the client can still be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Open,
    Shut,
}

impl Outlet {
    pub(super) fn new(channel: Arc<Channel>, socket: OwnedWriteHalf, calls: UnboundedReceiver<HostCall>) -> Outlet {
        let (buffer, side, waiting_for_the_end) = (Vec::new(), Side::Open, Vec::new());
        Outlet { channel, socket, calls, buffer, side, waiting_for_the_end }
    }

    /// Takes calls and writes, until a vat closes the connection or no more calls can come. The buffer may not be empty then.
    pub(super) async fn run(&mut self) {
        loop {
            let room = self.buffer.len() < OUT_BUFFER_BYTES;
            tokio::select! {
                call = self.calls.recv(), if room => match call {
                    None => return,
                    Some(call) if call.method == "close" => return self.shut_by(call),
                    Some(call) => self.take(call),
                },
                written = self.socket.write(&self.buffer), if !self.buffer.is_empty() => self.advance(written),
            }
        }
    }

    /// Takes the calls that are still to be taken, and writes everything.
    pub(super) async fn finish(&mut self) {
        while !self.calls.is_closed() || !self.calls.is_empty() {
            self.run().await;
        }
        while !self.buffer.is_empty() {
            let written = self.socket.write(&self.buffer).await;
            self.advance(written);
        }
    }

    /// Writes what the socket takes at once, and answers all calls that are left.
    pub(super) fn abandon(&mut self) {
        self.write_at_once();
        self.shut();
        while let Ok(call) = self.calls.try_recv() {
            self.take(call);
        }
        for call in std::mem::take(&mut self.waiting_for_the_end) {
            self.answer(call, Reply::Settle(Answer::Fulfill(body::null())));
        }
    }

    fn take(&mut self, call: HostCall) {
        let reply = match call.method.as_str() {
            "write" => Reply::Settle(self.write(&call.args)),
            "close" => return self.shut_by(call),
            "ended" => return self.waiting_for_the_end.push(call.id),
            _ => Reply::Fail(Code::NoSuchMethod),
        };
        self.answer(call.id, reply);
    }

    fn write(&mut self, args: &Payload<Kref>) -> Answer<Kref> {
        let arguments = body::arguments(args);
        let Some([Argument::Text(text)]) = arguments.as_deref() else {
            return refusal("bad-arguments", "write takes one string");
        };
        let frame_max = self.channel.spec.max_frame;
        if self.channel.spec.direction == Direction::In {
            return refusal("not-writable", "the channel is declared with direction `in`");
        }
        if text.contains('\n') {
            return refusal("bad-line", "a line has no newline in it");
        }
        if text.len() > frame_max {
            return refusal("bad-line", &format!("a line has at most {frame_max} bytes"));
        }
        let first = self.buffer.is_empty();
        if self.side == Side::Open {
            self.buffer.extend_from_slice(text.as_bytes());
            self.buffer.push(b'\n');
            self.channel.lines_out.fetch_add(1, Ordering::Relaxed);
        }
        if first {
            self.write_at_once();
        }
        match self.side {
            Side::Open => Answer::Fulfill(body::null()),
            Side::Shut => refusal("closed", "the client is gone"),
        }
    }

    fn shut_by(&mut self, call: HostCall) {
        self.side = Side::Shut;
        self.answer(call.id, Reply::Settle(Answer::Fulfill(body::null())));
    }

    fn write_at_once(&mut self) {
        while !self.buffer.is_empty() {
            match self.socket.try_write(&self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                written => self.advance(written),
            }
        }
    }

    /// A client that can't be written to is gone. What it sent before is still delivered; that is the inlet's affair.
    fn advance(&mut self, written: io::Result<usize>) {
        match written {
            Ok(bytes) if bytes > 0 => drop(self.buffer.drain(..bytes)),
            Ok(_) | Err(_) => self.shut(),
        }
    }

    fn shut(&mut self) {
        self.side = Side::Shut;
        self.buffer.clear();
    }

    fn answer(&self, call: MessageId, reply: Reply) {
        self.channel.port.answer(call, reply);
    }
}

fn refusal(name: &str, message: &str) -> Answer<Kref> {
    Answer::Break(body::error(name, message))
}
