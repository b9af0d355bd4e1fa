//! What people declare: `subcluster.toml` and `host.toml` (design section 8).
//!
//! A declaration is data: it is read, checked against itself and compared, but nothing is opened for it here. `host.toml` says what the
//! operator allows; neither file can widen the other. What this host does not implement yet is refused, so that nothing is promised
//! silently.

mod channel;
mod difference;
mod host;
mod parse;
mod read;
mod record;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod units;
mod uses;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use ocap_kernel::WhenQuarantined;

pub use channel::{ChannelPlace, ChannelRoot};
pub use host::{HostConfig, LogBudget, MemoryBudget, SystemSubcluster, VatLimits};
pub use parse::is_name;
pub use record::{Recorded, Standing};
pub use settings::Setting;
pub use text::TEXT_BYTES_MAX;

use crate::component::Digest;
use crate::problem::Span;
use text::Text;

/// A subcluster as a person declared it. It agrees with itself: what it mentions it also declares.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// The subcluster's name.
    pub name: String,
    /// The vat whose root object answers for the subcluster; one of `vats`.
    pub bootstrap: String,
    /// Its vats, by name; at least one.
    pub vats: BTreeMap<String, VatDeclaration>,
    /// Its channels, by name.
    pub channels: BTreeMap<String, ChannelDeclaration>,
    text: Text,
    places: BTreeMap<String, Range<usize>>,
}

/// `[vats.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct VatDeclaration {
    /// Its code.
    pub component: ComponentRef,
    /// When its code is read.
    pub linkage: Linkage,
    /// Handed to `start`; an object.
    pub parameters: serde_json::Value,
    /// Everything it may reach, each once, in the order written.
    pub uses: Vec<Use>,
    /// When it is started.
    pub start: Start,
    /// Whether it may leave memory by itself.
    pub hibernate: Hibernate,
    /// The most cranks in a row that it gets while others wait, 1 to 100.
    pub turns: u32,
    /// What it asks for; see [`HostConfig::limits`] for what it gets.
    pub limits: DeclaredLimits,
    /// What happens to its messages while it is quarantined.
    pub when_quarantined: WhenQuarantined,
}

/// What a vat's code is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComponentRef {
    /// A path, relative to the declaration; in a bundle, the name of a member.
    Path(String),
    /// Bytes that are in the content store already.
    Digest(Digest),
}

/// When a vat's code is read from its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// Once, at the launch; from then on from the content store.
    Stored,
    /// At each start of the vat (`link = true`, for development).
    Linked,
}

/// When a vat is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At its first delivery.
    Lazy,
    /// At boot.
    Eager,
}

/// Whether a vat may leave memory by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hibernate {
    /// When it is at rest and others need the room.
    WhenIdle,
    /// Never.
    Never,
}

/// Something that a vat may reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// A channel of its subcluster: `io.NAME`.
    Io(String),
    /// Another vat of its subcluster: `vat.NAME`.
    Vat(String),
    /// A service of the host: `service.NAME`. Whether there is one that it may use is found out at its launch.
    Service(String),
}

/// What a vat asks for, where it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeclaredLimits {
    /// Bytes of all its memories and tables.
    pub memory_bytes: Option<u64>,
    /// Wall-clock time of one crank.
    pub crank: Option<Duration>,
    /// Bytes of its durable store.
    pub store_bytes: Option<u64>,
    /// Messages that wait for it.
    pub mailbox: Option<u64>,
    /// References that it holds.
    pub references: Option<u64>,
}

/// `[io.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelDeclaration {
    /// What it is.
    pub kind: ChannelKind,
    /// As written; see [`HostConfig::place`] for where that is.
    pub path: String,
    /// Which way data may go, seen from the vat.
    pub direction: Direction,
    /// How a stream of bytes becomes messages.
    pub framing: Framing,
    /// The longest frame, in bytes.
    pub max_frame_bytes: u64,
}

/// What a channel is: those that this host can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// A Unix socket on which the host listens.
    UnixListen,
}

/// Which way data may go, seen from the vat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the vat.
    In,
    /// From the vat.
    Out,
    /// Both.
    InOut,
}

/// How a stream of bytes becomes messages: those that this host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line each.
    Lines,
}

impl Declaration {
    /// The name of its file as it was given to [`Declaration::parse`].
    pub fn file(&self) -> &str {
        &self.text.file
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text.text
    }

    /// The place of something in the text, to point at later: `vats.index.component`, `io.llm.path`, or `vats.index` for the name itself.
    pub fn span(&self, key: &str, label: &str) -> Option<Span> {
        self.places.get(key).map(|range| self.text.span(range.clone(), label))
    }

    /// The place where a vat says that it uses something.
    pub fn use_span(&self, vat: &str, used: &Use, label: &str) -> Option<Span> {
        self.span(&format!("vats.{vat}.uses.{used}"), label)
    }

    /// The place of a vat's component, or of the vat if there is no such place.
    pub fn component_span(&self, vat: &str) -> Option<Span> {
        let label = "declared here";
        self.span(&format!("vats.{vat}.component"), label).or_else(|| self.span(&format!("vats.{vat}"), label))
    }

    /// The place of a channel's path.
    pub fn channel_span(&self, channel: &str) -> Option<Span> {
        self.span(&format!("io.{channel}.path"), "declared here")
    }
}

impl fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ComponentRef::Path(path) => f.write_str(path),
            ComponentRef::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Use::Io(name) => write!(f, "io.{name}"),
            Use::Vat(name) => write!(f, "vat.{name}"),
            Use::Service(name) => write!(f, "service.{name}"),
        }
    }
}
