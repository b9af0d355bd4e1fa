//! Calls from outside.

use axum::extract::State;
use axum::routing::post;

use super::{Answer, Body, Desks, Route};
use crate::daemon::requests::{CallOutcome, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/call", post(call))]
}

async fn call(State(desk): Desks, body: Body) -> Answer<CallOutcome> {
    super::post(&desk, body, Request::Call).await
}
