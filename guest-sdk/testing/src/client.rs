//! One client of a channel.

use ocap_kernel::ObjectId;

use crate::host::TestHost;

/// A client of a channel: what it says reaches whoever serves the channel, and what is written to it can be read here.
pub struct Client {
    host: TestHost,
    channel: ObjectId,
    client: ObjectId,
}

impl Client {
    pub(crate) fn new(host: TestHost, channel: ObjectId, client: ObjectId) -> Client {
        Client { host, channel, client }
    }

    /// Says a line, and lets everything run. Before anybody serves the channel, lines wait.
    pub fn say(&self, line: &str) {
        self.host.say(format!("a client says {line}"));
        self.host.act(|stage| {
            stage.channels.say(&mut stage.kernel, self.channel, self.client, line);
            stage.settle();
            stage.run();
            Vec::new()
        });
    }

    /// The lines that were written to it since it was last asked.
    pub fn heard(&self) -> Vec<String> {
        self.host.with(|stage| stage.channels.heard(self.client))
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.host.with(|stage| stage.channels.is_closed(self.client))
    }

    /// Goes away, and lets everything run.
    pub fn leave(&self) {
        self.host.say("a client leaves".to_owned());
        self.host.act(|stage| {
            stage.channels.leave(&mut stage.kernel, self.client);
            stage.settle();
            stage.run();
            Vec::new()
        });
    }
}
