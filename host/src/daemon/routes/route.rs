//! One row of the control socket's table: everything that is known of a path and method, said once.
//!
//! The router, the refusals, the check of roles and the OpenAPI document all come from these rows.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::door::Admission;
use super::{Desks, Json, ask, parse};
use crate::daemon::control::Desk;
use crate::daemon::requests::{Reply, Request};
use crate::daemon::role::Role;
use crate::problem::Problem;

/// How a type looks on the wire, as a function of its type.
pub(in crate::daemon) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What a path does when it is asked by one method.
#[derive(Clone)]
pub(in crate::daemon) struct Route {
    pub(super) path: &'static str,
    pub(super) method: Method,
    /// Who may.
    pub(super) role: Role,
    pub(super) admission: Admission,
    /// What it does, in one line without a full stop.
    pub(super) summary: &'static str,
    /// The parameters after `?`, as the fields of a type.
    pub(super) query: Option<Shape>,
    /// The body that it takes.
    pub(super) request: Option<Shape>,
    /// What it answers.
    pub(super) answer: Option<Shape>,
    /// How the answer is written.
    pub(super) media: &'static str,
    pub(super) does: MethodRouter<Arc<Desk>>,
}

/// A check of a body beyond its shape, before the run loop is asked.
pub(super) type Check<B> = fn(&B) -> Result<(), Problem>;

impl Route {
    /// `GET`, answered by the run loop: `Route::get("/v1/pins", Role::Read, "All that is kept", Request::Pins)`.
    pub(super) fn get<T>(
        path: &'static str,
        role: Role,
        summary: &'static str,
        request: fn(Reply<T>) -> Request,
    ) -> Route
    where
        T: Serialize + JsonSchema + Send + 'static,
    {
        let does = routing::get(move |State(desk): Desks| async move { ask(&desk, request).await.map(Json) });
        Route::by_hand(Method::GET, path, role, summary, does).answers::<T>()
    }

    /// `GET` of one thing that the last part of the path names, as `/v1/dead-letters/{id}`.
    pub(super) fn get_one<T>(
        path: &'static str,
        role: Role,
        summary: &'static str,
        request: fn(String, Reply<T>) -> Request,
    ) -> Route
    where
        T: Serialize + JsonSchema + Send + 'static,
    {
        let does = routing::get(move |State(desk): Desks, Path(name): Path<String>| async move {
            ask(&desk, |reply| request(name, reply)).await.map(Json)
        });
        Route::by_hand(Method::GET, path, role, summary, does).answers::<T>()
    }

    /// `POST` with a body, answered by the run loop: `Route::post("/v1/pin", Role::Operate, "Keep one", Request::Pin)`.
    pub(super) fn post<B, T>(
        path: &'static str,
        role: Role,
        summary: &'static str,
        request: fn(B, Reply<T>) -> Request,
    ) -> Route
    where
        B: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + Send + 'static,
    {
        Route::post_checked(path, role, summary, |_| Ok(()), request)
    }

    /// The same for a body that is checked beyond its shape first.
    pub(super) fn post_checked<B, T>(
        path: &'static str,
        role: Role,
        summary: &'static str,
        check: Check<B>,
        request: fn(B, Reply<T>) -> Request,
    ) -> Route
    where
        B: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + Send + 'static,
    {
        let does = routing::post(move |State(desk): Desks, body: Bytes| async move {
            let body: B = parse(&body)?;
            check(&body)?;
            ask(&desk, |reply| request(body, reply)).await.map(Json)
        });
        Route::by_hand(Method::POST, path, role, summary, does).takes::<B>().answers::<T>()
    }

    /// Whatever else: `does` is made by `axum::routing` for this one method. Say its types with [`Route::takes`], [`Route::asks`] and
    /// [`Route::answers`].
    pub(super) fn by_hand(
        method: Method,
        path: &'static str,
        role: Role,
        summary: &'static str,
        does: MethodRouter<Arc<Desk>>,
    ) -> Route {
        let (admission, media) = (Admission::Counted, JSON);
        Route { path, method, role, admission, summary, query: None, request: None, answer: None, media, does }
    }

    /// The same with a body of this type.
    pub(super) fn takes<B: JsonSchema>(self) -> Route {
        Route { request: Some(SchemaGenerator::subschema_for::<B>), ..self }
    }

    /// The same with an answer of this type.
    pub(super) fn answers<T: JsonSchema>(self) -> Route {
        Route { answer: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// The same with parameters after `?`, named as the fields of this type.
    pub(super) fn asks<Q: JsonSchema>(self) -> Route {
        // Not by reference: parameters stand each for itself.
        Route { query: Some(Q::json_schema), ..self }
    }

    /// The same, answered with a line of JSON for each of these, for as long as the client listens.
    pub(super) fn streams<T: JsonSchema>(self) -> Route {
        Route { media: JSON_LINES, ..self.answers::<T>() }
    }

    /// The same, also while too many others are at work.
    pub(super) fn always(self) -> Route {
        Route { admission: Admission::Always, ..self }
    }

    /// Whether a path of a request is this row's: each part is the same, or stands for a name.
    pub(super) fn is_at(&self, path: &str) -> bool {
        let mut asked = path.split('/');
        let fits = self.path.split('/').all(|part| asked.next().is_some_and(|is| part == is || part.starts_with('{')));
        fits && asked.next().is_none()
    }
}

/// One JSON document.
pub(super) const JSON: &str = "application/json";
/// One JSON document a line.
pub(super) const JSON_LINES: &str = "application/x-ndjson";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_name_in_it_stands_for_all_such_paths() {
        let at = |path| Route::by_hand(Method::GET, path, Role::Read, "", MethodRouter::new());
        assert!(at("/v1/pins").is_at("/v1/pins"));
        assert!(!at("/v1/pins").is_at("/v1/pins/"));
        assert!(!at("/v1/pins").is_at("/v1"));
        assert!(at("/v1/dead-letters/{id}").is_at("/v1/dead-letters/m12"));
        assert!(!at("/v1/dead-letters/{id}").is_at("/v1/dead-letters/m12/body"));
    }
}
