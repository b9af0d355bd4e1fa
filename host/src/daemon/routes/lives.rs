//! What happens to living vats and subclusters by the hand of their operator.

use axum::Json;
use axum::extract::State;
use axum::routing::post;

use super::{Answer, Body, Desks, Refusal, Route, ask, parse};
use crate::daemon::requests::{Ending, Request, Restarted, Revoked, Terminated, UpgradeBody, UpgradeTo, Upgraded};

pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/v1/terminate", post(terminate)),
        ("/v1/terminate/preview", post(terminate_preview)),
        ("/v1/restart", post(restart)),
        ("/v1/upgrade", post(upgrade)),
        ("/v1/upgrade/plan", post(upgrade_plan)),
        ("/v1/revoke", post(revoke)),
    ]
}

async fn terminate(State(desk): Desks, body: Body) -> Answer<Terminated> {
    super::post(&desk, body, Request::Terminate).await
}

async fn terminate_preview(State(desk): Desks, body: Body) -> Answer<Ending> {
    super::post(&desk, body, Request::TerminatePreview).await
}

async fn restart(State(desk): Desks, body: Body) -> Answer<Restarted> {
    super::post(&desk, body, Request::Restart).await
}

async fn upgrade(State(desk): Desks, body: Body) -> Answer<Upgraded> {
    let body = parsed(body)?;
    ask(&desk, |reply| Request::Upgrade(body, reply)).await.map(Json)
}

async fn upgrade_plan(State(desk): Desks, body: Body) -> Answer<Upgraded> {
    let body = parsed(body)?;
    ask(&desk, |reply| Request::UpgradePlan(body, reply)).await.map(Json)
}

async fn revoke(State(desk): Desks, body: Body) -> Answer<Revoked> {
    super::post(&desk, body, Request::Revoke).await
}

fn parsed(body: Body) -> Result<UpgradeBody, Refusal> {
    let body: UpgradeBody = parse(body)?;
    if let UpgradeTo::File { path, .. } = &body.to {
        super::absolute(path)?;
    }
    Ok(body)
}
