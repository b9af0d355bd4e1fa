//! Channels and their clients, without a socket: lines go in and come out.

use std::collections::BTreeMap;

use ocap_kernel::{Answer, Code, HostCall, Kernel, Kref, MessageId, ObjectId, Payload, Reply};
use ocap_passable::{Value, encode};

use crate::timer::{arguments, error};

/// Every channel of the test, and every client.
#[derive(Default)]
pub(crate) struct Channels {
    channels: BTreeMap<ObjectId, Channel>,
    clients: BTreeMap<ObjectId, Heard>,
}

struct Channel {
    /// As in `uses`: `io.llm`.
    name: String,
    handler: Option<Kref>,
    /// What clients said before anybody served them.
    waiting: Vec<(ObjectId, String)>,
}

/// What a client heard and has not read.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    closed: bool,
    /// Calls that are answered when it is over.
    waiting_for_the_end: Vec<MessageId>,
}

impl Channels {
    /// This object is a channel.
    pub(crate) fn open(&mut self, object: ObjectId, name: &str) {
        self.channels.insert(object, Channel { name: name.to_owned(), handler: None, waiting: Vec::new() });
    }

    /// The channel of that name.
    pub(crate) fn find(&self, name: &str) -> ObjectId {
        let mut found = self.channels.iter().filter(|(_, channel)| channel.name == name).map(|(object, _)| *object);
        match (found.next(), found.next()) {
            (Some(object), None) => object,
            (None, _) => panic!("no vat of the test uses a channel `{name}`"),
            (Some(_), Some(_)) => panic!("several subclusters of the test have a channel `{name}`"),
        }
    }

    /// A new client.
    pub(crate) fn connect(&mut self, kernel: &mut Kernel) -> ObjectId {
        let client = kernel.export_until_boot(format!("client {}", self.clients.len() + 1));
        self.clients.insert(client, Heard::default());
        client
    }

    /// The client says a line.
    pub(crate) fn say(&mut self, kernel: &mut Kernel, channel: ObjectId, client: ObjectId, text: &str) {
        let channel = self.channels.get_mut(&channel).expect("a channel of the test");
        match channel.handler {
            Some(handler) => line(kernel, handler, client, text.to_owned()),
            None => channel.waiting.push((client, text.to_owned())),
        }
    }

    /// The client goes.
    pub(crate) fn leave(&mut self, kernel: &mut Kernel, client: ObjectId) {
        let heard = self.clients.entry(client).or_default();
        heard.closed = true;
        std::mem::take(&mut heard.waiting_for_the_end).into_iter().for_each(|call| kernel.answer_call(call, done()));
        kernel.end_object(client);
    }

    /// What the client has heard since it last looked.
    pub(crate) fn heard(&mut self, client: ObjectId) -> Vec<String> {
        self.clients.get_mut(&client).map(|heard| std::mem::take(&mut heard.lines)).unwrap_or_default()
    }

    /// Whether the connection is over.
    pub(crate) fn is_closed(&self, client: ObjectId) -> bool {
        self.clients.get(&client).is_none_or(|heard| heard.closed)
    }

    /// Takes a vat's message to a channel or a client. Others are not known.
    pub(crate) fn take(&mut self, kernel: &mut Kernel, call: HostCall) {
        let args = arguments(&call.args);
        let reply = if let Some(channel) = self.channels.get_mut(&call.object) {
            match (call.method.as_str(), args.as_slice()) {
                ("serve", [Value::Cap(index)]) => {
                    let handler = call.args.caps[*index];
                    // Held before the call is answered, which lets go of its arguments.
                    kernel.keep(call.object, Some(handler)).expect("a channel is there as long as the test");
                    channel.handler = Some(handler);
                    for (client, text) in std::mem::take(&mut channel.waiting) {
                        line(kernel, handler, client, text);
                    }
                    done()
                }
                ("serve", _) => error("bad-arguments", "serve takes one capability"),
                _ => Reply::Fail(Code::NoSuchMethod),
            }
        } else if let Some(heard) = self.clients.get_mut(&call.object) {
            match (call.method.as_str(), args.as_slice()) {
                _ if heard.closed => error("closed", "the client is gone"),
                ("write", [Value::String(text)]) if text.contains('\n') => {
                    error("bad-line", "a line has no newline in it")
                }
                ("write", [Value::String(text)]) => {
                    heard.lines.push(text.clone());
                    done()
                }
                ("write", _) => error("bad-arguments", "write takes one string"),
                ("close", _) => {
                    kernel.answer_call(call.id, done());
                    return self.leave(kernel, call.object);
                }
                ("ended", _) => return heard.waiting_for_the_end.push(call.id),
                _ => Reply::Fail(Code::NoSuchMethod),
            }
        } else {
            Reply::Fail(Code::ObjectGone)
        };
        kernel.answer_call(call.id, reply);
    }
}

fn done() -> Reply {
    Reply::Settle(Answer::Fulfill(Payload::plain(encode(&Value::Null))))
}

fn line(kernel: &mut Kernel, handler: Kref, client: ObjectId, text: String) {
    let args = encode(&Value::List(vec![Value::String(text), Value::Cap(0)]));
    let args = Payload { body: args.into(), caps: vec![Kref::Object(client)] };
    // As at the host: a handler that is gone hears nothing, and nobody is told. The answer is asked for because the host asks too.
    let _ = kernel.ask(handler, "line", args);
}
