//! The macros of ocap-guest-sdk, which has their documentation's examples.

mod arm;
mod durable;
mod interface;
mod method;
mod object;
mod vat_test;
mod words;

use proc_macro::TokenStream;
use syn::{DeriveInput, Item, ItemImpl, ItemTrait, parse_macro_input};

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
/// - `#[answer] fn name(.., answer: Result<T>)` is not callable either: it hears answers that were sent to it with `Promise::then`, also in a
///   later incarnation. A second argument gets what `Promise::then_with` gave it to remember.
///
/// The comments of the type's block and of its methods are served by the method `__describe`, which every object has.
///
/// `#[object]` also stands on `impl Interface for Type`, where the trait is an [`macro@interface`]. A type with methods of its own, or with
/// several interfaces, names them: `#[object(One, Other)] impl Type { .. }` beside plain `impl One for Type { .. }`.
/// `#[object(name = "..")]` is what people read instead of the type's name.
#[proc_macro_attribute]
pub fn object(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemImpl);
    object::expand(attribute.into(), item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an interface of a trait: what its implementors are called by, and what typed callers call.
///
/// Methods are written as those of an [`macro@object`]: `&self`, `&mut self` or `this: This<Self>` first, owned arguments, `async` where the implementor
/// awaits. `#[object] impl TheTrait for Type` makes an object of a type. `Remote<dyn TheTrait>` is a capability to one, with the same methods: each
/// takes the same arguments (for a `String` any text), sends, and gives the `Promise` of what the method answers. What the method's `Result` holds,
/// and what the promise that it answers ends with, is what the caller's promise is of.
///
/// `#[interface(name = "..")]` is what people read instead of the trait's name.
#[proc_macro_attribute]
pub fn interface(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    interface::expand(attribute.into(), item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Keeps the state of an object in the vat's store, field by field through serde. Attributes of serde work as usual.
///
/// `#[durable(version = 2, migrate = grown)]` says that this is another shape than before: state that is of version 1 becomes what
/// `fn grown(old: TheOld) -> TheNew` (or `-> Result<TheNew>`) makes of it, when it is next loaded, and is kept so. `TheOld` derives `Durable`
/// with its own version, which may have a migration of its own. `#[durable(kind = "..")]` is the name kept beside the state, by default the type's.
#[proc_macro_derive(Durable, attributes(serde, durable))]
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
    let item = parse_macro_input!(item as Item);
    vat_test::expand(attribute.into(), item).unwrap_or_else(syn::Error::into_compile_error).into()
}
