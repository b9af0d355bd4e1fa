//! One client, from its first byte to its last, whatever kind of channel it came by.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use ocap_kernel::ObjectId;
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::channel::Channel;
use super::inlet::{Finish, Inlet};
use super::outlet::Outlet;
use super::{Client, FromIo, HostCall, locked};

/// Where calls to each connection go. It has the only sender, so a connection that is removed here gets no more calls.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<BTreeMap<ObjectId, UnboundedSender<HostCall>>>);

/// What ends a connection.
enum End {
    /// It was all said: by the client, or a vat closed it.
    Said,
    /// The client misbehaved, or the channel is closed.
    Broken,
}

impl Connections {
    /// Hands a call to its connection.
    ///
    /// # Errors
    /// The call, if there is no such connection.
    pub(super) fn hand(&self, call: HostCall) -> Result<(), HostCall> {
        match locked(&self.0).get(&call.object) {
            Some(calls) => calls.send(call).map_err(|refused| refused.0),
            None => Err(call),
        }
    }

    fn add(&self, object: ObjectId) -> UnboundedReceiver<HostCall> {
        let (sender, receiver) = unbounded_channel();
        locked(&self.0).insert(object, sender);
        receiver
    }

    fn remove(&self, object: ObjectId) {
        locked(&self.0).remove(&object);
    }
}

/// Serves one client until it is over. Nothing is read before the kernel has an object for it.
pub(super) async fn attend(channel: Arc<Channel>, connections: Arc<Connections>, stream: UnixStream) {
    let number = channel.clients.fetch_add(1, Ordering::Relaxed) + 1;
    let client = Client { subcluster: channel.spec.subcluster.clone(), channel: channel.spec.name.clone(), number };
    let Some(object) = introduce(&channel, client.clone()).await else { return };
    let (from_client, to_client) = stream.into_split();
    let mut inlet = Inlet::new(channel.clone(), object, from_client);
    let mut outlet = Outlet::new(channel.clone(), to_client, connections.add(object));
    let end = tokio::select! {
        () = channel.closed.cancelled() => End::Broken,
        () = outlet.run() => End::Said,
        finish = inlet.run() => match finish {
            Finish::Answered => End::Said,
            Finish::Expelled => End::Broken,
        },
    };
    connections.remove(object);
    match end {
        End::Said => {
            channel.closed.run_until_cancelled(outlet.finish()).await;
        }
        End::Broken => {}
    }
    outlet.abandon();
    // The client sees its end before the vats do.
    drop((inlet, outlet));
    channel.port.say(FromIo::Gone { object, client });
}

async fn introduce(channel: &Channel, client: Client) -> Option<ObjectId> {
    let (reply, object) = oneshot::channel();
    channel.port.say(FromIo::Connect { client, reply });
    object.await.ok()
}
