//! JSON for people: what the command line and the control socket speak.
//!
//! What JSON has no word for is an object with one key that begins with `$`:
//!
//! | value | JSON |
//! |---|---|
//! | capability | `{"$cap": "ko7"}` |
//! | bytes | `{"$bytes": "AP8="}`, base64 |
//! | error | `{"$error": {"name": "closed", "message": "the client is gone"}}` |
//! | integer outside of 64 bits | `{"$int": "18446744073709551616"}` |
//! | float that is no number | `{"$float": "NaN"}`, `"Infinity"`, `"-Infinity"` |
//! | symbol | `{"$symbol": "text"}` |
//! | tagged value | `{"$tagged": {"label": "date", "value": 1}}` |
//! | undefined | `{"$undefined": true}` |
//!
//! A struct of one field whose own key begins with `$` gets one more, so that a vat can not make data look like a capability.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::cbor::DEPTH_MAX;
use crate::integer::from_decimal;
use crate::{Failure, NotPassable, Value};

/// A value as JSON. `cap` names the capability of an index.
pub fn to_json(value: &Value, cap: impl Fn(usize) -> String) -> Json {
    write(value, &cap)
}

fn write(value: &Value, cap: &dyn Fn(usize) -> String) -> Json {
    match value {
        Value::Undefined => json!({ "$undefined": true }),
        Value::Null => Json::Null,
        Value::Bool(it) => (*it).into(),
        Value::Integer(it) => match (u64::try_from(*it), i64::try_from(*it)) {
            (Ok(it), _) => it.into(),
            (_, Ok(it)) => it.into(),
            _ => json!({ "$int": it.to_string() }),
        },
        Value::BigInteger(it) => json!({ "$int": it.to_string() }),
        Value::Float(it) if it.is_nan() => json!({ "$float": "NaN" }),
        Value::Float(it) if it.is_infinite() => {
            json!({ "$float": if *it > 0.0 { "Infinity" } else { "-Infinity" } })
        }
        Value::Float(it) => (*it).into(),
        Value::String(it) => it.as_str().into(),
        Value::Symbol(it) => json!({ "$symbol": it }),
        Value::Bytes(it) => json!({ "$bytes": STANDARD.encode(it) }),
        Value::List(items) => items.iter().map(|item| write(item, cap)).collect(),
        Value::Struct(fields) => {
            let escape = if fields.len() == 1 { "$" } else { "" };
            let key = |key: &String| if key.starts_with('$') { format!("{escape}{key}") } else { key.clone() };
            Json::Object(fields.iter().map(|(name, field)| (key(name), write(field, cap))).collect())
        }
        Value::Tagged(label, inner) => json!({ "$tagged": { "label": label, "value": write(inner, cap) } }),
        Value::Error(it) => json!({ "$error": { "name": it.name, "message": it.message } }),
        Value::Cap(index) => json!({ "$cap": cap(*index) }),
    }
}

/// JSON as a value. `cap` puts the capability of that name into the message's list and says at which index, or refuses the name.
///
/// # Errors
/// If a `$` form says nothing, `cap` refuses, or it is nested too deep.
pub fn from_json(json: &Json, mut cap: impl FnMut(&str) -> Option<usize>) -> Result<Value, NotPassable> {
    read(json, &mut cap, DEPTH_MAX)
}

fn read(json: &Json, cap: &mut dyn FnMut(&str) -> Option<usize>, levels: usize) -> Result<Value, NotPassable> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(*it),
        Json::Number(it) => match (it.as_u64(), it.as_i64(), it.as_f64()) {
            (Some(it), _, _) => Value::Integer(it.into()),
            (_, Some(it), _) => Value::Integer(it.into()),
            (_, _, it) => Value::Float(it.unwrap_or(f64::NAN)),
        },
        Json::String(it) => Value::String(it.clone()),
        Json::Array(items) => {
            let levels = levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
            Value::List(items.iter().map(|item| read(item, cap, levels)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let levels = levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
            match special(fields) {
                Some((form, content)) => read_form(form, content, cap, levels)?,
                None => {
                    let strip = fields.len() == 1;
                    let name = |name: &String| match name.strip_prefix('$') {
                        Some(stripped) if strip => stripped.to_owned(),
                        _ => name.clone(),
                    };
                    let fields = fields.iter().map(|(key, field)| Ok((name(key), read(field, cap, levels)?)));
                    Value::Struct(fields.collect::<Result<_, _>>()?)
                }
            }
        }
    })
}

