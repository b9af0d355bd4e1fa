//! What wasmtime makes of `wit/vat.wit`.
#![allow(missing_docs, unreachable_pub)] // Generated; the contract itself is documented in the WIT.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "vat",
    // Every host function can end the crank: that is what breaking a rule means.
    imports: { default: trappable },
    // A handle of the guest is a number of the vat's mirror, not an entry of a resource table.
    with: { "ocap:vat/kernel.cap": super::bindings::Cap },
    // Vats move between worker threads.
    require_store_data_send: true,
});

/// A capability in the guest's hands; its number is a handle of the mirror. There is no value of this type.
pub enum Cap {}
