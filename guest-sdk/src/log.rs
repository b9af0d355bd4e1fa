//! The vat's log. It is a plain function of the host; a vat that prints would hold a stream.
//!
//! ```no_run
//! # use ocap_guest_sdk::prelude::*;
//! let (name, count) = ("lamp", 3);
//! info!("registered {name}");
//! warn!(service = name, count = count, "{} are too many", count);
//! ```

pub use crate::bindings::ocap::vat::log::{Level, write};

/// Has panics logged before they trap the vat. (The standard hook would open the error stream and keep it.)
#[cfg(target_family = "wasm")]
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("panic");
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        write(Level::Error, message, &[("at", &at)]);
    }));
}

/// Logs at a level: fields, then a format string and its arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! log_at {
    ($level:ident, $($field:ident = $value:expr,)* $format:literal $($rest:tt)*) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($format $($rest)*),
            &[$((::core::stringify!($field), ::std::string::ToString::to_string(&$value).as_str())),*],
        )
    };
}

/// Logs each step, for whoever looks for an error.
#[macro_export]
macro_rules! trace { ($($line:tt)*) => { $crate::log_at!(Trace, $($line)*) }; }

/// Logs what a developer wants to know.
#[macro_export]
macro_rules! debug { ($($line:tt)*) => { $crate::log_at!(Debug, $($line)*) }; }

/// Logs what an operator may want to know.
#[macro_export]
macro_rules! info { ($($line:tt)*) => { $crate::log_at!(Info, $($line)*) }; }

/// Logs what is odd, while work goes on.
#[macro_export]
macro_rules! warn { ($($line:tt)*) => { $crate::log_at!(Warn, $($line)*) }; }

/// Logs what failed.
#[macro_export]
macro_rules! error { ($($line:tt)*) => { $crate::log_at!(Error, $($line)*) }; }
