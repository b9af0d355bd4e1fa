//! The exported side: what the macro `vat!` connects to the host. Nothing here is for a vat's author.
#![doc(hidden)]

use crate::answer::{Heard, Outcome, settle};
use crate::args::Args;
use crate::bindings::exports::ocap::vat::lifecycle::Boot;
use crate::bindings::ocap::vat::kernel::{self, Payload, Resolution};
use crate::body::Body;
use crate::durable::{self, Kind};
use crate::interface::DESCRIBE;
use crate::{Context, Durable, Error, Object, This, executor, life, this};

/// A root with all that its vat knows: what `vat!` makes of it.
pub trait Vat: Object + Durable + Default {
    /// The kinds of durable objects, the root's first.
    const KINDS: &'static [Kind];
}

/// A new incarnation.
///
/// # Errors
/// What the root's method marked `#[started]` says.
pub fn start<R: Vat>(boot: Boot) -> Result<(), String> {
    #[cfg(target_family = "wasm")]
    crate::log::log_panics();
    durable::set_kinds(R::KINDS);
    let context = Context::begin(boot);
    let root = This::<R>::root();
    root.bring_up_to_date().map_err(|error| error.to_string())?;
    R::started(&root, &context).map_err(|error| error.to_string())?;
    finish();
    Ok(())
}

/// A message.
pub fn deliver<R: Vat>(object: u64, method: &str, args: Payload, resolver: Option<kernel::Cap>) {
    let args = Args::new(Body::received(args));
    let outcome = match object {
        0 if method == DESCRIBE => R::describe().answer(),
        0 => R::dispatch(&This::<R>::root(), method, args),
        _ => this::deliver(object, method, args).unwrap_or_else(|| Outcome::Now(Err(gone(object)))),
    };
    match outcome {
        Outcome::Now(answer) => conclude(method, resolver, answer),
        Outcome::Later(answer) => {
            let method = method.to_owned();
            executor::spawn(async move { conclude(&method, resolver, answer.await) });
        }
    }
    finish();
}

/// Promises that were awaited have ended.
pub fn settled(resolutions: Vec<(u64, Resolution)>) {
    for (token, resolution) in resolutions {
        executor::settled(token, Heard::from(resolution));
    }
    finish();
}

/// Nobody holds these objects any more.
pub fn dropped(objects: &[u64]) {
    objects.iter().copied().for_each(this::dropped);
    finish();
}

/// What can go on goes on; then the delivery is over.
fn finish() {
    executor::run();
    life::end();
}

fn conclude(method: &str, resolver: Option<kernel::Cap>, answer: Result<crate::private::Reply, Error>) {
    match (resolver, answer) {
        (Some(resolver), answer) => settle(resolver, answer),
        (None, Err(error)) => crate::debug!(name = error.name(), "`{method}` failed, and nobody asked: {error}"),
        (None, Ok(_)) => (),
    }
}

fn gone(object: u64) -> Error {
    Error::new("object-gone", format!("this vat has no object {object} of a kind that it knows"))
}
