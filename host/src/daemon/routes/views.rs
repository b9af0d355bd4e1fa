//! What operators may see.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Refusal, Route, ask};
use crate::daemon::control::Desk;
use crate::daemon::exposition;
use crate::daemon::requests::{Inspection, Metrics, Ps, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/v1/ps", get(ps)),
        ("/v1/ps/{subcluster}", get(ps_of)),
        ("/v1/inspect", post(inspect)),
        ("/v1/metrics", get(metrics)),
        ("/metrics", get(metrics_text)),
        ("/metrics/vats", get(vat_metrics_text)),
    ]
}

async fn ps(State(desk): Desks) -> Answer<Ps> {
    all_vats(&desk).await.map(Json)
}

async fn ps_of(State(desk): Desks, Path(subcluster): Path<String>) -> Answer<Ps> {
    ask(&desk, |reply| Request::Ps(Some(subcluster), reply)).await.map(Json)
}

async fn all_vats(desk: &Arc<Desk>) -> Result<Ps, Refusal> {
    ask(desk, |reply| Request::Ps(None, reply)).await
}

async fn inspect(State(desk): Desks, body: Body) -> Answer<Inspection> {
    super::post(&desk, body, Request::Inspect).await
}

async fn metrics(State(desk): Desks) -> Answer<Metrics> {
    ask(&desk, Request::Metrics).await.map(Json)
}

async fn metrics_text(State(desk): Desks) -> Result<Response, Refusal> {
    ask(&desk, Request::Metrics).await.map(|metrics| exposed(exposition::of_host(&metrics)))
}

async fn vat_metrics_text(State(desk): Desks) -> Result<Response, Refusal> {
    all_vats(&desk).await.map(|ps| exposed(exposition::of_vats(&ps)))
}

fn exposed(text: String) -> Response {
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response()
}
