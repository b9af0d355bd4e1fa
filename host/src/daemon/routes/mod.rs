//! What each path of the control socket does: check the shape of a request, hand it to the run loop, say the answer in HTTP.
//!
//! One file a family of commands, as in [`super::requests`]; each lists its rows of the one table.

mod calls;
mod caps;
mod db;
mod dead_letters;
mod doctor;
mod door;
mod events;
mod hibernate;
mod host;
mod json;
mod launch;
mod lives;
mod logs;
mod openapi;
mod pins;
mod prune;
mod quarantine;
mod query;
mod refusal;
mod route;
mod stream;
#[cfg(test)]
mod tests;
mod views;

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::{Router, middleware};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, oneshot};

use crate::daemon::control::{Desk, REQUESTS_MAX, stopping};
use crate::daemon::requests::{Reply, Request};
use crate::daemon::role::Role;
use crate::problem::Problem;

use door::Door;
pub(super) use door::Entrance;
use json::Json;
pub(crate) use refusal::too_large;
use refusal::{MALFORMED, Refusal};
use route::{Route, Shape};

type Desks = State<Arc<Desk>>;
type Answer<T> = Result<Json<T>, Refusal>;

/// Everything that the socket does.
fn table() -> Vec<Route> {
    let families = [
        host::routes(),
        views::routes(),
        launch::routes(),
        lives::routes(),
        hibernate::routes(),
        calls::routes(),
        caps::routes(),
        pins::routes(),
        quarantine::routes(),
        dead_letters::routes(),
        prune::routes(),
        db::routes(),
        doctor::routes(),
        logs::routes(),
        events::routes(),
        openapi::routes(),
    ];
    families.concat()
}

/// How all answers look.
pub(super) fn answers() -> Vec<Shape> {
    table().into_iter().filter_map(|route| route.answer).collect()
}

/// The whole socket, for whoever comes by this entrance.
pub(super) fn router(desk: Arc<Desk>, entrance: Entrance) -> Router {
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let router = table().into_iter().fold(Router::new(), |router, mut route| {
        let does = std::mem::take(&mut route.does);
        let door = Door { desk: desk.clone(), route: Arc::new(route), entrance, places: places.clone() };
        let path = door.route.path;
        router.route(path, does.route_layer(middleware::from_fn_with_state(door, door::pass)))
    });
    router
        .fallback(async |uri: Uri| Refusal(refusal::no_such_route(uri.path(), &table())))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            Refusal(refusal::wrong_method(&method, uri.path(), &table()))
        })
        .with_state(desk)
}

/// Asks the run loop. Its end, before or after it has the request, shows as a closed channel.
async fn ask<T>(desk: &Desk, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
    let (reply, answer) = oneshot::channel();
    desk.requests()?.send(request(reply)).await.map_err(|_| stopping())?;
    Ok(answer.await.map_err(|_| stopping())??)
}

/// The host has a working directory of its own: only paths from the root mean the same to both.
fn absolute(path: &Path) -> Result<(), Problem> {
    if path.is_absolute() {
        return Ok(());
    }
    let message = format!("the path {} is not absolute", path.display());
    Err(Problem::new(MALFORMED, message).with_help("write it from the root: the host is elsewhere"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| refusal::malformed(&error).into())
}
