//! What the author of a vat sees.
//!
//! ```
//! use ocap_guest_sdk::prelude::*;
//!
//! /// Counts, and remembers.
//! #[derive(Durable, Default)]
//! struct Counter {
//!     count: u64,
//! }
//!
//! #[object]
//! impl Counter {
//!     fn increment(&mut self, by: u64) -> u64 {
//!         self.count += by;
//!         self.count
//!     }
//!
//!     fn get(&self) -> u64 {
//!         self.count
//!     }
//! }
//!
//! vat!(Counter);
//! ```
//!
//! - **Objects.** [`object`] on an `impl` block makes its methods callable by whoever holds a capability to the object. [`vat!`] names the
//!   root, object 0, and further kinds of durable objects. [`This`] makes more objects and is what asynchronous methods get.
//! - **Interfaces.** [`macro@interface`] on a trait makes of it what objects implement and what callers hold: a [`Remote`] has the trait's methods,
//!   checked by the compiler. Every object answers `__describe`.
//! - **State.** [`Durable`](derive@Durable) state is loaded before a method and saved after it if the method changed it; [`collections`] are
//!   loaded entry by entry. A delivery is a transaction: if the code panics, nothing of it has happened, and the caller is told.
//! - **Capabilities.** A [`Cap`] can be called, passed in arguments and answers, and kept in durable state. [`Cap::call`] gives a
//!   [`Promise`], to be awaited, sent to at once, or passed on. [`Promise::then`] has the answer sent to a durable object's method, also after a
//!   restart; [`Promise::within`] waits only so long; a [`Stream`] is of many values.
//! - **Awaiting.** Other deliveries run while a method waits. So a method that awaits has no `self`: it takes `this: This<Self>` and looks
//!   at its state with [`This::read`] and [`This::with`], whose borrow can not last across an await because their argument is a plain
//!   closure. The compiler keeps this rule, not the reader:
//!
//!   ```compile_fail
//!   # use ocap_guest_sdk::prelude::*;
//!   # struct Counter { count: u64 }
//!   #[object]
//!   impl Counter {
//!       async fn follow(&mut self, other: Cap) -> Result<()> {
//!           self.count = other.call("get", ()).await?;
//!           Ok(())
//!       }
//!   }
//!   ```
//!
//!   ```
//!   # use ocap_guest_sdk::prelude::*;
//!   # struct Counter { count: u64 }
//!   #[object]
//!   impl Counter {
//!       async fn follow(this: This<Self>, other: Cap) -> Result<()> {
//!           let count = other.call("get", ()).await?;
//!           this.with(|state| state.count = count);
//!           Ok(())
//!       }
//!   }
//!   ```
//! - **Grants and parameters** are in the [`Context`], which a method marked `#[started]` gets once an incarnation, and [`context()`] gives
//!   at any time.
//! - **Idioms.** [`idioms`] makes less authority out of more: facets, limits, expiry, membranes, seals, powerboxes.
//! - **Tests.** The crate `ocap-guest-testing` runs a vat in a test, without a host.
//!
//! Nothing here holds a resource of the host but capabilities, and nothing prints: use [`info!`] and its sisters. A panic's message goes
//! to the log before the vat traps.

mod answer;
mod args;
#[cfg(target_family = "wasm")]
pub mod bindings;
#[cfg(not(target_family = "wasm"))]
#[path = "native/mod.rs"]
pub mod bindings;
mod body;
mod cap;
mod channel;
pub mod clock;
pub mod collections;
mod context;
mod durable;
mod error;
mod executor;
pub mod idioms;
mod interface;
mod life;
pub mod log;
mod migration;
mod numbered;
mod object;
mod promise;
pub mod random;
mod remote;
pub mod store;
pub mod stream;
mod then;
mod this;
mod timer;
pub mod vat;

// The macros of this crate name it as its users do.
extern crate self as ocap_guest_sdk;

