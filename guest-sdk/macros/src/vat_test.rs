//! `#[vat_test]`: a test that gets a host.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{FnArg, Item, Lit, LitInt, Result, Type};

pub(crate) fn expand(attribute: TokenStream, item: Item) -> Result<TokenStream> {
    let Item::Fn(mut item) = item else {
        return Err(syn::Error::new_spanned(
            item,
            "`#[vat_test]` makes a test of a function: write it above `fn name(host: TestHost) { .. }`",
        ));
    };
    let seeds = seeds(attribute)?;
    let takes_host = match item.sig.inputs.first() {
        Some(FnArg::Typed(host)) => !matches!(*host.ty, Type::Reference(_)),
        Some(FnArg::Receiver(_)) | None => false,
    };
    if !takes_host || item.sig.inputs.len() != 1 || !item.sig.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.sig,
            "a vat test takes the host and nothing else: `fn name(host: TestHost)`",
        ));
    }
    let (attributes, name) = (std::mem::take(&mut item.attrs), item.sig.ident.clone());
    let call = match item.sig.asyncness {
        Some(_) => quote!(|host| host.wait(#name(host.clone()))),
        None => quote!(#name),
    };
    Ok(quote! {
        #[test]
        #(#attributes)*
        fn #name() {
            #item
            ::ocap_guest_testing::run(#seeds, #call)
        }
    })
}

/// `seeds = 32`, or 1.
fn seeds(attribute: TokenStream) -> Result<u64> {
    match syn::parse2(attribute.clone()) {
        Ok(Lit::Int(number)) => {
            let message = format!("say what the number is: `#[vat_test(seeds = {number})]`");
            return Err(syn::Error::new(number.span(), message));
        }
        Ok(other) => return Err(syn::Error::new(other.span(), "`#[vat_test]` takes `seeds = NUMBER` or nothing")),
        Err(_) => {}
    }
    let mut seeds = 1;
    let parser = syn::meta::parser(|meta| {
        if !meta.path.is_ident("seeds") {
            return Err(meta.error("`#[vat_test]` takes `seeds = NUMBER` or nothing"));
        }
        let number = meta.value()?.parse::<LitInt>();
        let number = number.map_err(|error| syn::Error::new(error.span(), "`seeds` is a number: `seeds = 32`"))?;
        seeds = number.base10_parse()?;
        match seeds {
            0 => Err(syn::Error::new(number.span(), "a test that runs with no seed tests nothing")),
            _ => Ok(()),
        }
    });
    parser.parse2(attribute)?;
    Ok(seeds)
}
