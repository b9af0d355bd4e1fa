//! What is in quarantine.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Route, ask, parse};
use crate::daemon::requests::{
    Ending, Quarantine, Quarantined, RepairBody, RepairFrom, Repaired, Request, Retried, Terminated,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/v1/quarantine", get(list)),
        ("/v1/quarantine/show", post(show)),
        ("/v1/quarantine/retry", post(retry)),
        ("/v1/quarantine/repair", post(repair)),
        ("/v1/quarantine/prune", post(prune)),
        ("/v1/quarantine/prune/preview", post(prune_preview)),
    ]
}

async fn list(State(desk): Desks) -> Answer<Quarantine> {
    let problems = ask(&desk, Request::QuarantineList).await?;
    Ok(Json(Quarantine { problems }))
}

async fn show(State(desk): Desks, body: Body) -> Answer<Quarantined> {
    super::post(&desk, body, Request::QuarantineShow).await
}

async fn retry(State(desk): Desks, body: Body) -> Answer<Retried> {
    super::post(&desk, body, Request::QuarantineRetry).await
}

async fn repair(State(desk): Desks, body: Body) -> Answer<Repaired> {
    let body: RepairBody = parse(body)?;
    if let RepairFrom::File { path, .. } = &body.from {
        super::absolute(path)?;
    }
    ask(&desk, |reply| Request::QuarantineRepair(body, reply)).await.map(Json)
}

async fn prune(State(desk): Desks, body: Body) -> Answer<Terminated> {
    super::post(&desk, body, Request::QuarantinePrune).await
}

async fn prune_preview(State(desk): Desks, body: Body) -> Answer<Ending> {
    super::post(&desk, body, Request::QuarantinePrunePreview).await
}
