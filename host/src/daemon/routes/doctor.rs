//! Whether the host is in order.

use super::{Role, Route};
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/doctor", Role::Read, "Count and check everything again", Request::Doctor),
        Route::post(
            "/v1/doctor/fix",
            Role::Admin,
            "Mend what can be mended without losing anything",
            Request::DoctorFix,
        ),
    ]
}
