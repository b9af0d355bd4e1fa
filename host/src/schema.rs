//! What a type looks like on the wire, where its derived schema does not say all that serde writes.

use schemars::{Schema, json_schema};
use serde_json::Value;

/// For a struct with `#[serde(tag = "$type", rename = "name")]`: `#[schemars(transform = typed("name"))]` puts that field into its schema.
pub fn typed(name: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        let tag = json_schema!({ "type": "string", "const": name });
        let object = schema.ensure_object();
        let properties = object.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(properties) = properties.as_object_mut() {
            let rest = std::mem::take(properties);
            properties.insert("$type".to_owned(), tag.to_value());
            properties.extend(rest);
        }
        let required = object.entry("required").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(required) = required.as_array_mut() {
            required.insert(0, "$type".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schemars::{JsonSchema, schema_for};
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    #[serde(tag = "$type", rename = "lamp")]
    #[schemars(transform = typed("lamp"))]
    struct Lamp {
        bright: bool,
    }

    #[test]
    fn the_schema_of_a_type_has_its_tag() {
        let schema = schema_for!(Lamp);
        assert_eq!(schema.as_value()["properties"]["$type"], json!({ "type": "string", "const": "lamp" }));
        assert_eq!(schema.as_value()["required"], json!(["$type", "bright"]));
        assert_eq!(
            serde_json::to_value(Lamp { bright: true }).expect("json"),
            json!({ "$type": "lamp", "bright": true })
        );
    }

    fn tagged(directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(directory).expect("a directory of sources").flatten() {
            if entry.path().is_dir() {
                tagged(&entry.path(), found);
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).expect("a source");
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for pair in
                lines.windows(3).filter(|lines| lines[0].starts_with("#[derive") && lines[0].contains("JsonSchema"))
            {
                let name = pair[1]
                    .strip_prefix(r#"#[serde(tag = "$type", rename = ""#)
                    .and_then(|rest| rest.strip_suffix(r#"")]"#));
                found.extend(name.map(|name| (name.to_owned(), pair[2].to_owned())));
            }
        }
    }

    #[test]
    fn every_type_with_a_tag_says_so_in_its_schema_too() {
        let mut found = Vec::new();
        tagged(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.len() > 15, "{found:?}");
        for (name, next) in found {
            assert_eq!(next, format!("#[schemars(transform = typed(\"{name}\"))]"));
        }
    }
}
