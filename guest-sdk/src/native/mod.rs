//! The ABI where there is no component: the same names as wit-bindgen's, in the test of a vat.
//!
//! A vat's code calls these functions, and they ask whoever plays the host for this thread ([`Host`]; crate `ocap-guest-testing`). What
//! breaks a rule there ends the crank by unwinding, as it traps in a component.

mod host;

pub(crate) use host::ask;
pub use host::{Broken, Handle, Host, Lifetime, Outgoing, Settlement, play};

/// The package of the contract.
pub mod ocap {
    /// Its interfaces that a vat calls.
    pub mod vat {
        pub mod kernel;
        pub mod log;
        pub mod store;
    }
}

/// What the host calls.
pub mod exports {
    /// The package of the contract.
    pub mod ocap {
        /// Its interfaces that a vat offers.
        pub mod vat {
            pub mod lifecycle;
        }
    }
}
