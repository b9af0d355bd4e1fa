//! What operators may see.

use axum::extract::State;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::{Desks, Refusal, Role, Route, ask};
use crate::daemon::exposition;
use crate::daemon::requests::Request;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/ps", Role::Read, "What each vat does and takes", |reply| Request::Ps(None, reply)),
        Route::get_one("/v1/ps/{subcluster}", Role::Read, "The same of one subcluster", |subcluster, reply| {
            Request::Ps(Some(subcluster), reply)
        }),
        Route::post(
            "/v1/inspect",
            Role::Read,
            "Everything about one vat, object, promise or channel",
            Request::Inspect,
        ),
        Route::get("/v1/metrics", Role::Read, "The figures of the whole host", Request::Metrics),
        exposed("/metrics", "The same for Prometheus", get(metrics)),
        exposed("/metrics/vats", "Figures of each vat for Prometheus", get(vat_metrics)),
    ]
}

fn exposed(path: &'static str, summary: &'static str, does: MethodRouter<std::sync::Arc<super::Desk>>) -> Route {
    let route = Route::by_hand(Method::GET, path, Role::Read, summary, does).answers::<String>();
    Route { media: exposition::CONTENT_TYPE, ..route }
}

async fn metrics(State(desk): Desks) -> Result<Response, Refusal> {
    ask(&desk, Request::Metrics).await.map(|metrics| text(exposition::of_host(&metrics)))
}

async fn vat_metrics(State(desk): Desks) -> Result<Response, Refusal> {
    ask(&desk, |reply| Request::Ps(None, reply)).await.map(|ps| text(exposition::of_vats(&ps)))
}

fn text(text: String) -> Response {
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response()
}
