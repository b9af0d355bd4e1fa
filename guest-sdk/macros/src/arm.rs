//! One arm of a dispatcher: takes the arguments, calls the method, replies.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::method::{Method, Receiver, Role};

/// The arm of a method of `object` (a type, or a type as a trait), in a function with `this`, `method` and `args`.
pub(crate) fn arm(object: &TokenStream, method: &Method) -> TokenStream {
    let name = method.word();
    let names: Vec<_> = method.args.iter().map(|arg| &arg.name).collect();
    let take = take(method);
    let reply = reply(method);
    if !method.waits {
        let call = call(object, method, &names);
        return quote!(#name => Outcome::Now((move || { #take let answer = #call; #reply })()),);
    }
    let function = &method.name;
    let span = here(function.span());
    let waiting = quote_spanned!(span=> <#object>::#function(this, #(#names),*).await);
    quote! {
        #name => {
            let this = this.hold();
            let begun = (move || { #take ::core::result::Result::Ok(async move { let answer = #waiting; #reply }) })();
            match begun {
                Ok(running) => Outcome::Later(::std::boxed::Box::pin(running)),
                Err(error) => Outcome::Now(Err(error)),
            }
        }
    }
}

/// The arguments as variables of their names.
fn take(method: &Method) -> TokenStream {
    let takes = method.args.iter().enumerate().map(|(index, arg)| {
        let (name, declared, text) = (&arg.name, &arg.declared, arg.name.to_string());
        let span = here(declared.span());
        match (method.role, index) {
            (Role::Answer, 0) => quote_spanned!(span=> let #name: #declared = args.answer();),
            (Role::Answer, _) => quote_spanned!(span=> let #name: #declared = args.context()?;),
            _ => quote_spanned!(span=> let #name: #declared = args.take(#text)?;),
        }
    });
    match method.role {
        Role::Answer => quote!(let mut args = args; #(#takes)*),
        Role::Message | Role::Started => {
            let (signature, count) = (method.signature(), method.args.len());
            let args = if count == 0 { quote!(_) } else { quote!(mut args) };
            quote!(let #args = args.positional(#signature, #count)?; #(#takes)*)
        }
    }
}

/// The call of a method that does not wait.
fn call(object: &TokenStream, method: &Method, args: &[impl ToTokens]) -> TokenStream {
    let function = &method.name;
    let span = here(function.span());
    match method.receiver {
        Receiver::Read => quote_spanned!(span=> this.read(move |state| <#object>::#function(state, #(#args),*))),
        Receiver::Change => quote_spanned!(span=> this.with(move |state| <#object>::#function(state, #(#args),*))),
        Receiver::This => quote_spanned!(span=> <#object>::#function(this.clone(), #(#args),*)),
    }
}

/// The user's place for the compiler's errors, with this macro's names.
pub(crate) fn here(place: Span) -> Span {
    place.resolved_at(Span::call_site())
}

/// `answer` as a reply.
fn reply(method: &Method) -> TokenStream {
    let span = here(method.output_span());
    match method.fails {
        true => quote_spanned!(span=> match answer {
            Ok(answer) => Reply::new(&answer),
            Err(error) => Err(to_error(error)),
        }),
        false => quote_spanned!(span=> Reply::new(&answer)),
    }
}

/// Answers that come to a durable object, by method.
pub(crate) fn answered(arms: impl Iterator<Item = TokenStream>) -> TokenStream {
    quote! {
        fn answered(
            this: &::ocap_guest_sdk::This<Self>,
            method: &str,
            args: ::ocap_guest_sdk::private::Answered,
        ) -> ::ocap_guest_sdk::private::Outcome {
            #[allow(unused_imports)]
            use ::ocap_guest_sdk::private::{Outcome, Reply, to_error};
            match method {
                #(#arms)*
                other => Outcome::no_such_answer(other),
            }
        }
    }
}

/// What the root does when an incarnation begins.
pub(crate) fn started(object: &TokenStream, method: &Method) -> TokenStream {
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
