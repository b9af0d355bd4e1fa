//! Objects that others can send messages to.

use crate::answer::Outcome;
use crate::args::Args;
use crate::interface::Description;
use crate::then::Answered;
use crate::{Context, Error, This};

/// Something that others can send messages to. The attribute [`crate::object`] implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be sent messages",
    label = "no object",
    note = "write `#[object]` above the `impl` block with the methods that others may call"
)]
pub trait Object: Sized + 'static {
    /// Finds the method and calls it.
    #[doc(hidden)]
    fn dispatch(this: &This<Self>, method: &str, args: Args) -> Outcome;

    /// Finds the method that hears an answer, and calls it.
    #[doc(hidden)]
    fn answered(_this: &This<Self>, method: &str, _answer: Answered) -> Outcome {
        Outcome::no_such_answer(method)
    }

    /// What the root does when an incarnation begins: its method marked `#[started]`.
    ///
    /// # Errors
    /// If the vat can not work; it is quarantined then, and the operator sees the error.
    #[doc(hidden)]
    fn started(_this: &This<Self>, _context: &Context) -> Result<(), Error> {
        Ok(())
    }

    /// What it can be asked.
    #[doc(hidden)]
    fn describe() -> Description {
        Description::default()
    }
}
