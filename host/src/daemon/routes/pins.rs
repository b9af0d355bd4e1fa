//! References that are kept for the operator.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/pins", Role::Read, "All that is kept for the operator", Request::Pins),
        Route::post("/v1/pin", Role::Operate, "Keep a reference until it is unpinned", Request::Pin),
        Route::post("/v1/unpin", Role::Operate, "Keep a reference no longer", Request::Unpin),
    ]
}
