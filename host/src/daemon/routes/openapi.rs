//! The OpenAPI 3.1 document of the socket, made of the table: `GET /v1/openapi.json`.

use axum::http::Method;
use axum::routing::get;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Json, Role, Route, table};
use crate::daemon::VERSION;
use crate::problem::Problem;

pub(super) fn routes() -> Vec<Route> {
    let document = get(|| async { Json(document(&table())) });
    let summary = "This document: every path with its types, as OpenAPI 3.1";
    vec![Route::by_hand(Method::GET, "/v1/openapi.json", Role::Read, summary, document)]
}

fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route, &mut schemas, &problem);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ocap-host control socket",
            "version": VERSION,
            "description": "HTTP/1.1 with JSON over the Unix socket `control.sock` of a home.",
        },
        "servers": [{ "url": "http://ocap-host", "description": "any host name: the socket is the host" }],
        "paths": paths,
        "components": { "schemas": schemas.take_definitions(true) },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator, problem: &Schema) -> Value {
    let answer = route.answer.map_or_else(|| json!({ "type": "object" }), |shape| shape(schemas).to_value());
    let mut operation = json!({
        "summary": route.summary,
        "description": format!("For clients of the role `{}` or a higher one.", route.role.as_str()),
        "x-role": route.role,
        "responses": {
            "200": { "description": "Done", "content": content(route.media, &answer) },
            "default": { "description": "Refused, and why", "content": content(super::route::JSON, problem.as_value()) },
        },
    });
    let parameters = parameters(route, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(shape) = route.request {
        operation["requestBody"] =
            json!({ "required": true, "content": content(super::route::JSON, &shape(schemas).to_value()) });
    }
    operation
}

/// The names in the path, then those after `?`.
fn parameters(route: &Route, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let named = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = named
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let Some(query) = route.query else { return parameters };
    let query = query(schemas);
    let properties = query.as_value()["properties"].as_object().cloned().unwrap_or_default();
    parameters.extend(properties.into_iter().map(|(name, mut schema)| {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description })
    }));
    parameters
}

fn content(media: &str, schema: &Value) -> Value {
    json!({ media: { "schema": schema } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_in_the_document_and_all_that_it_refers_to_is_there() {
        let routes = table();
        let document = document(&routes);
        for route in &routes {
            let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
            assert_eq!(operation["summary"], route.summary);
            assert_eq!(operation["x-role"], route.role.as_str());
        }
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > routes.len(), "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn a_body_that_takes_no_other_fields_says_so() {
        let schemas = &document(&table())["components"]["schemas"];
        assert_eq!(schemas["CallBody"]["additionalProperties"], false);
        assert_eq!(schemas["CallBody"]["required"], json!(["target", "method"]));
        assert_eq!(schemas["pin"]["properties"]["$type"]["const"], "pin");
    }
}
