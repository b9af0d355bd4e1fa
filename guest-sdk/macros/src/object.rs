//! `#[object]`: the dispatcher of an `impl` block.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, ImplItem, ItemImpl, LitStr, Path, Result, Signature, Token};

use crate::arm::{self, arm};
use crate::method::{Method, Role};
use crate::words;

/// What stands in the attribute's brackets: `name = "..."`, and interfaces that the object implements.
#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    interfaces: Vec<Path>,
}

enum Opt {
    Name(LitStr),
    Interface(Path),
}

impl Parse for Opt {
    fn parse(input: ParseStream<'_>) -> Result<Opt> {
        if !input.peek2(Token![=]) {
            return Ok(Opt::Interface(input.parse()?));
        }
        let option: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        match option == "name" {
            true => Ok(Opt::Name(input.parse()?)),
            false => Err(syn::Error::new(
                option.span(),
                format!(
                    "`#[object]` has no option `{option}`: it takes `name = \"..\"` and the interfaces that the type implements"
                ),
            )),
        }
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Options> {
        let mut options = Options::default();
        for option in Punctuated::<Opt, Token![,]>::parse_terminated(input)? {
            match option {
                Opt::Name(name) => options.name = Some(name),
                Opt::Interface(path) => options.interfaces.push(path),
            }
        }
        Ok(options)
    }
}

pub(crate) fn expand(attribute: TokenStream, mut item: ItemImpl) -> Result<TokenStream> {
    let mut options: Options = syn::parse2(attribute)?;
    let methods = match &item.trait_ {
        None => own_methods(&mut item)?,
        Some((_, interface, _)) => {
            options.interfaces.insert(0, interface.clone());
            no_roles(&item)?;
            Vec::new()
        }
    };
    Ok(implementation(&item, &methods, &options))
}

/// The methods of a type's own block, and all mistakes at once, each at its place.
fn own_methods(item: &mut ItemImpl) -> Result<Vec<Method>> {
    let functions = item.items.iter_mut().filter_map(|member| match member {
        ImplItem::Fn(function) => Some((&mut function.attrs, &function.sig)),
        _ => None,
    });
    all_methods(functions)
}

pub(crate) fn all_methods<'i>(
    functions: impl Iterator<Item = (&'i mut Vec<Attribute>, &'i Signature)>,
) -> Result<Vec<Method>> {
    let mut methods = Vec::new();
    let mut errors = None::<syn::Error>;
    for (attributes, signature) in functions {
        match Method::parse(attributes, signature) {
            Ok(method) => methods.push(method),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    errors.map_or(Ok(methods), Err)
}

/// A block that implements an interface has that interface's methods and no others.
fn no_roles(item: &ItemImpl) -> Result<()> {
    for member in &item.items {
        let ImplItem::Fn(function) = member else { continue };
        let role = |attribute: &&Attribute| attribute.path().is_ident("started") || attribute.path().is_ident("answer");
        if let Some(role) = function.attrs.iter().find(role) {
            return Err(syn::Error::new_spanned(
                role,
                "this is no method of the interface: put it into the type's own block, `#[object(TheInterface)] impl TheType { .. }`, and \
                 leave `#[object]` away from this one",
            ));
        }
    }
    Ok(())
}

fn implementation(item: &ItemImpl, methods: &[Method], options: &Options) -> TokenStream {
    let object = item.self_ty.to_token_stream();
    let (generics, _, bounds) = item.generics.split_for_impl();
    let name = options.name.as_ref().map_or_else(|| words::of_tokens(&object), LitStr::value);
    let docs = words::docs(&item.attrs);
    let of = |role: Role| methods.iter().filter(move |method| method.role == role);
    let arms = of(Role::Message).map(|method| arm(&object, method));
    let started = of(Role::Started).map(|method| arm::started(&object, method));
    let answers = of(Role::Answer).map(|method| arm(&object, method));
    let answered = (of(Role::Answer).count() > 0).then(|| arm::answered(answers));
    let descriptions = of(Role::Message).map(Method::description);
    let interfaces = &options.interfaces;
    quote! {
        #item

        impl #generics ::ocap_guest_sdk::Object for #object #bounds {
            fn dispatch(
                this: &::ocap_guest_sdk::This<Self>,
                method: &str,
                args: ::ocap_guest_sdk::private::Args,
            ) -> ::ocap_guest_sdk::private::Outcome {
                #[allow(unused_imports)]
                use ::ocap_guest_sdk::private::{Outcome, Reply, to_error};
                match method {
                    #(#arms)*
                    other => {
                        #(let args = match <dyn #interfaces>::__dispatch(this, other, args) {
                            Ok(outcome) => return outcome,
                            Err(args) => args,
                        };)*
                        drop(args);
                        Outcome::no_such_method(#name, other)
                    }
                }
            }

            #(#started)*

            #answered

            fn describe() -> ::ocap_guest_sdk::private::Description {
                #[allow(unused_imports)]
                use ::ocap_guest_sdk::private::{Description, MethodDescription};
                #[allow(unused_mut)]
                let mut description = Description::new(#name, #docs, &[#(#descriptions),*]);
                #(description.add(<dyn #interfaces as ::ocap_guest_sdk::Interface>::DESCRIPTION);)*
                description
            }
        }

        #(impl #generics ::ocap_guest_sdk::Implements<dyn #interfaces> for #object #bounds {})*
    }
}
