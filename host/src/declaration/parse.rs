//! From the text of a `subcluster.toml` to a [`Declaration`].

use std::collections::BTreeMap;
use std::ops::Range;

use ocap_kernel::WhenQuarantined;
use serde_json::Value;
use toml::de::DeValue;

use super::read::{Item, Section};
use super::text::{Text, did_you_mean};
use super::{
    ChannelDeclaration, ChannelKind, ComponentRef, Declaration, DeclaredLimits, Direction, Framing, Hibernate,
};
use super::{Linkage, Start, VatDeclaration, units, uses};
use crate::problem::{Problem, printable};

/// The most characters in a name.
const NAME_CHARACTERS_MAX: usize = 64;

/// The longest frame where none is declared: 64 KiB.
const FRAME_BYTES_DEFAULT: u64 = 64 << 10;

/// The longest frame that can be declared: 1 MiB, as a message's body.
const FRAME_BYTES_MAX: u64 = 1 << 20;

/// The most levels of lists and tables in a vat's parameters, itself included.
const PARAMETER_LEVELS_MAX: usize = 64;

/// The most cranks in a row that a vat may ask for: more would let it keep others waiting for a noticeable time.
const TURNS_MAX: u32 = 100;

/// Every type of channel that there will be; see [`channel`] for those that there are.
const CHANNEL_TYPES: [&str; 9] =
    ["unix-listen", "unix-connect", "tcp-listen", "tcp-connect", "fifo", "file", "directory", "stdio", "http"];

impl Declaration {
    /// Reads a declaration. `file` is what its user calls it, for diagnostics.
    ///
    /// # Errors
    /// The first thing that is wrong with it, at its place.
    pub fn parse(text: &str, file: &str) -> Result<Declaration, Problem> {
        let text = Text::new("declaration", text, file)?;
        let document = text.document()?;
        let top = Section::whole(&text, &document).only(&["name", "bootstrap", "vats", "io"])?;
        let name_item = top.require("name")?;
        let name = name_item.string()?;
        check_name(name, |message| name_item.problem("bad_name", message, "this name"))?;
        let bootstrap = top.require("bootstrap")?;
        let mut places = BTreeMap::new();
        let channels = named(top.get("io"), &mut places, channel)?;
        let vats = named(Some(top.require("vats")?), &mut places, vat)?;
        check_bootstrap(&bootstrap, &vats)?;
        let lists = lists_of_uses(&top)?;
        for (_, list) in &lists {
            places.extend(uses::places(list)?);
        }
        let declaration = Declaration {
            name: name.to_owned(),
            bootstrap: bootstrap.string()?.to_owned(),
            vats,
            channels,
            text: text.clone(),
            places,
        };
        for (vat, list) in &lists {
            uses::check(&declaration, vat, list)?;
        }
        Ok(declaration)
    }
}

/// What each vat uses, with the vat's name.
fn lists_of_uses<'t>(top: &Section<'t>) -> Result<Vec<(String, Item<'t>)>, Problem> {
    let list = |vat: Item<'t>| Ok(vat.section()?.get("uses").map(|list| (vat.name, list)));
    top.require("vats")?.section()?.items().into_iter().filter_map(|vat| list(vat).transpose()).collect()
}

