//! Who holds what, how it came to be so, and who can reach what.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/caps/why", Role::Read, "Who holds something, and how each came to", Request::CapsWhy),
        Route::post("/v1/caps/of", Role::Read, "What a vat holds, and how it came", Request::CapsOf),
        Route::post("/v1/graph", Role::Read, "Who can reach what", Request::Graph),
        Route::post(
            "/v1/revoke/plan",
            Role::Read,
            "Who would lose what by a revocation; nothing is done",
            Request::RevokePlan,
        ),
    ]
}
