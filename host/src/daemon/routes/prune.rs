//! What no vat needs any more.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Route, ask};
use crate::daemon::requests::{Pruned, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/prune", post(prune)), ("/v1/prune/plan", get(plan))]
}

async fn prune(State(desk): Desks, _: Body) -> Answer<Pruned> {
    ask(&desk, Request::Prune).await.map(Json)
}

async fn plan(State(desk): Desks) -> Answer<Pruned> {
    ask(&desk, Request::PrunePlan).await.map(Json)
}
