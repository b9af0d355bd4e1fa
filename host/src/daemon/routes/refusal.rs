//! A problem as an HTTP response, and the problems of this room.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{Json, Route};
use crate::daemon::control::{BODY_BYTES_MAX, REQUESTS_MAX, STARTING, STOPPING};
use crate::daemon::role::Role;
use crate::problem::{Problem, printable};

/// The code of requests that no route understands.
pub(super) const MALFORMED: &str = "ocap::request::malformed";
/// The code of requests over [`BODY_BYTES_MAX`].
const TOO_LARGE: &str = "ocap::request::too_large";
/// The code of paths that do not exist.
const NO_SUCH_ROUTE: &str = "ocap::request::no_such_route";
/// The code of methods that a path does not have.
const WRONG_METHOD: &str = "ocap::request::wrong_method";
/// The code of requests that are beyond the client's role.
const FORBIDDEN: &str = "ocap::request::forbidden";

/// The code of requests with a token that is none.
const UNAUTHORIZED: &str = "ocap::request::unauthorized";
/// The code of requests beyond [`REQUESTS_MAX`].
const TOO_MANY: &str = "ocap::request::too_many";
/// The code of bodies that take too long.
const TOO_SLOW: &str = "ocap::request::too_slow";
/// The code of bodies that are nested too deeply.
const TOO_DEEP: &str = "ocap::request::too_deep";

/// A problem as an HTTP response.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Problem);

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
        STARTING | STOPPING | TOO_MANY => StatusCode::SERVICE_UNAVAILABLE,
        MALFORMED | TOO_DEEP => StatusCode::BAD_REQUEST,
        TOO_SLOW => StatusCode::REQUEST_TIMEOUT,
        UNAUTHORIZED => StatusCode::UNAUTHORIZED,
        TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        WRONG_METHOD => StatusCode::METHOD_NOT_ALLOWED,
        NO_SUCH_ROUTE => StatusCode::NOT_FOUND,
        FORBIDDEN => StatusCode::FORBIDDEN,
        _ if code.starts_with("ocap::target::") => StatusCode::NOT_FOUND,
        _ if code.starts_with("ocap::host::") || code.starts_with("ocap::store::") => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// That a request is larger than the socket takes. A client says so itself: a host that refuses a body while it is still being written
/// closes the connection, and its word may be lost.
pub(crate) fn too_large() -> Problem {
    Problem::new(TOO_LARGE, format!("the request is larger than {BODY_BYTES_MAX} bytes"))
}

pub(super) fn no_such_route(asked: &str, routes: &[Route]) -> Problem {
    let mut paths: Vec<&str> = routes.iter().map(|route| route.path).collect();
    paths.dedup();
    Problem::new(NO_SUCH_ROUTE, format!("there is nothing at `{}`", printable(asked)))
        .with_help(format!("the paths are {}", paths.join(", ")))
}

pub(super) fn wrong_method(method: &Method, asked: &str, routes: &[Route]) -> Problem {
    let at = routes.iter().filter(|route| route.is_at(asked));
    let methods: Vec<&str> = at.map(|route| route.method.as_str()).collect();
    Problem::new(WRONG_METHOD, format!("`{}` does not take {}", printable(asked), printable(method.as_str())))
        .with_help(format!("use {}", methods.join(" or ")))
}

pub(super) fn forbidden(route: &Route, has: Role) -> Problem {
    let message = format!(
        "{} {} is for clients of the role `{}`, and this one has the role `{}`",
        route.method,
        route.path,
        route.role.as_str(),
        has.as_str()
    );
    Problem::new(FORBIDDEN, message)
        .with_help(format!("ask with a token of that role: `ocap-host token add NAME --role {}`", route.role.as_str()))
}

pub(super) fn unauthorized() -> Problem {
    Problem::new(UNAUTHORIZED, "the request brings no token that this home knows")
        .with_help("make one: `ocap-host token add NAME --role read`, and send `Authorization: Bearer SECRET`")
}

pub(super) fn too_many() -> Problem {
    Problem::new(TOO_MANY, format!("{REQUESTS_MAX} requests are at work already, which is the most"))
        .with_help("ask again when one of them has ended; `ocap-host status` and `ocap-host stop` work all the same")
}

pub(super) fn too_slow(time: Duration) -> Problem {
    let message = format!("the request's body did not come within {} s", time.as_secs());
    Problem::new(TOO_SLOW, message).with_help("send the whole body at once")
}

pub(super) fn too_deep(most: usize) -> Problem {
    let message = format!("the request's body is nested more than {most} deep");
    Problem::new(TOO_DEEP, message).with_help("pass flatter values: arrays and objects within each other count")
}

pub(super) fn cut_off(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(MALFORMED, "the request's body did not come through").because(error)
}

pub(super) fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(MALFORMED, "the request's body is not what this path takes").because(error)
}
