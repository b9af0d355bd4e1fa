//! Launches.

use axum::Json;
use axum::extract::State;
use axum::routing::post;

use super::{Answer, Body, Desks, Refusal, Route, ask, parse};
use crate::daemon::requests::{LaunchBody, LaunchPlan, Launched, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/launch", post(launch)), ("/v1/launch/plan", post(plan))]
}

async fn launch(State(desk): Desks, body: Body) -> Answer<Launched> {
    let body = parsed(body)?;
    ask(&desk, |reply| Request::Launch(body, reply)).await.map(Json)
}

async fn plan(State(desk): Desks, body: Body) -> Answer<LaunchPlan> {
    let body = parsed(body)?;
    ask(&desk, |reply| Request::Plan(body, reply)).await.map(Json)
}

fn parsed(body: Body) -> Result<LaunchBody, Refusal> {
    let body: LaunchBody = parse(body)?;
    super::absolute(&body.path)?;
    Ok(body)
}
