//! The store as a whole.

use super::{Role, Route, absolute};
use crate::daemon::requests::{BackupBody, Request};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/db/check",
            Role::Read,
            "Whether every page, row and count of the store is right",
            Request::DbCheck,
        ),
        Route::post_checked(
            "/v1/db/backup",
            Role::Admin,
            "Make a backup in a directory of the host's machine",
            check,
            Request::DbBackup,
        ),
    ]
}

fn check(body: &BackupBody) -> Result<(), Problem> {
    absolute(&body.path)
}
