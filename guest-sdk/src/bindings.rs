//! The ABI as wit-bindgen writes it, for what this crate has no word for yet. Everything else here stands on it.
#![allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all)]

wit_bindgen::generate!({
    world: "vat",
    path: "../wit",
    ownership: Borrowing { duplicate_if_necessary: false },
    pub_export_macro: true,
    export_macro_name: "export_vat",
    default_bindings_module: "::ocap_guest_sdk::bindings",
});
