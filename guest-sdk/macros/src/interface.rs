//! `#[interface]`: of a trait, the dispatcher for whoever implements it and the typed client for whoever calls.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{ItemTrait, LitStr, Meta, Result, TraitItem, parse_quote};

use crate::arm::{arm, here};
use crate::method::{Method, Role};
use crate::object::all_methods;
use crate::words;

pub(crate) fn expand(attribute: TokenStream, mut item: ItemTrait) -> Result<TokenStream> {
    let name = name(attribute, &item)?;
    check(&item)?;
    let functions = item.items.iter_mut().filter_map(|member| match member {
        TraitItem::Fn(function) => Some((&mut function.attrs, &function.sig)),
        _ => None,
    });
    let methods = all_methods(functions)?;
    if let Some(other) = methods.iter().find(|method| method.role != Role::Message) {
        return Err(syn::Error::new(
            other.name.span(),
            "an interface says what messages there are; `#[started]` and `#[answer]` are the business of an object's own block",
        ));
    }
    // Methods without `self` leave the trait usable as `dyn`, which is how an interface is named.
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member
            && function.sig.receiver().is_none()
        {
            function.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: Sized + 'static));
        }
    }
    Ok(implementation(&item, &methods, &name))
}

fn name(attribute: TokenStream, item: &ItemTrait) -> Result<String> {
    if attribute.is_empty() {
        return Ok(item.ident.to_string());
    }
    const TAKES: &str = "`#[interface]` takes a name for people at most: `name = \"..\"`";
    match syn::parse2::<Meta>(attribute)? {
        Meta::NameValue(it) if it.path.is_ident("name") => {
            let value = &it.value;
            syn::parse2::<LitStr>(quote!(#value)).map(|name| name.value())
        }
        other => Err(syn::Error::new_spanned(other, TAKES)),
    }
}

fn check(item: &ItemTrait) -> Result<()> {
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.generics,
            "a message brings no types, so an interface has no parameters",
        ));
    }
    if !item.supertraits.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.supertraits,
            "an interface stands for itself: an object can implement several, `#[object(One, Other)]`",
        ));
    }
    for member in &item.items {
        if !matches!(member, TraitItem::Fn(_)) {
            return Err(syn::Error::new_spanned(member, "an interface has methods and nothing else"));
        }
    }
    Ok(())
}

fn implementation(item: &ItemTrait, methods: &[Method], name: &str) -> TokenStream {
    let (interface, visibility, docs) = (&item.ident, &item.vis, words::docs(&item.attrs));
    let arms = methods.iter().map(|method| arm(&quote!(Implementor as #interface), method));
    let calls = methods.iter().map(|method| client(item, method));
    let descriptions = methods.iter().map(Method::description);
    quote! {
        #[allow(async_fn_in_trait)]
        #item

        const _: () = {
            /// Calls the methods of the interface.
            #visibility struct Client(::ocap_guest_sdk::Cap);

            impl ::core::convert::From<::ocap_guest_sdk::Cap> for Client {
                fn from(cap: ::ocap_guest_sdk::Cap) -> Client {
                    Client(cap)
                }
            }

            impl ::core::convert::AsRef<::ocap_guest_sdk::Cap> for Client {
                fn as_ref(&self) -> &::ocap_guest_sdk::Cap {
                    &self.0
                }
            }

            #[allow(dead_code)]
            impl Client {
                #(#calls)*
            }

            impl ::ocap_guest_sdk::Interface for dyn #interface {
                type Client = Client;
                const DESCRIPTION: ::ocap_guest_sdk::private::InterfaceDescription = {
                    #[allow(unused_imports)]
                    use ::ocap_guest_sdk::private::{InterfaceDescription, MethodDescription};
                    InterfaceDescription { name: #name, docs: #docs, methods: &[#(#descriptions),*] }
                };
            }

            impl dyn #interface {
                #[doc(hidden)]
                #[allow(dead_code)]
                #visibility fn __dispatch<Implementor: #interface + ::ocap_guest_sdk::Object>(
                    this: &::ocap_guest_sdk::This<Implementor>,
                    method: &str,
                    args: ::ocap_guest_sdk::private::Args,
                ) -> ::core::result::Result<::ocap_guest_sdk::private::Outcome, ::ocap_guest_sdk::private::Args> {
                    #[allow(unused_imports)]
                    use ::ocap_guest_sdk::private::{Outcome, Reply, to_error};
                    Ok(match method {
                        #(#arms)*
                        _ => return Err(args),
                    })
                }
            }
        };
    }
}

/// A method of the client: it sends, and gives the promise of the answer.
fn client(item: &ItemTrait, method: &Method) -> TokenStream {
    let (visibility, function, word, answer) = (&item.vis, &method.name, method.word(), method.answer());
    let names: Vec<_> = method.args.iter().map(|arg| &arg.name).collect();
    let types = method.args.iter().map(|arg| match words::last_segment_is(&arg.declared, "String") {
        // A text in place of a `String` is what callers have.
        true => quote!(impl ::core::convert::Into<::std::string::String>),
        false => {
            let declared = &arg.declared;
            quote!(#declared)
        }
    });
    let owned = method.args.iter().map(|arg| {
        let (name, declared) = (&arg.name, &arg.declared);
        match words::last_segment_is(declared, "String") {
            true => quote!(let #name: ::std::string::String = #name.into();),
            false => quote!(),
        }
    });
    let docs = item.items.iter().find_map(|member| match member {
        TraitItem::Fn(it) if it.sig.ident == *function => {
            Some(it.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).collect::<Vec<_>>())
        }
        _ => None,
    });
    let docs = docs.unwrap_or_default();
    let span = here(function.span());
    let args = if names.is_empty() { quote!(()) } else { quote!((#(#names,)*)) };
    quote_spanned! {span=>
        #(#docs)*
        #visibility fn #function(&self, #(#names: #types),*) -> ::ocap_guest_sdk::Promise<#answer> {
            #(#owned)*
            self.0.call(#word, #args)
        }
    }
}
