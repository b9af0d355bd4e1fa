//! Launches.

use axum::Json;
use axum::extract::State;
use axum::routing::post;

use super::{Answer, Body, Desks, MALFORMED, Route, ask, parse};
use crate::daemon::requests::{LaunchBody, Launched, Request};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/launch", post(launch))]
}

async fn launch(State(desk): Desks, body: Body) -> Answer<Launched> {
    let body = parsed(body)?;
    ask(&desk, |reply| Request::Launch(body, reply)).await.map(Json)
}

/// The host has a working directory of its own: only paths from the root mean the same to both.
fn parsed(body: Body) -> Result<LaunchBody, super::Refusal> {
    let body: LaunchBody = parse(body)?;
    if body.path.is_absolute() {
        return Ok(body);
    }
    let message = format!("the path {} is not absolute", body.path.display());
    Err(Problem::new(MALFORMED, message).with_help("write it from the root: the host is elsewhere").into())
}
