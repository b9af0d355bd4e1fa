//! The host itself: whether it is there, what it runs, its end.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use schemars::JsonSchema;

use super::query::{Query, truth};
use super::{Answer, Desks, Json, Refusal, Role, Route, ask};
use crate::daemon::Phase;
use crate::daemon::control::STOPPING;
use crate::daemon::requests::{Detail, Inventory, Pong, Request, Status, Stopping};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::by_hand(Method::GET, "/v1/ping", Role::Read, "That the host is there, whatever its phase", get(ping))
            .answers::<Pong>()
            .always(),
        Route::by_hand(Method::GET, "/v1/status", Role::Read, "What runs and how it does", get(status))
            .asks::<StatusQuery>()
            .answers::<Status>()
            .always(),
        Route::by_hand(Method::POST, "/v1/stop", Role::Admin, "Stop in good order", post(stop))
            .answers::<Stopping>()
            .always(),
    ]
}

/// How long the run loop may take to say what there is, before that it does not is what there is to say. An answer waits until all before it
/// is on the disk.
const LOOP_PATIENCE: Duration = Duration::from_secs(5);

fn silent() -> Problem {
    let message = format!("the run loop has not answered for {} s", LOOP_PATIENCE.as_secs());
    Problem::new("ocap::daemon::loop_silent", message)
        .with_help("see whether the disk of the home answers; if that stays so: `ocap-host stop --force`")
}

async fn ping(State(desk): Desks) -> Json<Pong> {
    let record = desk.record();
    Json(Pong { pid: record.process.pid, version: record.version, phase: record.phase })
}

/// The parameters of `GET /v1/status`.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "it is there for its schema; `status` reads its parameter")]
struct StatusQuery {
    /// Whether to leave out the code and the grants of each vat: a quarter of a long answer is left.
    brief: Option<bool>,
}

async fn status(State(desk): Desks, uri: Uri) -> Answer<Status> {
    let mut query = Query::of(&uri)?;
    let detail = match query.take_as("brief", "true or false", truth)? {
        Some(true) => Detail::Brief,
        Some(false) | None => Detail::Whole,
    };
    query.end(&["brief"])?;
    let ask = ask(&desk, |reply| Request::Status(detail, reply));
    let inventory = match desk.record().phase {
        Phase::Ready => match tokio::time::timeout(LOOP_PATIENCE, ask).await {
            Ok(inventory) => inventory?,
            Err(_) => Inventory { problems: vec![silent()], ..Inventory::default() },
        },
        Phase::Starting | Phase::Stopping | Phase::Stopped | Phase::Failed => Inventory::default(),
    };
    // Read again: it may have come further while the loop answered.
    let record = desk.record();
    Ok(Json(Status::of(&record, desk.now_ms(), desk.home.path().display().to_string(), inventory)))
}

async fn stop(State(desk): Desks) -> Answer<Stopping> {
    match desk.record().phase {
        // A loop that is at its end already is no reason to complain.
        Phase::Ready => match ask(&desk, Request::Stop).await {
            Err(Refusal(problem)) if problem.code != STOPPING => return Err(problem.into()),
            _ => {}
        },
        Phase::Starting => desk.ask_to_stop(),
        Phase::Stopping | Phase::Stopped | Phase::Failed => {}
    }
    Ok(Json(Stopping {}))
}
