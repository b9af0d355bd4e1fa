//! The door of every path: a request is heard to its end, then it is seen who asks, and whether there is room.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::refusal::{self, Refusal};
use super::{Role, Route};
use crate::daemon::control::{BODY_BYTES_MAX, Desk};
use crate::daemon::tokens;

/// How long a client may take to send a request's body.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How deep arrays and objects of a body may be nested. serde_json itself would go to 128.
pub(super) const DEPTH_MAX: usize = 64;

/// Whether a request counts among those that are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It does, and is refused if there are too many.
    Counted,
    /// It is always let in: to see how the host does, and to stop it.
    Always,
}

/// By which socket a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Entrance {
    /// The home's own: whoever reaches it, and does not say otherwise by a token, is the home's owner.
    Owner,
    /// The one that is handed on: nobody is anybody without a token.
    Bearers,
}

/// What the door knows.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) desk: Arc<Desk>,
    pub(super) route: Arc<Route>,
    pub(super) entrance: Entrance,
    /// One for each request that may be at work; each socket has its own.
    pub(super) places: Arc<Semaphore>,
}

/// Lets those pass who may.
///
/// The body is read first, whoever asks: a refusal while it is still being written would be lost with the connection.
pub(super) async fn pass(State(door): State<Door>, request: Request, next: Next) -> Result<Response, Refusal> {
    let Door { desk, route, entrance, places } = door;
    let (head, body) = request.into_parts();
    let body = hear(body).await?;
    let role = role_of(&desk, &head.headers, entrance)?;
    if role < route.role {
        return Err(refusal::forbidden(&route, role).into());
    }
    let place = match route.admission {
        Admission::Always => None,
        Admission::Counted => Some(places.try_acquire_owned().map_err(|_| refusal::too_many())?),
    };
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    Ok(response.map(|body| Body::new(Placed { body, _place: place })))
}

/// The body of an answer, which keeps its place until it is written: for as long as the client follows, if it is a stream.
struct Placed {
    body: Body,
    _place: Option<OwnedSemaphorePermit>,
}

impl hyper::body::Body for Placed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn hear(body: Body) -> Result<Bytes, Refusal> {
    let heard = timeout(BODY_TIME, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let heard = heard.map_err(|_| refusal::too_slow(BODY_TIME))?.map_err(|error| {
        if error.is::<LengthLimitError>() { refusal::too_large() } else { refusal::cut_off(error.as_ref()) }
    })?;
    let bytes = heard.to_bytes();
    if depth(&bytes) > DEPTH_MAX {
        return Err(refusal::too_deep(DEPTH_MAX).into());
    }
    Ok(bytes)
}

/// Nobody but the home's owner gets past the socket's file and the look at its peer; a token makes less of them.
fn role_of(desk: &Desk, headers: &HeaderMap, entrance: Entrance) -> Result<Role, Refusal> {
    let authorization = match (headers.get(header::AUTHORIZATION), entrance) {
        (Some(authorization), _) => authorization,
        (None, Entrance::Owner) => return Ok(Role::Admin),
        (None, Entrance::Bearers) => return Err(refusal::unauthorized().into()),
    };
    let secret = authorization.to_str().ok().and_then(|text| {
        let (scheme, secret) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    });
    let role = secret.and_then(|secret| tokens::role_of(&desk.home, secret));
    role.ok_or_else(|| refusal::unauthorized().into())
}

/// How deep JSON is nested; of what is no JSON, whatever comes out.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_that_of_arrays_and_objects_and_not_of_text() {
        assert_eq!(depth(b""), 0);
        assert_eq!(depth(b"7"), 0);
        assert_eq!(depth(br#"{"a": [1, {"b": 2}], "c": []}"#), 3);
        assert_eq!(depth(br#"["[[[[", "\"[[", "\\"]"#), 1);
        assert_eq!(depth("[".repeat(100_000).as_bytes()), 100_000);
        assert_eq!(depth(b"]]]]["), 1);
    }
}
