//! The macros of ocap-guest-sdk, which has their documentation's examples.

mod durable;
mod method;
mod object;
mod vat_test;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, ItemImpl, parse_macro_input};

/// Makes the methods of an `impl` block callable by messages.
///
/// Every method of the block is public to whoever holds a capability to the object; helpers belong in a block without the attribute.
///
/// - `fn name(&self, ..)` looks at the state, `fn name(&mut self, ..)` may change it. A durable object's state is loaded before, and saved
///   after if it changed, also when the method answers an error.
/// - `async fn name(this: This<Self>, ..)` can await. Other deliveries run meanwhile, so there is no `self` to borrow: `this.read(|state| ..)`
///   and `this.with(|state| ..)` look at the state for a moment. A method that does not await may take `this` too.
/// - Arguments are owned and come by serde (`Deserialize`), also capabilities: `Cap`, `Promise`, `Channel`, ... A call with other
///   arguments is answered with the error `bad-arguments`, one of another method with `no-such-method`.
/// - What it returns goes back by serde (`Serialize`). A return type called `Result` answers its `Err` as an error; the error type is
///   anything that can be displayed. A lone capability or promise is forwarded: messages sent to the answer reach it.
/// - `#[started] fn name(.., context: &Context)` is not callable. On the root it runs once an incarnation, before any message; `context`
///   may be left out. If it returns an `Err`, the vat is quarantined and the operator sees why.
/// - `#[answer] fn name(&mut self, answer: Result<T>)` hears the answers of calls that named this object as their listener
///   (`call_to`, `listen`). Give such an object to nobody else: a message can pretend to be an answer.
#[proc_macro_attribute]
pub fn object(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemImpl);
    object::expand(attribute.into(), item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Keeps the state of an object in the vat's store, field by field through serde. Attributes of serde work as usual.
#[proc_macro_derive(Durable, attributes(serde))]
pub fn durable(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    durable::expand(item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a test of a function that gets a `TestHost` (crate `ocap-guest-testing`). It may be `async`, and return a `Result`.
///
/// `#[vat_test(seeds = 32)]` runs it 32 times, each with another order of what may happen in any order and other random numbers. The same
/// seed gives the same run; a failure names it, and `VAT_SEED` in the environment tries it again alone.
#[proc_macro_attribute]
pub fn vat_test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemFn);
    vat_test::expand(attribute.into(), item).unwrap_or_else(syn::Error::into_compile_error).into()
}
