//! Types and comments as people read them.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, GenericArgument, Lit, Meta, PathArguments, Type, TypeParamBound};

/// Whether a type is called so, whatever its path and its parameters.
pub(crate) fn last_segment_is(declared: &Type, name: &str) -> bool {
    let Type::Path(path) = declared else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// The first parameter of a type that is called so.
pub(crate) fn inside<'t>(declared: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = declared else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

/// A type as people write it: without paths and the spaces of tokens.
pub(crate) fn of_type(declared: &Type) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match declared {
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return String::new() };
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return last.ident.to_string() };
            let arguments = arguments.args.iter().map(|argument| match argument {
                GenericArgument::Type(inner) => of_type(inner),
                other => other.to_token_stream().to_string(),
            });
            format!("{}<{}>", last.ident, list(arguments.collect()))
        }
        Type::Tuple(tuple) => format!("({})", list(tuple.elems.iter().map(of_type).collect())),
        Type::TraitObject(object) => {
            let bounds = object.bounds.iter().filter_map(|bound| match bound {
                TypeParamBound::Trait(bound) => bound.path.segments.last().map(|last| last.ident.to_string()),
                _ => None,
            });
            list(bounds.collect())
        }
        other => other.to_token_stream().to_string(),
    }
}

/// The same of tokens that are a type.
pub(crate) fn of_tokens(declared: &TokenStream) -> String {
    syn::parse2::<Type>(declared.clone()).map_or_else(|_| declared.to_string(), |declared| of_type(&declared))
}

/// What the comment of an item says, line by line.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(it) if it.path.is_ident("doc") => match &it.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}
