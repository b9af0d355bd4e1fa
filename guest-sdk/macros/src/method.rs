//! One method of an object, checked.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Ident, ImplItemFn, Pat, PathArguments, Result, ReturnType, Type};

/// A method, as its dispatcher needs it.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) role: Role,
    pub(crate) receiver: Receiver,
    pub(crate) waits: bool,
    pub(crate) args: Vec<Arg>,
    pub(crate) fails: bool,
    /// Where errors about what it returns point.
    pub(crate) output: Span,
}

/// What calls it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A message of its name.
    Message,
    /// The beginning of an incarnation.
    Started,
    /// An answer that this object listens for.
    Answer,
}

/// How it gets at the object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `&self`
    Read,
    /// `&mut self`
    Change,
    /// `this: This<Self>`
    This,
}

/// An argument after the receiver.
pub(crate) struct Arg {
    pub(crate) name: Ident,
    pub(crate) declared: Type,
}

impl Method {
    /// Reads the method and takes the attributes of this crate off it.
    pub(crate) fn parse(item: &mut ImplItemFn) -> Result<Method> {
        let role = take_role(&mut item.attrs)?;
        let signature = &item.sig;
        if let Some(parameter) = signature.generics.params.first() {
            return Err(syn::Error::new_spanned(
                parameter,
                "a message brings no types: a method of an object is not generic",
            ));
        }
        let mut inputs = signature.inputs.iter();
        let receiver = receiver(signature.fn_token.span(), inputs.next())?;
        if let (Some(asyncness), Receiver::Read | Receiver::Change) = (signature.asyncness, receiver) {
            return Err(syn::Error::new(
                asyncness.span(),
                "a method that awaits takes `this: This<Self>` instead of `self`: its object can change at every await, so look at the \
                 state with `this.read(|state| ..)` and `this.with(|state| ..)`",
            ));
        }
        let args = inputs.enumerate().map(|(index, input)| arg(index, input, role)).collect::<Result<_>>()?;
        let method = Method {
            name: signature.ident.clone(),
            role,
            receiver,
            waits: signature.asyncness.is_some(),
            args,
            fails: is_result(&signature.output),
            output: match &signature.output {
                ReturnType::Default => signature.ident.span(),
                ReturnType::Type(_, declared) => declared.span(),
            },
        };
        method.check_role(item)?;
        Ok(method)
    }

    /// The signature as error messages show it: `increment(by: u64)`.
    pub(crate) fn signature(&self) -> String {
        let args: Vec<_> = self.args.iter().map(|arg| format!("{}: {}", arg.name, type_text(&arg.declared))).collect();
        format!("{}({})", self.name, args.join(", "))
    }

    fn check_role(&self, item: &ImplItemFn) -> Result<()> {
        let wrong = match self.role {
            Role::Message => None,
            Role::Started if self.waits => {
                Some("what `#[started]` does ends before the first message: `spawn` what awaits")
            }
            Role::Started if self.args.len() > 1 => {
                Some("a method that is `#[started]` takes `context: &Context` at most")
            }
            Role::Answer if self.args.len() != 1 => {
                Some("a method for an `#[answer]` takes one argument: `answer: Result<T>`")
            }
            Role::Started | Role::Answer => None,
        };
        match wrong {
            Some(text) => Err(syn::Error::new_spanned(&item.sig, text)),
            None => Ok(()),
        }
    }
}

/// The one attribute of this crate that a method can have.
fn take_role(attributes: &mut Vec<Attribute>) -> Result<Role> {
    let mut role = Role::Message;
    let mut second = None;
    attributes.retain(|attribute| {
        let found = match () {
            () if attribute.path().is_ident("started") => Role::Started,
            () if attribute.path().is_ident("answer") => Role::Answer,
            () => return true,
        };
        if role != Role::Message {
            second = Some(syn::Error::new_spanned(attribute, "a method is either `#[started]` or for an `#[answer]`"));
        }
        role = found;
        false
    });
    match second {
        Some(error) => Err(error),
        None => Ok(role),
    }
}

fn receiver(at: Span, first: Option<&FnArg>) -> Result<Receiver> {
    const NEEDED: &str = "a method of an object begins with `&self`, `&mut self` or `this: This<Self>`";
    match first {
        Some(FnArg::Receiver(it)) if it.reference.is_some() && it.mutability.is_some() => Ok(Receiver::Change),
        Some(FnArg::Receiver(it)) if it.reference.is_some() => Ok(Receiver::Read),
        Some(FnArg::Typed(it)) if last_segment_is(&it.ty, "This") => Ok(Receiver::This),
        Some(other) => Err(syn::Error::new_spanned(other, NEEDED)),
        None => Err(syn::Error::new(at, NEEDED)),
    }
}

fn arg(index: usize, input: &FnArg, role: Role) -> Result<Arg> {
    let FnArg::Typed(input) = input else {
        return Err(syn::Error::new_spanned(input, "`self` comes first"));
    };
    if let (Type::Reference(_), Role::Message) = (&*input.ty, role) {
        return Err(syn::Error::new_spanned(
            &input.ty,
            "arguments come by message and are owned: `String`, `Vec<T>`, `Cap`, ..",
        ));
    }
    let name = match &*input.pat {
        Pat::Ident(pat) => pat.ident.clone(),
        Pat::Wild(pat) => Ident::new(&format!("arg{index}"), pat.span()),
        other => {
            return Err(syn::Error::new_spanned(
                other,
                "an argument of a message has a plain name, which errors can tell",
            ));
        }
    };
    Ok(Arg { name, declared: (*input.ty).clone() })
}

fn is_result(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, declared) if last_segment_is(declared, "Result"))
}

fn last_segment_is(declared: &Type, name: &str) -> bool {
    let Type::Path(path) = declared else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// A type as people write it: without paths and the spaces of tokens.
fn type_text(declared: &Type) -> String {
    let Type::Path(path) = declared else { return declared.to_token_stream().to_string() };
    let Some(last) = path.path.segments.last() else { return String::new() };
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            let arguments: Vec<_> = arguments
                .args
                .iter()
                .map(|argument| match argument {
                    syn::GenericArgument::Type(inner) => type_text(inner),
                    other => other.to_token_stream().to_string(),
                })
                .collect();
            format!("{}<{}>", last.ident, arguments.join(", "))
        }
        _ => last.ident.to_string(),
    }
}
