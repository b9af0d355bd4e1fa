//! What happens to living vats and subclusters by the hand of their operator.

use axum::extract::State;
use axum::routing::post;

use super::{Answer, Body, Desks, Route};
use crate::daemon::requests::{Request, Terminated};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/terminate", post(terminate))]
}

async fn terminate(State(desk): Desks, body: Body) -> Answer<Terminated> {
    super::post(&desk, body, Request::Terminate).await
}
