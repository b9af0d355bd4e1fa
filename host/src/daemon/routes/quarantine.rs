//! What is in quarantine.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/quarantine",
            Role::Read,
            "The diagnostics of everything in quarantine",
            Request::QuarantineList,
        ),
        Route::post(
            "/v1/quarantine/retry",
            Role::Operate,
            "Try once more to serve what is in quarantine",
            Request::QuarantineRetry,
        ),
    ]
}
