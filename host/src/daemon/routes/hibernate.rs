//! A vat leaves memory by the hand of its operator.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post(
        "/v1/hibernate",
        Role::Operate,
        "Let a vat leave memory until its next message",
        Request::Hibernate,
    )]
}
