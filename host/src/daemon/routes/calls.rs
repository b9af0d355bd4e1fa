//! Calls from outside.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post("/v1/call", Role::Operate, "Send a message to an object and wait for its answer", Request::Call)]
}
