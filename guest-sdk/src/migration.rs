//! State of one version that becomes state of the next.

use std::fmt;

use ocap_passable::{NotPassable, from_bytes};
use serde::de::{Deserialize, Deserializer};

use crate::body::{Body, with_incoming};
use crate::error::to_error;
use crate::{Durable, Error, durable};

/// State as it was kept, whatever its version.
#[doc(hidden)]
pub struct Old<'a> {
    state: &'a [u8],
}

impl Old<'_> {
    fn read<T: Durable>(self) -> Result<T, Error> {
        let Loaded(state) = from_bytes(self.state).map_err(|error| unfit(&error))?;
        Ok(state)
    }
}

#[cold]
fn unfit(error: &NotPassable) -> Error {
    Error::new("unfit-state", error.to_string())
}

/// What a migration makes: the new state, or an error that says why there is none.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a migration to `{N}` does not make a `{Self}`",
    note = "it is a function from the state of the version before: `fn grown(old: TheOld) -> {N}`, or `-> Result<{N}>`"
)]
pub trait Migrated<N> {
    fn migrated(self) -> Result<N, Error>;
}

impl<N: Durable> Migrated<N> for N {
    fn migrated(self) -> Result<N, Error> {
        Ok(self)
    }
}

impl<N: Durable, E: fmt::Display + 'static> Migrated<N> for Result<N, E> {
    fn migrated(self) -> Result<N, Error> {
        self.map_err(to_error)
    }
}

/// For the macro: state of `version` becomes an `O`, by way of migrations of its own, and then an `N`.
#[doc(hidden)]
pub fn migrate<O: Durable, M: Migrated<N>, N: Durable>(
    function: fn(O) -> M,
    version: u32,
    old: Old<'_>,
) -> Result<N, Error> {
    const { assert!(O::VERSION < N::VERSION, "a migration begins with the state of an older version") };
    function(restore(version, old)?).migrated()
}

fn restore<T: Durable>(version: u32, old: Old<'_>) -> Result<T, Error> {
    match version {
        _ if version == T::VERSION => old.read(),
        _ if version < T::VERSION => T::migrate(version, old),
        _ => Err(Error::new(
            "newer-state",
            format!("it is of version {version}, and this code knows versions of `{}` up to {}", T::KIND, T::VERSION),
        )),
    }
}

/// The state in what is kept of an object, and whether it is of this version already.
pub(crate) fn from_body<T: Durable>(body: &mut Body) -> Result<(T, bool), Error> {
    let record = durable::record(&body.bytes).map_err(|error| unfit(&error))?;
    let (state, caps) =
        with_incoming(std::mem::take(&mut body.caps), || restore(record.version, Old { state: record.state }));
    body.caps = caps;
    Ok((state?, record.version == T::VERSION))
}

/// There is no way from one version to the other.
pub(crate) fn unknown(kind: &str, from: u32, to: u32) -> Error {
    let message = format!("it is of version {from}, and this code has no way from there to version {to} of `{kind}`");
    Error::new("no-migration", message)
}

struct Loaded<T>(T);

impl<'de, T: Durable> Deserialize<'de> for Loaded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loaded<T>, D::Error> {
        T::load(deserializer).map(Loaded)
    }
}
