//! Why a crank failed, in words for operators. The guest's own text in it is escaped.

use std::any::Any;
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::limits::{Broken, TRAP_FRAMES_MAX, TRAP_TEXT_BYTES_MAX};
use crate::escape::{escape, escape_short};

/// What ended a call into the guest: the reason first, then what was refused before, then where it happened.
pub(crate) fn describe(error: &wasmtime::Error, budget: Duration, refusal: Option<String>) -> String {
    let mut text = reason(error, budget);
    if let Some(refusal) = refusal {
        text.push_str("; ");
        text.push_str(&refusal);
    }
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for frame in backtrace.frames().iter().take(TRAP_FRAMES_MAX) {
            let name = frame.func_name().map_or_else(
                || format!("function {}", frame.func_index()),
                |name| escape(&format!("{:#}", rustc_demangle::demangle(name))),
            );
            text.push_str("\n  at ");
            text.push_str(&name);
        }
    }
    bounded(text)
}

fn reason(error: &wasmtime::Error, budget: Duration) -> String {
    if let Some(broken) = error.downcast_ref::<Broken>() {
        return match broken {
            // Not a rule that was broken but a habit that does not work here; the advice speaks for itself.
            Broken::WouldBlock => broken.to_string(),
            broken => format!("the vat broke a rule: {broken}"),
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => format!("the vat spent its time budget of {}", in_words(budget)),
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => escape(&error.root_cause().to_string()),
    }
}

fn in_words(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{} ms", time.as_millis()),
    }
}

/// What a panic of the host says. The guest's crank is undone, the fault is ours.
pub(crate) fn describe_panic(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    escape_short(&format!("a bug of the host: {}", text.unwrap_or("a panic without words")), TRAP_TEXT_BYTES_MAX)
}

/// What the guest's `start` says of its failure.
pub(crate) fn describe_refusal(text: &str) -> String {
    escape_short(text, TRAP_TEXT_BYTES_MAX)
}

/// Cuts text that is escaped already, whose line ends are ours.
fn bounded(mut text: String) -> String {
    if text.len() > TRAP_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TRAP_TEXT_BYTES_MAX - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_rule_is_named() {
        let error = wasmtime::Error::new(Broken::Caps { caps: 2_000 });
        let text = describe(&error.context("error while executing"), Duration::from_secs(1), None);
        assert_eq!(text, "the vat broke a rule: 2000 capabilities in one payload; at most 1024 are allowed");
    }

    #[test]
    fn a_spent_budget_is_named_in_the_units_of_its_declaration() {
        let error = wasmtime::Error::new(Trap::Interrupt);
        assert_eq!(describe(&error, Duration::from_secs(1), None), "the vat spent its time budget of 1 s");
    }

    #[test]
    fn the_words_of_a_panic_are_kept_and_bounded() {
        assert_eq!(describe_panic(&"index out of bounds"), "a bug of the host: index out of bounds");
        assert!(describe_panic(&"\u{1b}".repeat(10_000)).len() <= TRAP_TEXT_BYTES_MAX);
    }
}
