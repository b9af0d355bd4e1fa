//! Whether the host is in order.

use axum::Json;
use axum::extract::State;
use axum::routing::get;

use super::{Answer, Desks, Route, ask};
use crate::daemon::requests::{Checkup, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/doctor", get(doctor))]
}

async fn doctor(State(desk): Desks) -> Answer<Checkup> {
    ask(&desk, Request::Doctor).await.map(Json)
}
