//! `host.toml`: what the operator allows.
//!
//! ```toml
//! [channels]
//! roots = ["/run/bridge"]     # absolute directories in which channels may lie, beside `channels/` in the home
//!
//! [limits]                    # the most that any vat gets
//! memory = "1GiB"
//! crank = "10s"
//! store = "4GiB"
//! mailbox = 100000
//! references = 1000000
//!
//! [memory]                    # what all vats together may take; "unlimited" where there is to be no limit
//! awake_vats = 1000           # vats in memory at once
//! heaps = "2GiB"              # bytes of those between two cranks: their linear memories, as large as they made them, and their stores
//!
//! [log]
//! file = "10MiB"              # when the log's file is full and the next one begins
//! files = 5                   # how many there are, the one that is written included
//!
//! [system.steward]            # launched at each start if it is not there, ended when it stands here no more
//! declaration = "/srv/steward/subcluster.toml"   # or a bundle; relative to the home
//!
//! [telemetry]                 # traces, if this ocap-host was built with `otel`; OTEL_EXPORTER_OTLP_ENDPOINT goes before
//! endpoint = "http://127.0.0.1:4318"   # OTLP over HTTP, without TLS
//! ```
//!
//! Over a budget of `[memory]` the vats that were used the longest ago leave memory, as far as they are at rest, and come back at their
//! next delivery.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ocap_kernel::limits::REFERENCES_DEFAULT;

use super::parse::check_name;
use super::read::{Item, Section};
use super::text::Text;
use super::{Declaration, DeclaredLimits, units};
use crate::problem::{Problem, Span, printable};

/// What the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// Absolute directories in which channels may lie, beside `channels/` in the home.
    pub roots: Vec<PathBuf>,
    /// The most that any vat gets.
    pub ceilings: VatLimits,
    /// What all vats together may take of the host's memory.
    pub memory: MemoryBudget,
    /// How much of the log is kept.
    pub log: LogBudget,
    /// The subclusters that belong to the host, in the order written.
    pub system: Vec<SystemSubcluster>,
    /// Where traces are sent, if anywhere: the address of a collector.
    pub telemetry: Option<String>,
}

/// What all vats together may take of the host's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBudget {
    /// Vats in memory at once; as many as like where `None`.
    pub awake_vats: Option<u64>,
    /// Bytes of those between two cranks; without a limit where `None`.
    pub heap_bytes: Option<u64>,
}

/// How much of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBudget {
    /// When a file is full, in bytes.
    pub file_bytes: u64,
    /// Files in all; at least 1.
    pub files: u32,
}

/// `[system.NAME]`: a subcluster that the operator wants to be there whenever the host runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemSubcluster {
    /// The name that its declaration must have too.
    pub name: String,
    /// The path of its declaration or bundle as written; a relative one begins at the home.
    pub declaration: String,
    /// Where that stands in `host.toml`.
    pub span: Span,
}

/// What one vat gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VatLimits {
    /// Bytes of all its memories and tables.
    pub memory_bytes: u64,
    /// Wall-clock time of one crank.
    pub crank: Duration,
    /// Bytes of its durable store.
    pub store_bytes: u64,
    /// Messages that wait for it.
    pub mailbox: u64,
    /// References that it holds.
    pub references: u64,
}

/// Where `host.toml` says nothing.
const CEILINGS: VatLimits = VatLimits {
    memory_bytes: 1 << 30,
    crank: Duration::from_secs(10),
    store_bytes: 4 << 30,
    mailbox: 100_000,
    references: 1_000_000,
};

/// The word for no limit.
const UNLIMITED: &str = "unlimited";

/// What vats together may take where `host.toml` says nothing. A small vat has really touched some 50 KiB of the mebibyte that its
/// heap counts, so either limit means tens of mebibytes of small vats; a laptop has room for vats that use all of it.
const MEMORY: MemoryBudget = MemoryBudget { awake_vats: Some(1_000), heap_bytes: Some(2 << 30) };

/// What is kept of the log where `host.toml` says nothing.
const LOG: LogBudget = LogBudget { file_bytes: 10 << 20, files: 5 };

