//! The log, as far as it goes back, and as it is written.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::get;
use schemars::JsonSchema;

use super::query::{Query, truth};
use super::stream::{self, Live};
use super::{Desks, Refusal, Role, Route, ask};
use crate::daemon::Phase;
use crate::daemon::control::Desk;
use crate::daemon::log::{Found, LogLevel, LogLine, Selection, last, unknown};
use crate::daemon::requests::{Detail, Request};

/// The most lines of the past that are told.
pub(crate) const LINES_MAX: usize = 10_000;
/// How many are where nobody says.
pub(crate) const LINES: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    let summary = "The last lines of the log, and those that come, one JSON object a line";
    vec![
        Route::by_hand(Method::GET, "/v1/logs", Role::Read, summary, get(logs))
            .asks::<LogsQuery>()
            .streams::<LogLine>(),
    ]
}

/// The parameters of `GET /v1/logs`.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "it is there for its schema; `read` reads each parameter")]
struct LogsQuery {
    /// Of one vat, as `subcluster/vat`, or of a subcluster with all its vats.
    vat: Option<String>,
    /// Of this importance or more: `trace`, `debug`, `info`, `warn`, `error`.
    level: Option<String>,
    /// How many lines of the past: 100 where absent, at most 10,000.
    lines: Option<usize>,
    /// Whether to go on with the lines that come.
    follow: Option<bool>,
}

async fn logs(State(desk): Desks, uri: Uri) -> Result<Response, Refusal> {
    let mut query = Query::of(&uri)?;
    let vat = query.take("vat");
    let level = query.take_as("level", "trace, debug, info, warn or error", LogLevel::named)?;
    let most = query.take_as("lines", "a number up to 10000", number)?.unwrap_or(LINES);
    let follow = query.take_as("follow", "true or false", truth)?.unwrap_or(false);
    query.end(&["vat", "level", "lines", "follow"])?;
    let selection = Selection { vat, level: level.unwrap_or(LogLevel::Trace), target: None };
    let (pages, lines) = desk.events.log().follow();
    let chosen = selection.clone();
    let looked = tokio::task::spawn_blocking(move || last(pages, &chosen, most.max(1)));
    let Found { lines: mut past, others } = looked.await.unwrap_or_default();
    if let (Some(vat), true) = (&selection.vat, past.is_empty()) {
        let mut names = living(&desk).await?;
        if !names.contains(vat) {
            names.extend(others);
            return Err(unknown(vat, &names).into());
        }
    }
    past.drain(..past.len().saturating_sub(most));
    let live = follow.then(|| Live { lines, closing: desk.closing.clone() });
    let past = past.into_iter().map(Arc::from).collect();
    Ok(stream::lines(past, live, Box::new(move |line| selection.takes(line))))
}

pub(super) fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number <= LINES_MAX)
}

/// The names of what lives; none until the host is ready.
async fn living(desk: &Desk) -> Result<Vec<String>, Refusal> {
    if desk.record().phase != Phase::Ready {
        return Ok(Vec::new());
    }
    let inventory = ask(desk, |reply| Request::Status(Detail::Brief, reply)).await?;
    let names = inventory.subclusters.iter().flat_map(|subcluster| {
        let vats = subcluster.vats.iter().map(|vat| format!("{}/{}", subcluster.name, vat.name));
        std::iter::once(subcluster.name.clone()).chain(vats)
    });
    Ok(names.collect())
}
