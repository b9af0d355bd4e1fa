//! One method of an object, checked.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Ident, Pat, Result, ReturnType, Signature, Type};

use crate::words;

/// A method, as its dispatcher needs it.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) role: Role,
    pub(crate) receiver: Receiver,
    pub(crate) waits: bool,
    pub(crate) args: Vec<Arg>,
    pub(crate) fails: bool,
    pub(crate) output: ReturnType,
    /// What its comment says.
    docs: String,
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
    pub(crate) fn parse(attributes: &mut Vec<Attribute>, signature: &Signature) -> Result<Method> {
        let role = take_role(attributes)?;
        if signature.ident.to_string().starts_with("__") {
            return Err(syn::Error::new_spanned(
                &signature.ident,
                "names that begin with two underscores are for methods that every object has, such as `__describe`",
            ));
        }
        if let Some(parameter) = signature.generics.params.first() {
            return Err(syn::Error::new_spanned(
                parameter,
                "a message brings no types, so a method of an object is not generic: take a `Value` for anything that can be passed",
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
            output: signature.output.clone(),
            docs: words::docs(attributes),
        };
        method.check_role(signature)?;
        method.check_output()?;
        Ok(method)
    }

    /// The name that messages use.
    pub(crate) fn word(&self) -> String {
        self.name.to_string().trim_start_matches("r#").to_owned()
    }

    /// The signature as error messages show it: `increment(by: u64)`.
    pub(crate) fn signature(&self) -> String {
        let args = self.args.iter().map(|arg| format!("{}: {}", arg.name, words::of_type(&arg.declared)));
        format!("{}({})", self.name, args.collect::<Vec<_>>().join(", "))
    }

    /// Where errors about what it returns point.
    pub(crate) fn output_span(&self) -> Span {
        match &self.output {
            ReturnType::Default => self.name.span(),
            ReturnType::Type(_, declared) => declared.span(),
        }
    }

    /// The type that a caller is answered: what is in the `Result`, and what the promise is of.
    pub(crate) fn answer(&self) -> TokenStream {
        let ReturnType::Type(_, declared) = &self.output else { return quote!(()) };
        let answered = if self.fails { words::inside(declared, "Result").unwrap_or(declared) } else { declared };
        words::inside(answered, "Promise").unwrap_or(answered).to_token_stream()
    }

    /// What `__describe` says of it.
    pub(crate) fn description(&self) -> TokenStream {
        let (name, docs) = (self.word(), &self.docs);
        let args = self.args.iter().map(|arg| {
            let (name, declared) = (arg.name.to_string(), words::of_type(&arg.declared));
            quote!((#name, #declared))
        });
        let answer = words::of_tokens(&self.answer());
        quote!(MethodDescription { name: #name, docs: #docs, args: &[#(#args),*], answer: #answer })
    }

    fn check_output(&self) -> Result<()> {
        match &self.output {
            ReturnType::Type(_, declared) if matches!(**declared, Type::Reference(_)) => Err(syn::Error::new_spanned(
                declared,
                "an answer goes by message and is owned: `String`, `Vec<T>`, `Cap`, ..",
            )),
            _ => Ok(()),
        }
    }

    fn check_role(&self, signature: &Signature) -> Result<()> {
        let wrong = match self.role {
            Role::Message => None,
            Role::Started if self.waits => {
                Some("what `#[started]` does ends before the first message: `spawn` what awaits")
            }
            Role::Started if self.args.len() > 1 => {
                Some("a method that is `#[started]` takes `context: &Context` at most")
            }
            Role::Answer
                if !(1..=2).contains(&self.args.len()) || words::inside(&self.args[0].declared, "Result").is_none() =>
            {
                Some(
                    "a method for an `#[answer]` takes `answer: Result<T>`, and what `then_with` gave it to remember, if anything",
                )
            }
            Role::Started | Role::Answer => None,
        };
        match wrong {
            Some(text) => Err(syn::Error::new_spanned(signature, text)),
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
    const NEEDED: &str = "a method of an object begins with `&self`, `&mut self` or `this: This<Self>`; what is no message stands in an \
                          `impl` block without `#[object]`";
    match first {
        Some(FnArg::Receiver(it)) if it.reference.is_some() && it.mutability.is_some() => Ok(Receiver::Change),
        Some(FnArg::Receiver(it)) if it.reference.is_some() => Ok(Receiver::Read),
        Some(FnArg::Typed(it)) if words::last_segment_is(&it.ty, "This") => Ok(Receiver::This),
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
    matches!(output, ReturnType::Type(_, declared) if words::last_segment_is(declared, "Result"))
}