impl VatLimits {
    /// What a vat gets that asks for nothing (design section 8).
    pub const DEFAULT: VatLimits = VatLimits {
        memory_bytes: 64 << 20,
        crank: Duration::from_secs(1),
        store_bytes: 256 << 20,
        mailbox: 10_000,
        references: REFERENCES_DEFAULT,
    };

    /// What a vat asks for, with the defaults where it does not.
    pub(super) fn wanted(declared: &DeclaredLimits) -> VatLimits {
        VatLimits {
            memory_bytes: declared.memory_bytes.unwrap_or(VatLimits::DEFAULT.memory_bytes),
            crank: declared.crank.unwrap_or(VatLimits::DEFAULT.crank),
            store_bytes: declared.store_bytes.unwrap_or(VatLimits::DEFAULT.store_bytes),
            mailbox: declared.mailbox.unwrap_or(VatLimits::DEFAULT.mailbox),
            references: declared.references.unwrap_or(VatLimits::DEFAULT.references),
        }
    }
}

impl Default for HostConfig {
    /// Where there is no `host.toml`.
    fn default() -> HostConfig {
        HostConfig {
            roots: Vec::new(),
            ceilings: CEILINGS,
            memory: MEMORY,
            log: LOG,
            system: Vec::new(),
            telemetry: None,
        }
    }
}

impl HostConfig {
    /// Reads a `host.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong with it, at its place.
    pub fn parse(text: &str, file: &str) -> Result<HostConfig, Problem> {
        let text = Text::new("host_config", text, file)?;
        let document = text.document()?;
        let top =
            Section::whole(&text, &document).only(&["channels", "limits", "log", "memory", "system", "telemetry"])?;
        let roots = top.get("channels").map(|item| roots(&item)).transpose()?.unwrap_or_default();
        let ceilings = top.get("limits").map(|item| ceilings(&item)).transpose()?.unwrap_or(CEILINGS);
        let memory = top.get("memory").map(|item| memory(&item)).transpose()?.unwrap_or(MEMORY);
        let log = top.get("log").map(|item| log(&item)).transpose()?.unwrap_or(LOG);
        let system = top.get("system").map(|item| system(&text, &item)).transpose()?.unwrap_or_default();
        let telemetry = top.get("telemetry").map(|item| telemetry(&item)).transpose()?;
        Ok(HostConfig { roots, ceilings, memory, log, system, telemetry })
    }

    /// What a vat gets: what it asks for if that is allowed; where it does not ask, the default or the ceiling, whichever is less.
    ///
    /// # Errors
    /// If it asks for more than is allowed.
    pub fn limits(&self, declaration: &Declaration, vat: &str) -> Result<VatLimits, Problem> {
        let declared = declaration.vats.get(vat).map(|vat| vat.limits).unwrap_or_default();
        let most = &self.ceilings;
        let above = |key: &str, asked: String, most: String| {
            let line = match key {
                "mailbox" | "references" => format!("{key} = {asked}"),
                _ => format!("{key} = \"{asked}\""),
            };
            let message = format!("vat `{vat}` asks for `{key}` = {asked}, the host allows {most}");
            let problem = Problem::new("ocap::declaration::limit_above_ceiling", message)
                .of_vat(&declaration.name, vat)
                .with_help(format!("ask for less, or allow it in host.toml:\n[limits]\n{line}"));
            match declaration.span(&format!("vats.{vat}.limits.{key}"), "asked for here") {
                Some(span) => problem.in_text(span),
                None => problem,
            }
        };
        let bytes = units::show_bytes;
        if let Some(asked) = declared.memory_bytes.filter(|asked| *asked > most.memory_bytes) {
            return Err(above("memory", bytes(asked), bytes(most.memory_bytes)));
        }
        if let Some(asked) = declared.crank.filter(|asked| *asked > most.crank) {
            return Err(above("crank", units::show_time(asked), units::show_time(most.crank)));
        }
        if let Some(asked) = declared.store_bytes.filter(|asked| *asked > most.store_bytes) {
            return Err(above("store", bytes(asked), bytes(most.store_bytes)));
        }
        if let Some(asked) = declared.mailbox.filter(|asked| *asked > most.mailbox) {
            return Err(above("mailbox", asked.to_string(), most.mailbox.to_string()));
        }
        if let Some(asked) = declared.references.filter(|asked| *asked > most.references) {
            return Err(above("references", asked.to_string(), most.references.to_string()));
        }
        let wanted = VatLimits::wanted(&declared);
        Ok(VatLimits {
            memory_bytes: wanted.memory_bytes.min(most.memory_bytes),
            crank: wanted.crank.min(most.crank),
            store_bytes: wanted.store_bytes.min(most.store_bytes),
            mailbox: wanted.mailbox.min(most.mailbox),
            references: wanted.references.min(most.references),
        })
    }
}

