//! The macros of ocap-guest-sdk.
