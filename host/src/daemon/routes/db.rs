//! The store as a whole.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Route, ask, parse};
use crate::daemon::requests::{BackedUp, BackupBody, DbChecked, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/db/check", get(check)), ("/v1/db/backup", post(backup))]
}

async fn check(State(desk): Desks) -> Answer<DbChecked> {
    ask(&desk, Request::DbCheck).await.map(Json)
}

async fn backup(State(desk): Desks, body: Body) -> Answer<BackedUp> {
    let body: BackupBody = parse(body)?;
    super::absolute(&body.path)?;
    ask(&desk, |reply| Request::DbBackup(body, reply)).await.map(Json)
}
