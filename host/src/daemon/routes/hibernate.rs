//! A vat leaves memory by the hand of its operator.

use axum::extract::State;
use axum::routing::post;

use super::{Answer, Body, Desks, Route};
use crate::daemon::requests::{Hibernated, Request};

pub(super) fn routes() -> Vec<Route> {
    vec![("/v1/hibernate", post(hibernate))]
}

async fn hibernate(State(desk): Desks, body: Body) -> Answer<Hibernated> {
    super::post(&desk, body, Request::Hibernate).await
}
