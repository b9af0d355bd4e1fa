//! Messages that will never be delivered.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/dead-letters", Role::Read, "All dead letters, oldest first", Request::DeadLetterList),
        Route::get_one(
            "/v1/dead-letters/{id}",
            Role::Read,
            "One dead letter, with what was in it",
            Request::DeadLetterShow,
        ),
        Route::post("/v1/dead-letters/drop", Role::Admin, "Forget one dead letter, or all", Request::DeadLetterDrop),
    ]
}