/// Reads a table of things by name, and remembers their places.
fn named<T>(
    table: Option<Item<'_>>,
    places: &mut BTreeMap<String, Range<usize>>,
    read: impl Fn(&Item<'_>) -> Result<T, Problem>,
) -> Result<BTreeMap<String, T>, Problem> {
    let mut things = BTreeMap::new();
    let Some(table) = table else { return Ok(things) };
    for item in table.section()?.items() {
        check_name(&item.name, |message| item.key_problem("bad_name", message, "this name"))?;
        places.insert(item.key.clone(), item.key_at.clone());
        for inner in item.section()?.items() {
            let below = inner.section().map(|section| section.items()).unwrap_or_default();
            places.extend(below.into_iter().chain([inner]).map(|item| (item.key, item.at)));
        }
        things.insert(item.name.clone(), read(&item)?);
    }
    Ok(things)
}

/// Whether a text can be a name: 1 to 64 of the characters a-z, 0-9, `-` and `_`.
pub fn is_name(text: &str) -> bool {
    let fits = (1..=NAME_CHARACTERS_MAX).contains(&text.len());
    fits && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// Names are part of commands and of paths: a small alphabet, one spelling.
pub(super) fn check_name(name: &str, problem: impl FnOnce(String) -> Problem) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    let help = format!("1 to {NAME_CHARACTERS_MAX} of the characters a-z, 0-9, `-` and `_`");
    Err(problem(format!("`{}` can not be a name", printable(name))).with_help(help))
}

fn check_bootstrap(bootstrap: &Item<'_>, vats: &BTreeMap<String, VatDeclaration>) -> Result<(), Problem> {
    let name = bootstrap.string()?;
    if vats.is_empty() {
        return Err(bootstrap.problem("no_vats", "a subcluster has at least one vat", "there is no such vat"));
    }
    if vats.contains_key(name) {
        return Ok(());
    }
    let declared = || vats.keys().map(String::as_str);
    let list = || format!("declared are {}", declared().collect::<Vec<_>>().join(", "));
    let help = did_you_mean(name, declared()).unwrap_or_else(list);
    let message = format!("the bootstrap vat `{}` is not declared", printable(name));
    Err(bootstrap.problem("unknown_bootstrap", message, "no such vat").with_help(help))
}

fn vat(item: &Item<'_>) -> Result<VatDeclaration, Problem> {
    const KEYS: [&str; 9] =
        ["component", "parameters", "uses", "start", "hibernate", "turns", "limits", "link", "when_quarantined"];
    let section = item.section()?.only(&KEYS)?;
    let linkage =
        section.get("link").map_or(Ok(Linkage::Stored), |item| item.either(Linkage::Linked, Linkage::Stored))?;
    let start = [("lazy", Start::Lazy), ("eager", Start::Eager)];
    let hibernate = [("when-idle", Hibernate::WhenIdle), ("never", Hibernate::Never)];
    let policy = [("park", WhenQuarantined::Park), ("reject", WhenQuarantined::Reject)];
    Ok(VatDeclaration {
        component: component(&section, linkage)?,
        linkage,
        parameters: section
            .get("parameters")
            .map_or_else(|| Ok(Value::Object(Default::default())), |item| parameters(&item))?,
        uses: section.get("uses").map_or(Ok(Vec::new()), |item| uses::read(&item))?,
        start: section.get("start").map_or(Ok(Start::Lazy), |item| item.choice(&start))?,
        hibernate: section.get("hibernate").map_or(Ok(Hibernate::WhenIdle), |item| item.choice(&hibernate))?,
        turns: section.get("turns").map_or(Ok(1), |item| turns(&item))?,
        limits: section.get("limits").map_or(Ok(DeclaredLimits::default()), |item| limits(&item))?,
        when_quarantined: section
            .get("when_quarantined")
            .map_or(Ok(WhenQuarantined::Park), |item| item.choice(&policy))?,
    })
}

fn component(section: &Section<'_>, linkage: Linkage) -> Result<ComponentRef, Problem> {
    let item = section.require("component")?;
    let written = item.path()?;
    if !written.starts_with("sha256:") {
        return Ok(ComponentRef::Path(written.to_owned()));
    }
    if linkage == Linkage::Linked {
        let help = "name a path, or leave `link` out";
        return Err(item.problem("linked_digest", "a digest has no path to link to", "a digest").with_help(help));
    }
    let digest =
        written.parse().map_err(|error| item.problem("digest_malformed", format!("{error}"), "not a digest"))?;
    Ok(ComponentRef::Digest(digest))
}

fn limits(item: &Item<'_>) -> Result<DeclaredLimits, Problem> {
    let section = item.section()?.only(&["memory", "crank", "store", "mailbox", "references"])?;
    Ok(DeclaredLimits {
        memory_bytes: section.get("memory").map(|item| units::bytes(&item)).transpose()?,
        crank: section.get("crank").map(|item| units::time(&item)).transpose()?,
        store_bytes: section.get("store").map(|item| units::bytes(&item)).transpose()?,
        mailbox: section.get("mailbox").map(|item| item.count()).transpose()?,
        references: section.get("references").map(|item| item.count()).transpose()?,
    })
}

fn turns(item: &Item<'_>) -> Result<u32, Problem> {
    match u32::try_from(item.count()?) {
        Ok(turns) if turns <= TURNS_MAX => Ok(turns),
        _ => Err(item.problem("out_of_range", format!("a vat has at most {TURNS_MAX} turns"), "too many")),
    }
}

/// The vat gets its parameters as data; TOML's kinds without a counterpart there are refused rather than turned into something.
fn parameters(item: &Item<'_>) -> Result<Value, Problem> {
    item.section()?;
    data(item.value(), PARAMETER_LEVELS_MAX).map_err(|kind| {
        let help = "dates are written as strings; integers are of 64 bits; there are at most 64 levels";
        item.problem("parameter_unsupported", format!("`{}` has {kind}", item.key), "in here").with_help(help)
    })
}

/// The value as data. It has at most `levels` levels, and so has the recursion: dotted keys in nested tables multiply what the parser
/// bounds, and whoever handles the parameters later is spared from counting.
fn data(value: &DeValue<'_>, levels: usize) -> Result<Value, &'static str> {
    let below = levels.checked_sub(1).ok_or("too many levels")?;
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Integer(integer) => {
            let (digits, radix) = (integer.as_str(), integer.radix());
            let unsigned = || u64::from_str_radix(digits, radix).map(Value::from);
            i64::from_str_radix(digits, radix)
                .map(Value::from)
                .or_else(|_| unsigned())
                .map_err(|_| "too large an integer")?
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            Value::Number(number.ok_or("a number that is not finite")?)
        }
        DeValue::Datetime(_) => return Err("a date or time"),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| data(item.get_ref(), below)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), data(value.get_ref(), below)?)));
            Value::Object(pairs.collect::<Result<_, &'static str>>()?)
        }
    })
}

