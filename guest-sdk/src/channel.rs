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

    /// Answers when the connection is over, whoever ended it, and is broken with `object-gone` if it was over before or ended with the host.
    /// Have it come to a durable object with [`Promise::then`], and it is heard also after a `kill -9`:
    ///
    /// ```
    /// # use ocap_guest_sdk::prelude::*;
    /// #[derive(Durable, Default)]
    /// struct Door {
    ///     guests: Set<Cap>,
    /// }
    ///
    /// #[object]
    /// impl Door {
    ///     fn line(this: This<Self>, text: String, connection: Connection) {
    ///         if this.with(|door| door.guests.insert(connection.0.clone())) {
    ///             connection.ended().then_with(&this, Door::left, connection);
    ///         }
    ///         info!("{text}");
    ///     }
    ///
    ///     #[answer]
    ///     fn left(&mut self, _: Result<()>, connection: Connection) {
    ///         self.guests.remove(&connection.0);
    ///     }
    /// }
    /// ```
    pub fn ended(&self) -> Promise<()> {
        self.0.call("ended", ())
    }
}

pass_as_cap!(Channel, |channel| &channel.0, Channel);
pass_as_cap!(Connection, |connection| &connection.0, Connection);
