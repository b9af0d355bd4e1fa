//! `#[object]`: the dispatcher of an `impl` block.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ImplItem, ItemImpl, Result, Type};

use crate::method::{Method, Receiver, Role};

pub(crate) fn expand(attribute: TokenStream, mut item: ItemImpl) -> Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(syn::Error::new_spanned(attribute, "`#[object]` takes nothing"));
    }
    if let Some((_, path, _)) = &item.trait_ {
        return Err(syn::Error::new_spanned(path, "`#[object]` stands on the type's own `impl` block"));
    }
    let mut methods = Vec::new();
    let mut errors = None::<syn::Error>;
    for member in &mut item.items {
        let ImplItem::Fn(function) = member else { continue };
        match Method::parse(function) {
            Ok(method) => methods.push(method),
            // All mistakes at once, each at its place.
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    match errors {
        Some(errors) => Err(errors),
        None => Ok(implementation(&item, &methods)),
    }
}

fn implementation(item: &ItemImpl, methods: &[Method]) -> TokenStream {
    let object = &item.self_ty;
    let (generics, _, bounds) = item.generics.split_for_impl();
    let object_name = quote!(#object).to_string().replace(' ', "");
    let arms = methods.iter().filter(|method| method.role != Role::Started).map(|method| arm(object, method));
    let started = methods.iter().filter(|method| method.role == Role::Started).map(|method| started(object, method));
    quote! {
        #item

        impl #generics ::ocap_guest_sdk::Object for #object #bounds {
            fn dispatch(
                this: &::ocap_guest_sdk::This<Self>,
                method: &str,
                args: ::ocap_guest_sdk::private::Args,
            ) -> ::ocap_guest_sdk::private::Outcome {
                use ::ocap_guest_sdk::private::{Outcome, Reply, to_error};
                match method {
                    #(#arms)*
                    other => Outcome::no_such_method(#object_name, other),
                }
            }

            #(#started)*
        }
    }
}

/// The arm of a method: takes the arguments, calls, replies.
fn arm(object: &Type, method: &Method) -> TokenStream {
    let name = method.name.to_string();
    let name = name.trim_start_matches("r#");
    let names: Vec<_> = method.args.iter().map(|arg| &arg.name).collect();
    let types: Vec<_> = method.args.iter().map(|arg| &arg.declared).collect();
    let reply = reply(method);
    let (pattern, take) = match method.role {
        Role::Answer => {
            (quote!("fulfill" | "forward" | "break"), quote!(#(let #names: #types = args.answer(method);)*))
        }
        Role::Message | Role::Started => {
            let (signature, count) = (method.signature(), names.len());
            let texts = names.iter().map(|name| name.to_string());
            let args = if count == 0 { quote!(_) } else { quote!(mut args) };
            let takes = names.iter().zip(&types).zip(texts).map(|((name, declared), text)| {
                quote_spanned!(here(declared.span())=> let #name: #declared = args.take(#text)?;)
            });
            let take = quote!(let #args = args.positional(#signature, #count)?; #(#takes)*);
            (quote!(#name), take)
        }
    };
    if !method.waits {
        let call = call(object, method, &names);
        return quote!(#pattern => Outcome::Now((move || { #take let answer = #call; #reply })()),);
    }
    let function = &method.name;
    let span = here(function.span());
    let waiting = quote_spanned!(span=> <#object>::#function(this, #(#names),*).await);
    quote! {
        #pattern => {
            let this = this.hold();
            let begun = (move || { #take ::core::result::Result::Ok(async move { let answer = #waiting; #reply }) })();
            match begun {
                Ok(running) => Outcome::Later(::std::boxed::Box::pin(running)),
                Err(error) => Outcome::Now(Err(error)),
            }
        }
    }
}

/// The call of a method that does not wait.
fn call(object: &Type, method: &Method, args: &[impl quote::ToTokens]) -> TokenStream {
    let function = &method.name;
    let span = here(function.span());
    match method.receiver {
        Receiver::Read => quote_spanned!(span=> this.read(move |state| <#object>::#function(state, #(#args),*))),
        Receiver::Change => quote_spanned!(span=> this.with(move |state| <#object>::#function(state, #(#args),*))),
        Receiver::This => quote_spanned!(span=> <#object>::#function(this.clone(), #(#args),*)),
    }
}

/// The user's place for the compiler's errors, with this macro's names.
fn here(place: Span) -> Span {
    place.resolved_at(Span::call_site())
}

/// `answer` as a reply.
fn reply(method: &Method) -> TokenStream {
    let span = here(method.output);
    match method.fails {
        true => quote_spanned!(span=> match answer {
            Ok(answer) => Reply::new(&answer),
            Err(error) => Err(to_error(error)),
        }),
        false => quote_spanned!(span=> Reply::new(&answer)),
    }
}

/// What the root does when an incarnation begins.
fn started(object: &Type, method: &Method) -> TokenStream {
    let context = method.args.first().map(|_| quote!(context));
    let call = call(object, method, context.as_slice());
    let result = match method.fails {
        true => quote!(answer.map_err(::ocap_guest_sdk::private::to_error)),
        false => quote!({
            let () = answer;
            Ok(())
        }),
    };
    quote! {
        fn started(
            this: &::ocap_guest_sdk::This<Self>,
            context: &::ocap_guest_sdk::Context,
        ) -> ::core::result::Result<(), ::ocap_guest_sdk::Error> {
            let _ = context;
            let answer = #call;
            #result
        }
    }
}
