//! How answers look: the JSON schema of every type that carries `$type`.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::log::LogLine;
use super::requests::{Event, Gap, Ready};
use super::routes;
use super::tokens::{NewToken, Token, Tokens};
use crate::problem::{Problem, printable};

/// Schemas by what stands in `$type`.
pub type Shapes = BTreeMap<String, Value>;

/// Of all answers of the control socket, and of what else is written in JSON.
pub fn all() -> Shapes {
    let mut shapes: Shapes = routes::answers().into_iter().flat_map(schemas).collect();
    let beside: [fn(&mut SchemaGenerator) -> Schema; 8] = [
        SchemaGenerator::subschema_for::<Problem>,
        SchemaGenerator::subschema_for::<Ready>,
        SchemaGenerator::subschema_for::<Event>,
        SchemaGenerator::subschema_for::<Gap>,
        SchemaGenerator::subschema_for::<LogLine>,
        SchemaGenerator::subschema_for::<Token>,
        SchemaGenerator::subschema_for::<NewToken>,
        SchemaGenerator::subschema_for::<Tokens>,
    ];
    shapes.extend(beside.into_iter().flat_map(schemas));
    shapes
}

/// Of one type more.
pub fn of<T: JsonSchema>() -> Shapes {
    schemas(SchemaGenerator::subschema_for::<T>)
}

/// A type with several words for `$type` is there under each.
fn schemas(shape: fn(&mut SchemaGenerator) -> Schema) -> Shapes {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let reference = shape(&mut generator).to_value();
    let definitions = generator.take_definitions(true);
    let name = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let Some(definition) = definitions.get(name) else { return Shapes::new() };
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "$ref": format!("#/$defs/{name}"),
        "$defs": definitions,
    });
    types(definition).into_iter().map(|word| (word, whole.clone())).collect()
}

/// The words that stand in `$type`.
fn types(definition: &Value) -> Vec<String> {
    let variants = definition["oneOf"].as_array().into_iter().flatten();
    let all = std::iter::once(definition).chain(variants);
    all.filter_map(|schema| schema["properties"]["$type"]["const"].as_str().map(str::to_owned)).collect()
}

/// What a schema says of its type.
pub fn description(schema: &Value) -> &str {
    let definition = schema["title"].as_str().map(|name| &schema["$defs"][name]);
    definition.and_then(|definition| definition["description"].as_str()).unwrap_or_default()
}

/// That there is no such type.
pub fn unknown(name: &str, shapes: &Shapes) -> Problem {
    let distances = shapes.keys().map(|other| (strsim::damerau_levenshtein(other, name), other));
    let nearest = distances.filter(|(distance, other)| *distance <= 1 + other.len() / 4).min();
    let help = match nearest {
        Some((_, other)) => format!("did you mean `{other}`? `ocap-host schema` lists them"),
        None => "`ocap-host schema` lists them".to_owned(),
    };
    Problem::new("ocap::usage::no_such_type", format!("no answer has the type `{}`", printable(name))).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_several_types_is_found_by_each() {
        let shapes = all();
        for name in ["pin", "status", "value", "broken", "failed", "problem", "log", "event", "gap"] {
            assert!(shapes.contains_key(name), "{name} of {:?}", shapes.keys());
        }
        assert_eq!(shapes["pin"]["$defs"]["pin"]["properties"]["id"]["type"], "string");
        assert!(unknown("pim", &shapes).help.is_some_and(|help| help.contains("`pin`")));
    }
}
