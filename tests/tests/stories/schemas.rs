//! Answers look as their schemas say. The validator here knows as much of JSON Schema as those schemas use, and fails on the rest.

use ocap_tests::Place;
use serde_json::Value;

/// What is wrong with a value, at which place; nothing if it fits.
fn misfit(value: &Value, schema: &Value, whole: &Value, place: &str) -> Option<String> {
    let schema = match schema {
        Value::Bool(true) => return None,
        Value::Bool(false) => return Some(format!("{place}: nothing may be here")),
        schema => schema.as_object().expect("a schema"),
    };
    for (word, says) in schema {
        let wrong = match word.as_str() {
            "$ref" => {
                let pointer = says.as_str().and_then(|path| path.strip_prefix('#')).expect("a place in the document");
                misfit(value, whole.pointer(pointer).expect("it is there"), whole, place)
            }
            "const" => (value != says).then(|| format!("{place}: {value} is not {says}")),
            "enum" => (!says.as_array().expect("a list").contains(value)).then(|| format!("{place}: {value}")),
            "type" => wrong_type(value, says).then(|| format!("{place}: {value} is not of type {says}")),
            "oneOf" | "anyOf" => {
                let fits = |one: &&Value| misfit(value, one, whole, place).is_none();
                let fitting = says.as_array().expect("a list").iter().filter(fits).count();
                let well = if word == "oneOf" { fitting == 1 } else { fitting > 0 };
                (!well).then(|| format!("{place}: {value} fits {fitting} of {says}"))
            }
            "allOf" => says.as_array().expect("a list").iter().find_map(|one| misfit(value, one, whole, place)),
            "required" => {
                let missing = |name: &&Value| value.is_object() && value.get(name.as_str().expect("a name")).is_none();
                says.as_array().expect("a list").iter().find(missing).map(|name| format!("{place}: no {name}"))
            }
            "properties" => says
                .as_object()
                .expect("properties")
                .iter()
                .find_map(|(name, schema)| misfit(value.get(name)?, schema, whole, &format!("{place}.{name}"))),
            "additionalProperties" => value.as_object().and_then(|object| {
                let known = schema.get("properties").and_then(Value::as_object);
                let other = object.iter().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                other.into_iter().find_map(|(name, value)| misfit(value, says, whole, &format!("{place}.{name}")))
            }),
            "items" => value.as_array().and_then(|list| {
                list.iter().enumerate().find_map(|(at, value)| misfit(value, says, whole, &format!("{place}[{at}]")))
            }),
            "minimum" => (value.as_f64() < says.as_f64()).then(|| format!("{place}: {value} is below {says}")),
            "$schema"
            | "$defs"
            | "title"
            | "description"
            | "default"
            | "format"
            | "maximum"
            | "unevaluatedProperties" => None,
            other => panic!("{place}: the schema says `{other}`, which this test does not know"),
        };
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}

fn wrong_type(value: &Value, says: &Value) -> bool {
    let is = |word: &str| match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type of JSON: {other}"),
    };
    match says {
        Value::String(word) => !is(word),
        words => !words.as_array().expect("types").iter().any(|word| is(word.as_str().expect("a type"))),
    }
}

#[track_caller]
fn fits(place: &Place, answer: &Value) {
    let name = answer["$type"].as_str().unwrap_or_else(|| panic!("no type: {answer}"));
    let schema = place.ocap(&["schema", name]).expect(0).json();
    if let Some(wrong) = misfit(answer, &schema, &schema, "answer") {
        panic!("{name}: {wrong}\n{answer:#}");
    }
}

#[test]
fn answers_of_the_binary_look_as_their_schemas_say() {
    let place = Place::new();
    let (counter, matcher) = (place.sample("counter"), place.sample("matcher"));
    counter.link("counter");
    let host = place.run(&[&counter.file(), &matcher.file()]);
    fits(&place, host.ready());
    let commands: [&[&str]; 12] = [
        &["call", "counter", "increment", "1"],
        &["status"],
        &["pin", "counter", "--label", "a"],
        &["pins"],
        &["restart", "counter"],
        &["hibernate", "counter/counter", "--force"],
        &["dead-letters", "list"],
        &["quarantine", "list"],
        &["doctor"],
        &["token", "add", "a", "--role", "read"],
        &["token", "list"],
        &["schema"],
    ];
    for command in commands {
        fits(&place, &place.ocap(command).expect(0).json());
    }
    let plan = ["launch", "--dry-run", &place.sample("echo").word()];
    fits(&place, &place.ocap(&plan).expect(0).json());
    fits(&place, &place.ocap(&["call", "nobody", "get"]).expect(1).problem("ocap::target::unknown"));
    fits(&place, &place.ocap(&["call", "counter", "got"]).expect(1).json());
    let streams = [place.ocap(&["logs"]), place.ocap(&["events"])];
    for line in streams.iter().flat_map(|stream| stream.stdout.lines()) {
        fits(&place, &serde_json::from_str(line).expect("json"));
    }
    host.kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    fits(&place, &place.status());
}

#[test]
fn a_type_that_does_not_exist_is_answered_with_the_one_that_was_meant() {
    let place = Place::new();
    let problem = place.ocap(&["schema", "statsu"]).expect(2).problem("ocap::usage::no_such_type");
    assert!(problem["help"].to_string().contains("`status`"), "{problem}");
    let listed = place.ocap(&["schema"]).expect(0).json();
    assert!(listed["types"]["pong"].is_string(), "{listed}");
    assert!(place.ocap(&["schema", "pong", "--format", "text"]).expect(0).stdout.contains("\"phase\""));
}