pub use args::Arguments;
pub use cap::Cap;
pub use channel::{Channel, Connection};
pub use context::{Context, context};
pub use durable::Durable;
pub use error::Error;
pub use executor::spawn;
pub use futures_util::future::{join, join_all, try_join, try_join_all};
pub use futures_util::select_biased as select;
pub use interface::{Implements, Interface};
pub use life::{Pin, exit, pin};
pub use object::Object;
pub use ocap_guest_sdk_macros::{Durable, interface, object};
pub use ocap_passable::{Bytes, Failure};
pub use promise::{Promise, Resolver, promise};
pub use remote::Remote;
pub use stream::{Sink, Stream, stream};
pub use then::Hears;
pub use this::This;
pub use timer::Timer;

/// Anything that can be passed, with its capabilities as handles.
pub type Value = ocap_passable::Value<Cap>;

/// What a method that can fail answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that most vats use.
pub mod prelude {
    pub use crate::collections::{Log, Map, Set};
    pub use crate::{
        Bytes, Cap, Channel, Connection, Context, Durable, Error, Interface, Object, Promise, Remote, Resolver, Result,
        Sink, Stream, This, Timer, Value, context, debug, error, info, interface, join, join_all, object, promise,
        select, spawn, store, stream, trace, try_join, try_join_all, vat, warn,
    };
    pub use serde::{Deserialize, Serialize};
}

/// For the macros.
#[doc(hidden)]
pub mod private {
    pub use crate::answer::{Outcome, Reply};
    pub use crate::args::Args;
    pub use crate::durable::Kind;
    pub use crate::error::to_error;
    pub use crate::interface::{Description, InterfaceDescription, MethodDescription};
    pub use crate::migration::{Old, migrate};
    pub use crate::then::Answered;
    pub use serde;
}

/// Makes a component of objects: the root, which is object 0, and any further kinds of durable objects.
///
/// The root is `Default` when it is first looked at. What else an incarnation has to do when it begins stands in the root's method
/// marked `#[started]`.
///
/// Where there is no component to be made, in the tests of a vat, it only says which kinds belong to the root.
#[macro_export]
macro_rules! vat {
    ($root:ty $(, $kind:ty)* $(,)?) => {
        impl $crate::vat::Vat for $root {
            const KINDS: &'static [$crate::private::Kind] =
                &[$crate::private::Kind::root::<$root>(), $($crate::private::Kind::of::<$kind>()),*];
        }

        $crate::export_component!($root);
    };
}

/// Nothing to export; but the code is in use, whether or not a test runs it.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! export_component {
    ($root:ty) => {
        const _: fn(
            $crate::bindings::exports::ocap::vat::lifecycle::Boot,
        ) -> ::core::result::Result<(), ::std::string::String> = $crate::vat::start::<$root>;
    };
}

/// The exports of a component.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! export_component {
    ($root:ty) => {
        const _: () = {
            struct Component;

            impl $crate::bindings::exports::ocap::vat::lifecycle::Guest for Component {
                fn start(
                    boot: $crate::bindings::exports::ocap::vat::lifecycle::Boot,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::vat::start::<$root>(boot)
                }

                fn deliver(
                    object: u64,
                    method: ::std::string::String,
                    args: $crate::bindings::ocap::vat::kernel::Payload,
                    resolver: ::core::option::Option<$crate::bindings::ocap::vat::kernel::Cap>,
                ) {
                    $crate::vat::deliver::<$root>(object, &method, args, resolver);
                }

                fn settled(resolutions: ::std::vec::Vec<(u64, $crate::bindings::ocap::vat::kernel::Resolution)>) {
                    $crate::vat::settled(resolutions);
                }

                fn dropped(objects: ::std::vec::Vec<u64>) {
                    $crate::vat::dropped(&objects);
                }
            }

    $crate::bindings::export_vat!(Component with_types_in $crate::bindings);
        };
    };
}
