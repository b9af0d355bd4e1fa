//! What happens to living vats and subclusters by the hand of their operator.

use super::{Role, Route, absolute};
use crate::daemon::requests::{Request, UpgradeBody, UpgradeTo};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/v1/terminate",
            Role::Admin,
            "End a subcluster or a vat for good, with all that it keeps",
            Request::Terminate,
        ),
        Route::post(
            "/v1/terminate/preview",
            Role::Read,
            "What a termination would end; nothing is done",
            Request::TerminatePreview,
        ),
        Route::post("/v1/restart", Role::Operate, "New heaps from the same state", Request::Restart),
        Route::post_checked(
            "/v1/upgrade",
            Role::Operate,
            "Give a vat other code for the same state",
            check,
            Request::Upgrade,
        ),
        Route::post_checked(
            "/v1/upgrade/plan",
            Role::Operate,
            "Whether that could be done; nothing is done",
            check,
            Request::UpgradePlan,
        ),
        Route::post("/v1/revoke", Role::Admin, "Take back an object or a grant", Request::Revoke),
    ]
}

fn check(body: &UpgradeBody) -> Result<(), Problem> {
    match &body.to {
        UpgradeTo::File { path, .. } => absolute(path),
        UpgradeTo::Declared | UpgradeTo::Stored { .. } | UpgradeTo::Kept => Ok(()),
    }
}
