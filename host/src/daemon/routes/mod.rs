//! What each path of the control socket does: check the shape of a request, hand it to the run loop, say the answer in HTTP.
//!
//! One file a family of commands, as in [`super::requests`].

mod calls;
mod db;
mod dead_letters;
mod doctor;
mod hibernate;
mod host;
mod launch;
mod lives;
mod pins;
mod prune;
mod quarantine;

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::daemon::control::{BODY_BYTES_MAX, Desk, STARTING, STOPPING, stopping};
use crate::daemon::requests::{Reply, Request};
use crate::problem::Problem;

/// The code of requests that no route understands.
const MALFORMED: &str = "ocap::request::malformed";
/// The code of requests over [`BODY_BYTES_MAX`].
const TOO_LARGE: &str = "ocap::request::too_large";
/// The code of paths that do not exist.
const NO_SUCH_ROUTE: &str = "ocap::request::no_such_route";
/// The code of methods that a path does not have.
const WRONG_METHOD: &str = "ocap::request::wrong_method";

type Desks = State<Arc<Desk>>;
type Body = Result<Bytes, BytesRejection>;
type Answer<T> = Result<Json<T>, Refusal>;
type Route = (&'static str, MethodRouter<Arc<Desk>>);

/// All paths with what they do.
fn routes() -> Vec<Route> {
    let families = [
        host::routes(),
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
    ];
    families.concat()
}

/// The whole socket.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, does)| router.route(path, does));
    router
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}

/// A problem as an HTTP response.
struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Refusal(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (http_status(&self.0.code), Json(self.0)).into_response()
    }
}

/// By the code's room: what a client may do about it.
fn http_status(code: &str) -> StatusCode {
    match code {
        STARTING | STOPPING => StatusCode::SERVICE_UNAVAILABLE,
        MALFORMED => StatusCode::BAD_REQUEST,
        TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        WRONG_METHOD => StatusCode::METHOD_NOT_ALLOWED,
        NO_SUCH_ROUTE => StatusCode::NOT_FOUND,
        _ if code.starts_with("ocap::target::") => StatusCode::NOT_FOUND,
        _ if code.starts_with("ocap::host::") || code.starts_with("ocap::store::") => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

async fn no_such_route(uri: Uri) -> Refusal {
    let paths: Vec<&str> = routes().into_iter().map(|(path, _)| path).collect();
    Refusal(
        Problem::new(NO_SUCH_ROUTE, format!("there is nothing at `{}`", uri.path()))
            .with_help(format!("the paths are {}", paths.join(", "))),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let other = if method == Method::POST { "GET" } else { "POST" };
    Refusal(
        Problem::new(WRONG_METHOD, format!("`{}` does not take {method}", uri.path()))
            .with_help(format!("use {other}")),
    )
}

/// Asks the run loop. Its end, before or after it has the request, shows as a closed channel.
async fn ask<T>(desk: &Desk, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
    let (reply, answer) = oneshot::channel();
    desk.requests()?.send(request(reply)).await.map_err(|_| stopping())?;
    Ok(answer.await.map_err(|_| stopping())??)
}

/// Hands a request with a body to the run loop.
async fn post<B: DeserializeOwned, T>(
    desk: &Desk,
    body: Body,
    request: impl FnOnce(B, Reply<T>) -> Request,
) -> Answer<T> {
    let body = parse(body)?;
    ask(desk, |reply| request(body, reply)).await.map(Json)
}

/// That a request is larger than the socket takes. A client says so itself: a host that refuses a body while it is still being written
/// closes the connection, and its word may be lost.
pub(crate) fn too_large() -> Problem {
    Problem::new(TOO_LARGE, format!("the request is larger than {BODY_BYTES_MAX} bytes"))
}

/// The host has a working directory of its own: only paths from the root mean the same to both.
fn absolute(path: &Path) -> Result<(), Refusal> {
    if path.is_absolute() {
        return Ok(());
    }
    let message = format!("the path {} is not absolute", path.display());
    Err(Problem::new(MALFORMED, message).with_help("write it from the root: the host is elsewhere").into())
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
