//! Channels: what comes in from outside and goes out, line by line.

use crate::cap::pass_as_cap;
use crate::{Cap, Promise};

/// A channel of the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel(pub Cap);

impl Channel {
    /// Has each line that arrives sent to `listener`, a durable object, until another takes its place. The registration is durable.
    ///
    /// A line is a call of its method `line(text: String, connection: Connection)`. The host sends only so many lines of one connection
    /// ahead of their answers: a late answer holds the client back, an early one lets it go on.
    pub fn serve(&self, listener: &Cap) -> Promise<()> {
        self.0.call("serve", (listener,))
    }
}

/// One client of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection(pub Cap);

impl Connection {
    /// Writes a line. It is answered when the client's bounded buffer has taken it, and broken with the name `closed` if the client is gone.
    pub fn write(&self, text: &str) -> Promise<()> {
        self.0.call("write", (text,))
    }

    /// Closes the connection after what was written.
    pub fn close(&self) -> Promise<()> {
        self.0.call("close", ())
    }
}

pass_as_cap!(Channel, |channel| &channel.0, Channel);
pass_as_cap!(Connection, |connection| &connection.0, Connection);
