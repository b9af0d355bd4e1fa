//! `#[derive(Durable)]`: a copy of the type, of which serde's own derives make functions over the original.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Ident, Meta, Result, Token, parse_quote};

pub(crate) fn expand(item: DeriveInput) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(item.generics, "a durable type has no parameters: its kind is one name"));
    }
    if let Data::Union(it) = &item.data {
        return Err(syn::Error::new_spanned(it.union_token, "a union can not be durable"));
    }
    let name = &item.ident;
    let mut copy = item.clone();
    copy.ident = Ident::new("Saved", name.span());
    copy.vis = syn::Visibility::Inherited;
    copy.attrs.retain(|attribute| attribute.path().is_ident("serde"));
    for attribute in &mut copy.attrs {
        defaults_of(name, attribute)?;
    }
    let kind = name.to_string();
    Ok(quote! {
        const _: () = {
            use ::ocap_guest_sdk::private::serde;

            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(crate = "::ocap_guest_sdk::private::serde", remote = #kind)]
            #[allow(dead_code)]
            #copy

            impl ::ocap_guest_sdk::Durable for #name {
                const KIND: &'static str = #kind;

                fn save<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                    Saved::serialize(self, serializer)
                }

                fn load<'de, D: serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<#name, D::Error> {
                    Saved::deserialize(deserializer)
                }
            }
        };
    })
}

/// `#[serde(default)]` means the `Default` of the original, which the copy does not have.
fn defaults_of(original: &Ident, attribute: &mut Attribute) -> Result<()> {
    let mut metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
    for meta in &mut metas {
        if matches!(meta, Meta::Path(path) if path.is_ident("default")) {
            let path = format!("<{original} as ::core::default::Default>::default");
            *meta = parse_quote!(default = #path);
        }
    }
    *attribute = parse_quote!(#[serde(#metas)]);
    Ok(())
}
