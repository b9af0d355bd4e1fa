//! References that are kept for the operator.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Route, ask};
use crate::daemon::requests::{Pin, Pins, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/pins", get(list)), ("/v1/pin", post(pin)), ("/v1/unpin", post(unpin))]
}

async fn list(State(desk): Desks) -> Answer<Pins> {
    let pins = ask(&desk, Request::Pins).await?;
    Ok(Json(Pins { pins }))
}

async fn pin(State(desk): Desks, body: Body) -> Answer<Pin> {
    super::post(&desk, body, Request::Pin).await
}

async fn unpin(State(desk): Desks, body: Body) -> Answer<Pin> {
    super::post(&desk, body, Request::Unpin).await
}
