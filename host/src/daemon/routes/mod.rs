//! What each path of the control socket does: check the shape of a request, hand it to the run loop, say the answer in HTTP.
//!
//! One file a family of commands, as in [`super::requests`]; each lists its rows of the one table.

mod calls;
mod db;
mod dead_letters;
mod doctor;
mod hibernate;
mod host;
mod launch;
mod lives;
mod openapi;
mod pins;
mod prune;
mod quarantine;
mod refusal;
mod route;
mod views;

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::daemon::control::{BODY_BYTES_MAX, Desk, stopping};
use crate::daemon::requests::{Reply, Request};
use crate::daemon::role::Role;
use crate::problem::Problem;

pub(crate) use refusal::too_large;
use refusal::{MALFORMED, Refusal};
use route::Route;

type Desks = State<Arc<Desk>>;
type Body = Result<Bytes, BytesRejection>;
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
        pins::routes(),
        quarantine::routes(),
        dead_letters::routes(),
        prune::routes(),
        db::routes(),
        doctor::routes(),
        openapi::routes(),
    ];
    families.concat()
}

/// The whole socket.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let router = table().into_iter().fold(Router::new(), |router, mut route| {
        let does = std::mem::take(&mut route.does);
        router.route(route.path, does.route_layer(middleware::from_fn_with_state(Arc::new(route), guard)))
    });
    router
        .fallback(async |uri: Uri| Refusal(refusal::no_such_route(uri.path(), &table())))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            Refusal(refusal::wrong_method(&method, uri.path(), &table()))
        })
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}

/// Lets those pass who may. Whoever reached the socket without a token is the home's owner.
async fn guard(State(route): State<Arc<Route>>, request: HttpRequest, next: Next) -> Result<Response, Refusal> {
    let role = request.extensions().get::<Role>().copied().unwrap_or(Role::Admin);
    if role < route.role {
        return Err(refusal::forbidden(&route, role).into());
    }
    Ok(next.run(request).await)
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

fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let bytes = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return too_large();
        }
        Problem::new(MALFORMED, "the request's body did not come through").because(&rejection)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(MALFORMED, "the request's body is not what this path takes").because(&error).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_this_version_and_its_summary_is_one_line() {
        for Route { path, summary, method, role, media, .. } in table() {
            // What Prometheus reads has a version of its own.
            assert!(path.starts_with("/v1/") || media == crate::daemon::exposition::CONTENT_TYPE, "{path}");
            assert!(!summary.is_empty() && !summary.ends_with('.') && !summary.contains('\n'), "{path}: {summary}");
            assert!(method != Method::GET || role == Role::Read, "{path}: a look is for everybody");
        }
    }
}
