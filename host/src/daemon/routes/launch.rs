//! Launches.

use super::{Role, Route, absolute};
use crate::daemon::requests::{LaunchBody, Request};
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post_checked(
            "/v1/launch",
            Role::Operate,
            "Launch the subcluster of a declaration or bundle",
            check,
            Request::Launch,
        ),
        // It reads files of the user's and shows what is wrong with them: more than a look at the host.
        Route::post_checked(
            "/v1/launch/plan",
            Role::Operate,
            "What a launch would do; nothing is done",
            check,
            Request::Plan,
        ),
    ]
}

fn check(body: &LaunchBody) -> Result<(), Problem> {
    absolute(&body.path)
}
