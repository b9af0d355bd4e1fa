//! The interface `log`.
#![allow(missing_docs, reason = "wit/vat.wit has the words")]

use crate::bindings::host::ask;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    ask(|host| host.log(level, message, fields));
}
