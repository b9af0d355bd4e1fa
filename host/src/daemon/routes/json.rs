//! An answer as one JSON document.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::route::JSON;

/// What is answered. It is written straight into one piece of memory; axum's own `Json` hands each token to a buffer behind a call, which was
/// a seventh of what a `ps` of a thousand vats cost the host.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let document = serde_json::to_vec(&self.0).expect("answers are made of text, numbers, lists and maps by text");
        ([(CONTENT_TYPE, JSON)], document).into_response()
    }
}
