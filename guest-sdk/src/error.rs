//! Why there is no answer.

use std::any::Any;
use std::fmt;

use ocap_passable::Failure;

/// Why a call has no answer, and what a method that fails answers.
///
/// `?` makes one of any `std::error::Error`. A method may also have an error type of its own, if it can be displayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The kernel says so: `object-gone`, `vat-trapped`, `resolver-dropped`, ... The list may grow. No vat can forge it.
    Failed(String),
    /// Whoever had to answer says so.
    Broken(Failure),
}

impl Error {
    /// An error with a name for programs (short, lower case, with hyphens) and a message for people.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Broken(Failure { name: name.into(), message: message.into() })
    }

    /// What programs compare: the kernel's code or the failure's name. A vat can name a failure like a code.
    pub fn name(&self) -> &str {
        match self {
            Error::Failed(code) => code,
            Error::Broken(failure) => &failure.name,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Failed(code) => f.write_str(code),
            Error::Broken(failure) => f.write_str(&failure.message),
        }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        Error::new("error", error.to_string())
    }
}

/// A code that is passed on becomes a failure of that name: only the kernel can say `Failed`.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Failed(code) => Failure { name: code.clone(), message: code },
            Error::Broken(failure) => failure,
        }
    }
}

/// The error of a method with any error type that can be displayed. (Not `From`: that would rule out [`Error`] itself.)
#[doc(hidden)]
pub fn to_error<E: fmt::Display + 'static>(error: E) -> Error {
    let known = (&error as &dyn Any).downcast_ref::<Error>().cloned();
    known.unwrap_or_else(|| Error::new("error", error.to_string()))
}
