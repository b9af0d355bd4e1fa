//! A problem as an HTTP response, and the problems of this room.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Route;
use crate::daemon::control::{BODY_BYTES_MAX, STARTING, STOPPING};
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
        STARTING | STOPPING => StatusCode::SERVICE_UNAVAILABLE,
        MALFORMED => StatusCode::BAD_REQUEST,
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
