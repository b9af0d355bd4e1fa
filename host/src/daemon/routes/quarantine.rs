//! What is in quarantine.

use super::{Role, Route, absolute};
use crate::daemon::requests::{RepairBody, RepairFrom, Request};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/quarantine",
            Role::Read,
            "The diagnostics of everything in quarantine",
            Request::QuarantineList,
        ),
        Route::post(
            "/v1/quarantine/show",
            Role::Read,
            "Everything about one vat in quarantine",
            Request::QuarantineShow,
        ),
        Route::post(
            "/v1/quarantine/retry",
            Role::Operate,
            "Try once more to serve what is in quarantine",
            Request::QuarantineRetry,
        ),
        Route::post_checked(
            "/v1/quarantine/repair",
            Role::Operate,
            "Serve a vat in quarantine again, with a component from elsewhere",
            check,
            Request::QuarantineRepair,
        ),
        Route::post(
            "/v1/quarantine/prune",
            Role::Admin,
            "Give up what is in quarantine, with all that it keeps",
            Request::QuarantinePrune,
        ),
        Route::post(
            "/v1/quarantine/prune/preview",
            Role::Read,
            "What that would end; nothing is done",
            Request::QuarantinePrunePreview,
        ),
    ]
}

fn check(body: &RepairBody) -> Result<(), Problem> {
    match &body.from {
        RepairFrom::File { path, .. } => absolute(path),
        RepairFrom::Stored { .. } => Ok(()),
    }
}