/// The form's name without its `$`, and its content, if the object is one.
fn special(fields: &Map<String, Json>) -> Option<(&str, &Json)> {
    let (key, content) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let form = key.strip_prefix('$').filter(|form| !form.starts_with('$'))?;
    Some((form, content))
}

fn read_form(
    form: &str,
    content: &Json,
    cap: &mut dyn FnMut(&str) -> Option<usize>,
    levels: usize,
) -> Result<Value, NotPassable> {
    let bad = |why: &str| NotPassable::BadJson(format!("`${}` {why}", form.escape_debug()));
    let text = || content.as_str().ok_or_else(|| bad("needs a string"));
    let field = |name: &str| content.get(name).and_then(Json::as_str).map(str::to_owned);
    match form {
        "cap" => cap(text()?).map(Value::Cap).ok_or_else(|| bad("names nothing that can be passed")),
        "bytes" => STANDARD.decode(text()?).map(Value::Bytes).map_err(|_| bad("needs base64")),
        "int" => from_decimal(text()?),
        "symbol" => Ok(Value::Symbol(text()?.to_owned())),
        "float" => match text()? {
            "NaN" => Ok(Value::Float(f64::NAN)),
            "Infinity" => Ok(Value::Float(f64::INFINITY)),
            "-Infinity" => Ok(Value::Float(f64::NEG_INFINITY)),
            _ => Err(bad("is `NaN`, `Infinity` or `-Infinity`")),
        },
        "undefined" => Ok(Value::Undefined),
        "error" => match (field("name"), field("message")) {
            (Some(name), Some(message)) => Ok(Value::Error(Failure { name, message })),
            _ => Err(bad("needs a `name` and a `message`")),
        },
        "tagged" => match (field("label"), content.get("value")) {
            (Some(label), Some(inner)) => Ok(Value::Tagged(label, Box::new(read(inner, cap, levels)?))),
            _ => Err(bad("needs a `label` and a `value`")),
        },
        _ => Err(bad("is no form; write `$$` for a key that begins with `$`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(value: Value) -> (Json, Value) {
        let json = to_json(&value, |index| format!("ko{index}"));
        let back = from_json(&json, |name| name.strip_prefix("ko")?.parse().ok()).expect("written by ourselves");
        (json, back)
    }

    #[test]
    fn what_json_has_no_word_for_has_a_form() {
        let tagged = Value::Tagged("date".into(), Box::new(Value::Cap(1)));
        for (value, expected) in [
            (Value::Cap(7), json!({ "$cap": "ko7" })),
            (Value::Bytes(vec![0, 255]), json!({ "$bytes": "AP8=" })),
            (Value::Integer(1 << 64), json!({ "$int": "18446744073709551616" })),
            (Value::Integer(-5), json!(-5)),
            (Value::Integer(u64::MAX.into()), json!(u64::MAX)),
            (Value::Float(5.0), json!(5.0)),
            (Value::Float(f64::INFINITY), json!({ "$float": "Infinity" })),
            (Value::Symbol("s".into()), json!({ "$symbol": "s" })),
            (Value::Undefined, json!({ "$undefined": true })),
            (tagged, json!({ "$tagged": { "label": "date", "value": { "$cap": "ko1" } } })),
            (
                Value::Error(Failure { name: "closed".into(), message: "gone".into() }),
                json!({ "$error": { "name": "closed", "message": "gone" } }),
            ),
        ] {
            assert_eq!(there_and_back(value.clone()), (expected, value));
        }
    }

    #[test]
    fn a_struct_can_not_pose_as_a_capability() {
        let forged = Value::Struct([("$cap".to_owned(), "ko7".into())].into());
        assert_eq!(there_and_back(forged.clone()), (json!({ "$$cap": "ko7" }), forged));
        let harmless = Value::Struct([("$cap".to_owned(), "ko7".into()), ("x".to_owned(), Value::Null)].into());
        assert_eq!(there_and_back(harmless.clone()).1, harmless);
    }

    #[test]
    fn a_form_that_says_nothing_is_refused_with_a_word_on_it() {
        let text = |json: Json| from_json(&json, |_| None).expect_err("a bad form").to_string();
        assert_eq!(text(json!({ "$cap": "ko7" })), "`$cap` names nothing that can be passed");
        assert_eq!(text(json!({ "$bytes": "?" })), "`$bytes` needs base64");
        assert_eq!(text(json!({ "$cpa": 1 })), "`$cpa` is no form; write `$$` for a key that begins with `$`");
        let deep = (0..65).fold(Json::Null, |inner, _| json!([inner]));
        assert_eq!(from_json(&deep, |_| None), Err(NotPassable::TooDeep));
    }
}
