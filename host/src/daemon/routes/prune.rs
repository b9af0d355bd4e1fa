//! What no vat needs any more.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/prune", Role::Admin, "Remove components and compiled code that no vat needs", Request::Prune),
        Route::get("/v1/prune/plan", Role::Read, "What that would remove; nothing is done", Request::PrunePlan),
    ]
}
