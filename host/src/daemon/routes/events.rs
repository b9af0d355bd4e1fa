//! What happens in the host.

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::get;
use schemars::JsonSchema;

use super::query::{Query, truth};
use super::stream::{self, Live};
use super::{Desks, Refusal, Role, Route};
use crate::daemon::events::{REMEMBERED_MAX, is_of};
use crate::daemon::requests::{Event, Happening};

pub(super) fn routes() -> Vec<Route> {
    let summary = "What has happened last, and what happens, one JSON object a line";
    let row = Route::by_hand(Method::GET, "/v1/events", Role::Read, summary, get(events));
    vec![row.asks::<EventsQuery>().streams::<Event>()]
}

/// The parameters of `GET /v1/events`.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "it is there for its schema; `events` reads each parameter")]
struct EventsQuery {
    /// Of one kind: `vat-started`.
    kind: Option<String>,
    /// How many of the past: all that are remembered where absent, which are at most 1,000.
    lines: Option<usize>,
    /// Whether to go on with the events that come.
    follow: Option<bool>,
}

async fn events(State(desk): Desks, uri: Uri) -> Result<Response, Refusal> {
    let mut query = Query::of(&uri)?;
    let kinds = Happening::KINDS.join(", ");
    let known = |text: &str| Happening::KINDS.contains(&text).then(|| text.to_owned());
    let kind = query.take_as("kind", &format!("one of {kinds}"), known)?;
    let most = query.take_as("lines", "a number up to 10000", super::logs::number)?.unwrap_or(REMEMBERED_MAX);
    let follow = query.take_as("follow", "true or false", truth)?.unwrap_or(false);
    query.end(&["kind", "lines", "follow"])?;
    let chosen = move |line: &str| kind.as_deref().is_none_or(|kind| is_of(line, kind));
    let (mut past, lines) = desk.events.follow();
    past.retain(|line| chosen(line));
    past.drain(..past.len().saturating_sub(most));
    let live = follow.then(|| Live { lines, closing: desk.closing.clone() });
    Ok(stream::lines(past, live, Box::new(chosen)))
}
