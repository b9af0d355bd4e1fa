//! What a vat may reach: `uses = ["io.llm", "vat.index", "service.timer"]`.
//!
//! Which services there are, and for whom, is not a declaration's business: that is looked up when it is launched.

use std::ops::Range;

use super::read::Item;
use super::text::did_you_mean;
use super::{Declaration, Use};
use crate::problem::{Problem, printable};

/// Reads the list. Whether everything in it is declared is [`check`]'s affair.
pub(super) fn read(list: &Item<'_>) -> Result<Vec<Use>, Problem> {
    let mut uses = Vec::new();
    for item in list.array()? {
        let using = one(&item)?;
        if uses.contains(&using) {
            let message = format!("`{using}` is in `{}` twice", item.key);
            return Err(item.problem("duplicate_use", message, "again"));
        }
        uses.push(using);
    }
    Ok(uses)
}

fn one(item: &Item<'_>) -> Result<Use, Problem> {
    let text = item.string()?;
    match text.split_once('.') {
        Some(("io", name)) => Ok(Use::Io(name.to_owned())),
        Some(("vat", name)) => Ok(Use::Vat(name.to_owned())),
        Some(("service", name)) => Ok(Use::Service(name.to_owned())),
        _ => {
            let message = format!("`{}` names nothing that can be used", printable(text));
            let help =
                "write `io.NAME` for a channel, `vat.NAME` for another vat, `service.NAME` for a service of the host";
            Err(item.problem("use_malformed", message, "io.NAME, vat.NAME or service.NAME is wanted").with_help(help))
        }
    }
}

/// The place of each use, by the list's key and its own name: `vats.index.uses.service.timer`.
pub(super) fn places(list: &Item<'_>) -> Result<Vec<(String, Range<usize>)>, Problem> {
    let place = |item: &Item<'_>| Ok((format!("{}.{}", item.key, item.string()?), item.at.clone()));
    list.array()?.iter().map(place).collect()
}

/// Whether a vat uses only what the declaration declares, and not itself.
pub(super) fn check(declaration: &Declaration, vat: &str, list: &Item<'_>) -> Result<(), Problem> {
    for item in list.array()? {
        let using = one(&item)?;
        let (kind, name, declared): (_, _, Vec<&str>) = match &using {
            Use::Io(name) => ("io", name, declaration.channels.keys().map(String::as_str).collect()),
            Use::Vat(name) => ("vat", name, declaration.vats.keys().map(String::as_str).collect()),
            Use::Service(_) => continue,
        };
        if using == Use::Vat(vat.to_owned()) {
            let message = format!("vat `{vat}` uses itself");
            let help = "leave it out: a vat can always make references to its own objects";
            return Err(item.problem("uses_itself", message, "the vat itself").with_help(help));
        }
        if !declared.contains(&name.as_str()) {
            let message = format!("vat `{vat}` uses `{kind}.{}`, which is not declared", printable(name));
            let section = if kind == "io" { "io" } else { "vats" };
            let add = || format!("declare it: [{section}.{}]", printable(name));
            let help = did_you_mean(name, declared).unwrap_or_else(add);
            return Err(item.problem("undeclared_use", message, "not declared").with_help(help));
        }
    }
    Ok(())
}
