//! Interfaces: what an object can be asked, as a trait; and what `__describe` says of an object.

use serde::Serialize;

use crate::answer::{Outcome, Reply};
use crate::{Cap, Object};

/// The method that every object has: it answers what the object can be asked, as data.
pub(crate) const DESCRIBE: &str = "__describe";

/// A trait as an interface, `dyn TheTrait`. The attribute [`macro@crate::interface`] implements it.
pub trait Interface {
    /// What a [`crate::Remote`] gives its methods by.
    #[doc(hidden)]
    type Client: From<Cap> + AsRef<Cap> + 'static;

    #[doc(hidden)]
    const DESCRIPTION: InterfaceDescription;
}

/// An object that answers the methods of an interface. The attribute [`macro@crate::object`] implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no object with the interface `{I}`",
    label = "not an object with that interface",
    note = "write `#[object]` above `impl TheInterface for {Self}`, or name the interface in `#[object(TheInterface)] impl {Self}`"
)]
pub trait Implements<I: ?Sized>: Object {}

/// What people and programs can know of an object: its name, what it can be asked, and what its author says about it.
#[doc(hidden)]
#[derive(Serialize, Default)]
pub struct Description {
    name: &'static str,
    docs: &'static str,
    interfaces: Vec<Heading>,
    methods: Vec<Entry>,
}

#[derive(Serialize)]
struct Heading {
    name: &'static str,
    docs: &'static str,
}

/// A method, and the interface that it belongs to, if any.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    docs: &'static str,
    args: Vec<Arg>,
    answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<&'static str>,
}

#[derive(Serialize)]
struct Arg {
    name: &'static str,
    r#type: &'static str,
}

/// A method as its macro writes it: arguments by name and type.
#[doc(hidden)]
pub struct MethodDescription {
    pub name: &'static str,
    pub docs: &'static str,
    pub args: &'static [(&'static str, &'static str)],
    pub answer: &'static str,
}

/// An interface as its macro writes it.
#[doc(hidden)]
pub struct InterfaceDescription {
    pub name: &'static str,
    pub docs: &'static str,
    pub methods: &'static [MethodDescription],
}

impl Description {
    /// An object with methods of its own.
    pub fn new(name: &'static str, docs: &'static str, methods: &'static [MethodDescription]) -> Description {
        let methods = methods.iter().map(|method| Entry::new(method, None)).collect();
        Description { name, docs, interfaces: Vec::new(), methods }
    }

    /// It also has those of an interface.
    pub fn add(&mut self, interface: InterfaceDescription) {
        self.interfaces.push(Heading { name: interface.name, docs: interface.docs });
        self.methods.extend(interface.methods.iter().map(|method| Entry::new(method, Some(interface.name))));
    }

    /// As the answer to `__describe`.
    pub(crate) fn answer(&self) -> Outcome {
        Outcome::Now(Reply::new(self))
    }
}

impl Entry {
    fn new(method: &MethodDescription, interface: Option<&'static str>) -> Entry {
        let args = method.args.iter().map(|(name, of)| Arg { name, r#type: of }).collect();
        Entry { name: method.name, docs: method.docs, args, answer: method.answer, interface }
    }
}