fn roots(item: &Item<'_>) -> Result<Vec<PathBuf>, Problem> {
    let section = item.section()?.only(&["roots"])?;
    let Some(list) = section.get("roots") else { return Ok(Vec::new()) };
    list.array()?.iter().map(root).collect()
}

fn root(item: &Item<'_>) -> Result<PathBuf, Problem> {
    let path = Path::new(item.path()?);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain {
        return Ok(path.components().collect());
    }
    let message = format!("`{}` is no root for channels", printable(&path.to_string_lossy()));
    Err(item.problem("root_malformed", message, "an absolute path without `..` is wanted"))
}

fn system(text: &Text, table: &Item<'_>) -> Result<Vec<SystemSubcluster>, Problem> {
    let one = |item: &Item<'_>| {
        check_name(&item.name, |message| item.key_problem("bad_name", message, "this name"))?;
        let declaration = item.section()?.only(&["declaration"])?.require("declaration")?;
        let span = text.span(declaration.at.clone(), "configured here");
        Ok(SystemSubcluster { name: item.name.clone(), declaration: declaration.path()?.to_owned(), span })
    };
    table.section()?.items().iter().map(one).collect()
}

fn ceilings(item: &Item<'_>) -> Result<VatLimits, Problem> {
    let section = item.section()?.only(&["memory", "crank", "store", "mailbox", "references"])?;
    Ok(VatLimits {
        memory_bytes: section.get("memory").map_or(Ok(CEILINGS.memory_bytes), |item| units::bytes(&item))?,
        crank: section.get("crank").map_or(Ok(CEILINGS.crank), |item| units::time(&item))?,
        store_bytes: section.get("store").map_or(Ok(CEILINGS.store_bytes), |item| units::bytes(&item))?,
        mailbox: section.get("mailbox").map_or(Ok(CEILINGS.mailbox), |item| item.count())?,
        references: section.get("references").map_or(Ok(CEILINGS.references), |item| item.count())?,
    })
}

fn telemetry(item: &Item<'_>) -> Result<String, Problem> {
    let endpoint = item.section()?.only(&["endpoint"])?.require("endpoint")?;
    Ok(endpoint.string()?.to_owned())
}

fn memory(item: &Item<'_>) -> Result<MemoryBudget, Problem> {
    let section = item.section()?.only(&["awake_vats", "heaps"])?;
    let at_most = |key, or: Option<u64>, read: fn(&Item<'_>) -> Result<u64, Problem>| match section.get(key) {
        None => Ok(or),
        Some(item) if item.value().as_str() == Some(UNLIMITED) => Ok(None),
        Some(item) => read(&item).map(Some),
    };
    Ok(MemoryBudget {
        awake_vats: at_most("awake_vats", MEMORY.awake_vats, |item| item.count())?,
        heap_bytes: at_most("heaps", MEMORY.heap_bytes, units::bytes)?,
    })
}

fn log(item: &Item<'_>) -> Result<LogBudget, Problem> {
    let section = item.section()?.only(&["file", "files"])?;
    let files = section.get("files").map_or(Ok(u64::from(LOG.files)), |item| item.count())?;
    Ok(LogBudget {
        file_bytes: section.get("file").map_or(Ok(LOG.file_bytes), |item| units::bytes(&item))?,
        // More than that are as many as one likes.
        files: u32::try_from(files).unwrap_or(u32::MAX).max(1),
    })
}
