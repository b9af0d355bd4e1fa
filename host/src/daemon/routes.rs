//! What each path of the control socket does: check the shape of a request, hand it to the run loop, say the answer in HTTP.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::control::{BODY_BYTES_MAX, Desk, STARTING, STOPPING, stopping};
use super::requests::{
    CallBody, CallOutcome, Inventory, LaunchBody, Launched, Pin, PinBody, Pins, Pong, Quarantine, Reply, Request, Retried,
    RetryBody, Status, Stopping, TerminateBody, Terminated, UnpinBody,
};
use super::status_file::Phase;
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

/// A problem as an HTTP response.
pub(super) struct Refusal(Problem);

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

pub(super) async fn ping(State(desk): Desks) -> Json<Pong> {
    let record = desk.record();
    Json(Pong { pid: record.process.pid, version: record.version, phase: record.phase })
}

pub(super) async fn status(State(desk): Desks) -> Answer<Status> {
    let inventory = match desk.record().phase {
        Phase::Ready => ask(&desk, Request::Status).await?,
        Phase::Starting | Phase::Stopping | Phase::Stopped | Phase::Failed => Inventory::default(),
    };
    // Read again: it may have come further while the loop answered.
    let record = desk.record();
    Ok(Json(Status::of(&record, desk.home.path().display().to_string(), inventory)))
}

pub(super) async fn launch(State(desk): Desks, body: Body) -> Answer<Launched> {
    let LaunchBody { path, written, if_changed } = parse(body)?;
    if !path.is_absolute() {
        let message = format!("the path {} is not absolute", path.display());
        return Err(Problem::new(MALFORMED, message).with_help("write it from the root: the host is elsewhere").into());
    }
    let written = written.unwrap_or_else(|| path.display().to_string());
    ask(&desk, |reply| Request::Launch { path, written, if_changed, reply }).await.map(Json)
}

pub(super) async fn terminate(State(desk): Desks, body: Body) -> Answer<Terminated> {
    let TerminateBody { subcluster } = parse(body)?;
    ask(&desk, |reply| Request::Terminate { subcluster, reply }).await.map(Json)
}

pub(super) async fn call(State(desk): Desks, body: Body) -> Answer<CallOutcome> {
    let CallBody { target, method, args } = parse(body)?;
    ask(&desk, |reply| Request::Call { target, method, args, reply }).await.map(Json)
}

pub(super) async fn pin(State(desk): Desks, body: Body) -> Answer<Pin> {
    let PinBody { reference, label } = parse(body)?;
    ask(&desk, |reply| Request::Pin { reference, label, reply }).await.map(Json)
}

pub(super) async fn pins(State(desk): Desks) -> Answer<Pins> {
    let pins = ask(&desk, Request::Pins).await?;
    Ok(Json(Pins { pins }))
}

pub(super) async fn unpin(State(desk): Desks, body: Body) -> Answer<Pin> {
    let UnpinBody { id } = parse(body)?;
    ask(&desk, |reply| Request::Unpin { id, reply }).await.map(Json)
}

pub(super) async fn quarantine(State(desk): Desks) -> Answer<Quarantine> {
    let problems = ask(&desk, Request::QuarantineList).await?;
    Ok(Json(Quarantine { problems }))
}

pub(super) async fn quarantine_retry(State(desk): Desks, body: Body) -> Answer<Retried> {
    let RetryBody { vat } = parse(body)?;
    ask(&desk, |reply| Request::QuarantineRetry { vat, reply }).await.map(Json)
}

/// The body says nothing, but is read: a client that is still writing it must not find the connection closed by the stop.
pub(super) async fn stop(State(desk): Desks, _: Body) -> Answer<Stopping> {
    match desk.record().phase {
        // A loop that is at its end already is no reason to complain.
        Phase::Ready => match ask(&desk, Request::Stop).await {
            Err(Refusal(problem)) if problem.code != STOPPING => return Err(problem.into()),
            _ => {}
        },
        Phase::Starting => desk.ask_to_stop(),
        Phase::Stopping | Phase::Stopped | Phase::Failed => {}
    }
    Ok(Json(Stopping {}))
}

pub(super) async fn no_such_route(uri: Uri) -> Refusal {
    Refusal(Problem::new(NO_SUCH_ROUTE, format!("there is nothing at `{}`", uri.path())).with_help(
        "the paths are /v1/ping, /v1/status, /v1/launch, /v1/terminate, /v1/call, /v1/pin, /v1/pins, /v1/unpin, /v1/quarantine, /v1/quarantine/retry and /v1/stop",
    ))
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refusal {
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

/// That a request is larger than the socket takes. A client says so itself: a host that refuses a body while it is still being written
/// closes the connection, and its word may be lost.
pub(crate) fn too_large() -> Problem {
    Problem::new(TOO_LARGE, format!("the request is larger than {BODY_BYTES_MAX} bytes"))
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
