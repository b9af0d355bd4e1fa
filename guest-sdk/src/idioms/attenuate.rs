//! Attenuation: less authority out of more.

use super::pass_on;
use crate::answer::Outcome;
use crate::args::Args;
use crate::{Cap, Durable, Interface, Object, Remote, This};

/// A facet of an object that has some of its methods: those that only read, say. Name the kind in `vat!`.
#[derive(Durable)]
pub struct Attenuated {
    target: Cap,
    methods: Vec<String>,
}

impl Attenuated {
    /// A facet with these methods and no others. Whoever has it can't get at the whole.
    pub fn only<M: Into<String>>(target: &Cap, methods: impl IntoIterator<Item = M>) -> Cap {
        let methods = methods.into_iter().map(Into::into).collect();
        This::durable(Attenuated { target: target.clone(), methods }).cap()
    }

    /// A facet with the methods of an interface and no others: of one whose methods only read, say.
    pub fn as_interface<I: Interface + ?Sized>(target: &Cap) -> Remote<I> {
        Remote::new(Attenuated::only(target, I::DESCRIPTION.methods.iter().map(|method| method.name)))
    }
}

impl Object for Attenuated {
    fn dispatch(this: &This<Self>, method: &str, args: Args) -> Outcome {
        let allowed = this.read(|facet| facet.methods.iter().any(|name| name == method).then(|| facet.target.clone()));
        match allowed {
            Some(target) => pass_on(&target, method, args),
            None => Outcome::no_such_method("this facet", method),
        }
    }
}
