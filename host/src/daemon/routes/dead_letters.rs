//! Messages that will never be delivered.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{get, post};

use super::{Answer, Body, Desks, Route, ask};
use crate::daemon::requests::{DeadLetter, DeadLetters, Dropped, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/v1/dead-letters", get(list)),
        ("/v1/dead-letters/{id}", get(show)),
        ("/v1/dead-letters/drop", post(drop_some)),
    ]
}

async fn list(State(desk): Desks) -> Answer<DeadLetters> {
    ask(&desk, Request::DeadLetterList).await.map(Json)
}

async fn show(State(desk): Desks, Path(id): Path<String>) -> Answer<DeadLetter> {
    ask(&desk, |reply| Request::DeadLetterShow(id, reply)).await.map(Json)
}

async fn drop_some(State(desk): Desks, body: Body) -> Answer<Dropped> {
    super::post(&desk, body, Request::DeadLetterDrop).await
}
