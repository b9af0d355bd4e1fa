//! `schema`: how answers look.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::exit::ExitStatus;
use super::session::Session;
use crate::daemon::shapes;
use crate::problem::Problem;
use crate::schema::typed;

/// Show the JSON schema of an answer, by its `$type`; without one, which there are
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct SchemaArgs {
    /// What stands in the field `$type`, as `status`
    #[arg(value_name = "TYPE")]
    name: Option<String>,
}

/// All types of answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "$type", rename = "types")]
#[schemars(transform = typed("types"))]
struct Types {
    /// By what stands in `$type`, with what each is.
    types: BTreeMap<String, String>,
}

pub(super) fn run(args: &SchemaArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let mut all = shapes::all();
    let types = shapes::of::<Types>();
    all.extend(types);
    let Some(name) = &args.name else {
        let types = all.into_iter().map(|(name, schema)| (name, summary(&schema))).collect();
        session.answer(&Types { types }, |Types { types }| {
            types.iter().map(|(name, summary)| format!("{name:<24}{summary}\n")).collect()
        })?;
        return Ok(ExitStatus::Ok);
    };
    let Some(schema) = all.get(name) else { return Err(shapes::unknown(name, &all)) };
    session.answer(schema, super::render::json_document)?;
    Ok(ExitStatus::Ok)
}

/// The first sentence of what a type says of itself.
fn summary(schema: &Value) -> String {
    let description = shapes::description(schema);
    description.split(['.', ':']).next().unwrap_or_default().replace('\n', " ")
}
