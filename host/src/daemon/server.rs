//! The connections of a control socket: how many there may be, and how long each may take to say what it wants.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::peers::OwnUserOnly;

/// How many connections there may be. Twice as many as requests that may be at work, so that there is a way to ask how the host does
/// when all those hang; whoever comes after that waits until one ends.
const CONNECTIONS_MAX: usize = 128;

/// How long a client may take from the connection, or from the last answer, to the end of a request's head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The most headers in it.
const HEADERS_MAX: usize = 64;

/// Serves until `closing` says so; then no connection takes another request, and this returns when all are over. Dropped, it hangs up.
pub(super) async fn serve(listener: UnixListener, router: Router, closing: watch::Receiver<Closing>) {
    let listener = OwnUserOnly::new(listener);
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut attended = JoinSet::new();
    let mut end = closing.clone();
    loop {
        let next = async {
            let seat = seats.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, seat))
        };
        tokio::select! {
            () = is_closing(&mut end) => break,
            Some(_) = attended.join_next() => {}
            Some((stream, seat)) = next => drop(attended.spawn(attend(stream, router.clone(), closing.clone(), seat))),
        }
    }
    drop(listener);
    while attended.join_next().await.is_some() {}
}

/// Whether the socket is still served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It is.
    NotYet,
    /// What was asked is answered, and nothing more is taken.
    Now,
}

/// Waits for the end. A sender that is gone means the same.
pub(super) async fn is_closing(closing: &mut watch::Receiver<Closing>) {
    let _ = closing.wait_for(|closing| *closing == Closing::Now).await;
}

async fn attend(
    stream: UnixStream,
    router: Router,
    mut closing: watch::Receiver<Closing>,
    _seat: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // A connection that breaks is its client's affair.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = is_closing(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
