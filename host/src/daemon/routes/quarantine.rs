//! What is in quarantine.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Route, ask};
use crate::daemon::requests::{Quarantine, Request, Retried};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/quarantine", get(list)), ("/v1/quarantine/retry", post(retry))]
}

async fn list(State(desk): Desks) -> Answer<Quarantine> {
    let problems = ask(&desk, Request::QuarantineList).await?;
    Ok(Json(Quarantine { problems }))
}

async fn retry(State(desk): Desks, body: Body) -> Answer<Retried> {
    super::post(&desk, body, Request::QuarantineRetry).await
}
