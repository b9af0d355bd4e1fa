//! What the host's own code says by `tracing`, as lines of the log.

use std::fmt::Debug;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::line::{LogLevel, LogLine};
use super::{FILE_ONLY, Log, Readers, now};

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let readers = if metadata.target() == FILE_ONLY { Readers::File } else { Readers::All };
        let mut line = LogLine {
            timestamp: now(),
            level: level(*metadata.level()),
            target: metadata.target().to_owned(),
            message: String::new(),
            subcluster: None,
            vat: None,
            more: std::collections::BTreeMap::new(),
        };
        event.record(&mut Fields(&mut line));
        self.write(&line, readers);
    }
}

fn level(level: tracing::Level) -> LogLevel {
    match level {
        tracing::Level::TRACE => LogLevel::Trace,
        tracing::Level::DEBUG => LogLevel::Debug,
        tracing::Level::INFO => LogLevel::Info,
        tracing::Level::WARN => LogLevel::Warn,
        tracing::Level::ERROR => LogLevel::Error,
    }
}

struct Fields<'l>(&'l mut LogLine);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.0.message = text,
            ("subcluster", Value::String(text)) => self.0.subcluster = Some(text),
            ("vat", Value::String(text)) => self.0.vat = Some(text),
            (name, value) => drop(self.0.more.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    /// What has a `Display` comes by this way too, and then it is that.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
