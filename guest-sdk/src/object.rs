//! Objects that others can send messages to.

use crate::answer::Outcome;
use crate::args::Args;
use crate::{Context, Error, This};

/// Something that others can send messages to. The attribute [`crate::object`] implements it.
pub trait Object: Sized + 'static {
    /// Finds the method and calls it.
    #[doc(hidden)]
    fn dispatch(this: &This<Self>, method: &str, args: Args) -> Outcome;

    /// What the root does when an incarnation begins: its method marked `#[started]`.
    ///
    /// # Errors
    /// If the vat can not work; it is quarantined then, and the operator sees the error.
    #[doc(hidden)]
    fn started(_this: &This<Self>, _context: &Context) -> Result<(), Error> {
        Ok(())
    }
}
