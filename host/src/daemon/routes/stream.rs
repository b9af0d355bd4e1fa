//! Answers without an end: a line of JSON for each thing, as it comes.
//!
//! A client that reads too slowly loses lines and is told how many: nobody in the host ever waits for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc, watch};

use super::route::JSON_LINES;
use crate::daemon::requests::Gap;
use crate::daemon::server::{Closing, is_closing};

/// How many lines are on their way to a client beside those that are remembered for it.
const UNDER_WAY: usize = 16;

/// What is to come.
pub(super) struct Live {
    pub(super) lines: broadcast::Receiver<Arc<str>>,
    pub(super) closing: watch::Receiver<Closing>,
}

/// Which lines are wanted.
pub(super) type Choice = Box<dyn Fn(&str) -> bool + Send>;

/// An answer of these lines and, where there is something to come, of what is chosen of that.
pub(super) fn lines(past: Vec<Arc<str>>, live: Option<Live>, choice: Choice) -> Response {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    // It ends when the client is gone.
    tokio::spawn(async move {
        let _gone = pour(past, live, choice, &sender).await;
    });
    ([(header::CONTENT_TYPE, JSON_LINES)], Body::new(Lines(receiver))).into_response()
}

/// The client has hung up.
struct Gone;

async fn pour(
    past: Vec<Arc<str>>,
    live: Option<Live>,
    choice: Choice,
    client: &mpsc::Sender<Bytes>,
) -> Result<(), Gone> {
    for line in past {
        send(client, &line).await?;
    }
    let Some(Live { mut lines, mut closing }) = live else { return Ok(()) };
    loop {
        let next = tokio::select! {
            next = lines.recv() => next,
            // What was said until now is still told.
            () = is_closing(&mut closing) => match lines.try_recv() {
                Ok(line) => Ok(line),
                Err(TryRecvError::Lagged(lost)) => Err(RecvError::Lagged(lost)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => Err(RecvError::Closed),
            },
            // So that somebody who follows what never comes does not stay here when they are gone.
            () = client.closed() => return Err(Gone),
        };
        match next {
            Ok(line) if choice(&line) => send(client, &line).await?,
            Ok(_) => {}
            Err(RecvError::Lagged(lost)) => {
                let gap = serde_json::to_string(&Gap { lost }).expect("a gap is a number");
                send(client, &gap).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn send(client: &mpsc::Sender<Bytes>, line: &str) -> Result<(), Gone> {
    client.send(format!("{line}\n").into()).await.map_err(|_| Gone)
}

/// Lines as the body of an answer.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client gets that begins to read when everything was said.
    async fn told(said: usize, remembered: usize, past: &[&str]) -> Vec<String> {
        let (live, lines) = broadcast::channel::<Arc<str>>(remembered);
        let (closing, closed) = watch::channel(Closing::NotYet);
        (0..said).for_each(|number| drop(live.send(number.to_string().into())));
        closing.send_replace(Closing::Now);
        let (sender, mut receiver) = mpsc::channel(UNDER_WAY);
        let past = past.iter().map(|line| (*line).into()).collect();
        let choice: Choice = Box::new(|line| line != "8");
        tokio::spawn(async move { pour(past, Some(Live { lines, closing: closed }), choice, &sender).await.is_ok() });
        let mut told = Vec::new();
        while let Some(line) = receiver.recv().await {
            told.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        told
    }

    #[tokio::test]
    async fn what_was_comes_first_and_what_is_not_chosen_not_at_all() {
        assert_eq!(told(3, 4, &["a"]).await, ["a", "0", "1", "2"]);
        assert_eq!(told(10, 16, &[]).await.len(), 9);
    }

    #[tokio::test]
    async fn a_client_that_is_too_slow_is_told_what_it_lost() {
        assert_eq!(told(8, 4, &[]).await, [r#"{"$type":"gap","lost":4}"#, "4", "5", "6", "7"]);
    }
}
