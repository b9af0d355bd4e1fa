//! For whoever writes a vat: a new one from a template, its build, and the check of what was built. No home and no host is needed.

mod build;
mod changes;
mod template;

pub use build::{Built, BuiltVat, build};
pub use changes::Changes;
pub use template::{Made, make};
