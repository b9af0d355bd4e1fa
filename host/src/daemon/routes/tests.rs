//! The table as a whole: its paths and summaries, and that nothing which was published is gone or unpublished.

use std::collections::BTreeSet;

use axum::http::Method;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::route::Shape;
use super::{Role, Route, table};
use crate::daemon::shapes;

/// What programs may rely on, one fact a line: paths with what they take and give, the fields of all types, and the words of those that are
/// one of several words.
const PUBLISHED: &str = include_str!("../published.txt");

#[test]
fn a_path_is_of_this_version_and_its_summary_is_one_line() {
    for Route { path, summary, method, role, media, .. } in table() {
        // What Prometheus reads has a version of its own.
        assert!(path.starts_with("/v1/") || media == crate::daemon::exposition::CONTENT_TYPE, "{path}");
        assert!(!summary.is_empty() && !summary.ends_with('.') && !summary.contains('\n'), "{path}: {summary}");
        assert!(method != Method::GET || role == Role::Read, "{path}: a look is for everybody");
    }
}

#[test]
fn what_is_published_is_all_there_is_and_was() {
    let there: BTreeSet<String> = facts();
    let published: BTreeSet<String> = PUBLISHED.lines().map(str::to_owned).collect();
    let gone: Vec<&String> = published.difference(&there).collect();
    assert!(gone.is_empty(), "published, and gone or another now: {gone:#?}");
    let new: Vec<&str> = there.difference(&published).map(String::as_str).collect();
    assert!(new.is_empty(), "new; to publish it, put it into published.txt:\n{}", new.join("\n"));
    assert!(PUBLISHED.lines().is_sorted(), "it is kept in the order of the alphabet");
}

/// All that there is.
fn facts() -> BTreeSet<String> {
    let routes = table();
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut found: BTreeSet<String> = routes.iter().flat_map(|route| of_route(route, &mut generator)).collect();
    let mut types = generator.take_definitions(true);
    for schema in shapes::all().values() {
        let more = schema["$defs"].as_object().cloned().unwrap_or_default();
        types.extend(more);
    }
    found.extend(of_types(&types));
    found
}

/// `POST /v1/call (operate): CallBody -> CallOutcome`, and its parameters: `GET /v1/logs?tail: ...`.
fn of_route(route: &Route, generator: &mut SchemaGenerator) -> Vec<String> {
    let mut name = |shape: Option<Shape>| match shape {
        Some(shape) => bare(&shape(generator).to_value()),
        None => "-".to_owned(),
    };
    let (takes, gives) = (name(route.request), name(route.answer));
    let at = format!("{} {}", route.method, route.path);
    let mut found = vec![format!("{at} ({}): {takes} -> {gives}", route.role.as_str())];
    if let Some(query) = route.query {
        let query = query(generator).to_value();
        let properties = query["properties"].as_object().cloned().unwrap_or_default();
        found.extend(properties.iter().map(|(parameter, of)| format!("{at}?{parameter}: {}", bare(of))));
    }
    found
}

fn of_types(types: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, definition) in types {
        let variants = definition["oneOf"].as_array().into_iter().flatten();
        for part in std::iter::once(definition).chain(variants) {
            let fields = part["properties"].as_object().into_iter().flatten();
            found.extend(fields.map(|(field, of)| format!("{name} {field}: {}", bare(of))));
            let words = part["enum"].as_array().into_iter().flatten().chain(part.get("const"));
            found.extend(words.map(|word| format!("{name} is {word}")));
        }
    }
    found
}

/// A schema without the words for people.
fn bare(schema: &Value) -> String {
    let mut schema = schema.clone();
    if let Some(schema) = schema.as_object_mut() {
        drop(["description", "default"].map(|words| schema.remove(words)));
    }
    schema.to_string()
}
