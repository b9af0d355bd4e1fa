//! The channel kind `unix-listen`: a Unix socket that any number of clients connect to.

use std::os::unix::net::UnixListener as Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::UnixListener;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::FromIo;
use super::channel::{Channel, Running};
use super::connection::{self, Connections};
use super::limits::{ACCEPT_PAUSE, RETRY_FIRST, RETRY_LONGEST};

/// Serves a channel until it is closed. Without a socket to begin with it is down, and heals.
pub(super) async fn serve(
    channel: Arc<Channel>,
    connections: Arc<Connections>,
    first: Option<Bound>,
    running: Running,
) {
    let serving = async {
        let mut at_hand = first;
        loop {
            let bound = match at_hand.take() {
                Some(bound) => bound,
                None => heal(&channel).await,
            };
            // If the runtime can't watch one more descriptor, the socket is dead, and is replaced like any dead one.
            if let Ok(listener) = UnixListener::from_std(bound) {
                accept(&channel, &connections, listener).await;
            }
        }
    };
    channel.closed.run_until_cancelled(serving).await;
    drop(running);
}

/// Tries again until there is a socket.
async fn heal(channel: &Arc<Channel>) -> Bound {
    let mut pause = RETRY_FIRST;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_LONGEST);
        let trying = channel.clone();
        // A file system may take its time. If the channel is closed meanwhile, `establish` cleans up behind itself.
        if let Ok(Ok(bound)) = spawn_blocking(move || trying.establish()).await {
            let (subcluster, name) = (channel.spec.subcluster.clone(), channel.spec.name.clone());
            channel.port.say(FromIo::Healed { subcluster, channel: name });
            return bound;
        }
    }
}

/// Takes in clients, for ever.
async fn accept(channel: &Arc<Channel>, connections: &Arc<Connections>, listener: UnixListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(seat) = channel.admit() else {
            channel.clients_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let attending = connection::attend(channel.clone(), connections.clone(), stream);
        let running = channel.running();
        tokio::spawn(async move {
            attending.await;
            drop(seat);
            drop(running);
        });
    }
}
