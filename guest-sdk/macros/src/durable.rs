//! `#[derive(Durable)]`: a copy of the type, of which serde's own derives make functions over the original.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Ident, LitInt, LitStr, Meta, Path, Result, Token, parse_quote};

/// What `#[durable(..)]` says.
#[derive(Default)]
struct Options {
    kind: Option<LitStr>,
    version: Option<LitInt>,
    migrate: Option<Path>,
}

impl Options {
    fn read(attributes: &[Attribute]) -> Result<Options> {
        let mut options = Options::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("durable")) {
            attribute.parse_nested_meta(|meta| {
                match () {
                    () if meta.path.is_ident("kind") => options.kind = Some(meta.value()?.parse()?),
                    () if meta.path.is_ident("version") => options.version = Some(meta.value()?.parse()?),
                    () if meta.path.is_ident("migrate") => options.migrate = Some(meta.value()?.parse()?),
                    () => {
                        return Err(meta
                            .error("`#[durable(..)]` knows `kind = \"..\"`, `version = N` and `migrate = function`"));
                    }
                }
                Ok(())
            })?;
        }
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        let number = self.version.as_ref().map_or(Ok(1), LitInt::base10_parse::<u32>)?;
        match (&self.version, &self.migrate) {
            (Some(version), _) if number == 0 => Err(syn::Error::new_spanned(version, "versions begin with 1")),
            (Some(version), None) if number > 1 => Err(syn::Error::new_spanned(
                version,
                "say how the state of the version before becomes one of this: `migrate = function`, with `fn function(old: TheOld) -> TheNew`",
            )),
            (_, Some(migrate)) if number == 1 => Err(syn::Error::new_spanned(
                migrate,
                "the first version has nothing to migrate from: say `version = 2` or later",
            )),
            _ => Ok(()),
        }
    }
}

pub(crate) fn expand(item: DeriveInput) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            item.generics,
            "a durable type has no parameters: what is kept of it says its kind by one name",
        ));
    }
    if let Data::Union(it) = &item.data {
        return Err(syn::Error::new_spanned(it.union_token, "a union can not be durable: use an enum"));
    }
    let options = Options::read(&item.attrs)?;
    let name = &item.ident;
    let mut copy = item.clone();
    copy.ident = Ident::new("Saved", name.span());
    copy.vis = syn::Visibility::Inherited;
    copy.attrs.retain(|attribute| attribute.path().is_ident("serde"));
    for attribute in &mut copy.attrs {
        defaults_of(name, attribute)?;
    }
    let remote = name.to_string();
    let kind = options.kind.as_ref().map_or_else(|| remote.clone(), LitStr::value);
    let version = options.version.as_ref().map(|version| quote!(const VERSION: u32 = #version;));
    let migrate = options.migrate.as_ref().map(|migrate| {
        quote_spanned! {migrate.span().resolved_at(Span::call_site())=>
            fn migrate(
                version: u32,
                old: ::ocap_guest_sdk::private::Old<'_>,
            ) -> ::core::result::Result<#name, ::ocap_guest_sdk::Error> {
                ::ocap_guest_sdk::private::migrate::<_, _, #name>(#migrate, version, old)
            }
        }
    });
    Ok(quote! {
        const _: () = {
            use ::ocap_guest_sdk::private::serde;

            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(crate = "::ocap_guest_sdk::private::serde", remote = #remote)]
            #[allow(dead_code)]
            #copy

            impl ::ocap_guest_sdk::Durable for #name {
                const KIND: &'static str = #kind;
                #version

                fn save<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                    Saved::serialize(self, serializer)
                }

                fn load<'de, D: serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<#name, D::Error> {
                    Saved::deserialize(deserializer)
                }

                #migrate
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