fn channel(item: &Item<'_>) -> Result<ChannelDeclaration, Problem> {
    let section = item.section()?;
    let kind_item = section.require("type")?;
    let kind = kind_item.choice(&CHANNEL_TYPES.map(|name| (name, name)))?;
    if kind != "unix-listen" {
        return Err(unsupported(&kind_item, &format!("channels of type `{kind}`"), "type = \"unix-listen\""));
    }
    let section = section.only(&["type", "path", "direction", "framing", "max_frame"])?;
    let framing_item = section.require("framing")?;
    let framing = framing_item.choice(&["lines", "length-prefixed", "chunks"].map(|name| (name, name)))?;
    if framing != "lines" {
        return Err(unsupported(&framing_item, &format!("framing `{framing}`"), "framing = \"lines\""));
    }
    let directions = [("in", Direction::In), ("out", Direction::Out), ("inout", Direction::InOut)];
    Ok(ChannelDeclaration {
        kind: ChannelKind::UnixListen,
        path: section.require("path")?.path()?.to_owned(),
        direction: section.require("direction")?.choice(&directions)?,
        framing: Framing::Lines,
        max_frame_bytes: section.get("max_frame").map_or(Ok(FRAME_BYTES_DEFAULT), |item| max_frame(&item))?,
    })
}

fn max_frame(item: &Item<'_>) -> Result<u64, Problem> {
    match units::bytes(item)? {
        bytes if bytes <= FRAME_BYTES_MAX => Ok(bytes),
        bytes => {
            let (asked, most) = (units::show_bytes(bytes), units::show_bytes(FRAME_BYTES_MAX));
            let message = format!("a frame has at most {most}, not {asked}");
            Err(item.problem("out_of_range", message, "too much"))
        }
    }
}

/// What is known but not implemented is refused, so that nobody relies on it.
fn unsupported(item: &Item<'_>, what: &str, instead: &str) -> Problem {
    item.problem("channel_unsupported", format!("this host has no {what} yet"), "not implemented yet")
        .with_help(format!("today there is only {instead}"))
}
