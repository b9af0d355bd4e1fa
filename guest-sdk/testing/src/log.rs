//! What vats said.

use std::fmt;

pub use ocap_guest_sdk::log::Level;

/// One line of a vat's log. It displays as `info: the message name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How important the vat says it is.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        write!(f, "{level}: {}", self.message)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
