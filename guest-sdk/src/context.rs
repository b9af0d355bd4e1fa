//! What an incarnation was started with.

use std::cell::RefCell;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::bindings::exports::ocap::vat::lifecycle::Boot;
use crate::{Cap, Channel, Error};

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// What this incarnation was started with: its grants, its parameters, and which one it is.
#[derive(Clone)]
pub struct Context(Rc<Started>);

struct Started {
    vat: String,
    incarnation: u64,
    upgraded_from: Option<String>,
    parameters: Vec<u8>,
    grants: Vec<(String, Cap)>,
}

/// What this incarnation was started with.
///
/// # Panics
/// Outside of a vat.
pub fn context() -> Context {
    CONTEXT.with_borrow(Option::clone).expect("a vat has been started before anything runs in it")
}

impl Context {
    pub(crate) fn begin(boot: Boot) -> Context {
        let context = Context(Rc::new(Started {
            vat: boot.vat,
            incarnation: boot.incarnation,
            upgraded_from: boot.upgraded_from,
            parameters: boot.parameters,
            grants: boot.grants.into_iter().map(|(name, cap)| (name, Cap::new(cap))).collect(),
        }));
        CONTEXT.set(Some(context.clone()));
        context
    }

    /// The vat's name in its subcluster.
    pub fn vat(&self) -> &str {
        &self.0.vat
    }

    /// 1 at the first start, then one more each time the heap is new.
    pub fn incarnation(&self) -> u64 {
        self.0.incarnation
    }

    /// SHA-256 of the previous incarnation's component, if that was other code.
    pub fn upgraded_from(&self) -> Option<&str> {
        self.0.upgraded_from.as_deref()
    }

    /// The parameters of the declaration.
    ///
    /// # Errors
    /// If they do not fit `T`.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // A vat without parameters has an empty struct of them, also if its host writes nothing.
        let bytes = if self.0.parameters.is_empty() { &[0xa0] } else { self.0.parameters.as_slice() };
        ocap_passable::from_bytes(bytes).map_err(|error| Error::new("bad-parameters", format!("parameters: {error}")))
    }

    /// A grant by the name it has in `uses`, such as `vat.index`.
    ///
    /// # Errors
    /// If there is none; the message names those that are.
    pub fn grant(&self, name: &str) -> Result<Cap, Error> {
        let granted = self.0.grants.iter().find(|(granted, _)| granted == name);
        granted.map(|(_, cap)| cap.clone()).ok_or_else(|| {
            let names: Vec<_> = self.0.grants.iter().map(|(granted, _)| granted.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::new("no-such-grant", format!("`uses` grants no `{name}` (it grants {names})"))
        })
    }

    /// A channel by the name it has in `uses`, such as `io.llm`.
    ///
    /// # Errors
    /// As [`Context::grant`].
    pub fn channel(&self, name: &str) -> Result<Channel, Error> {
        self.grant(name).map(Channel)
    }
}
