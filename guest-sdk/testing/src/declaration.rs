//! What a `subcluster.toml` says of a vat, in a test.

use std::rc::Rc;

use ocap_guest_sdk::prelude::Cap;
use ocap_guest_sdk::vat::Vat;
use ocap_kernel::{Grant, VatId};
use serde::Serialize;

use crate::code::Native;
use crate::machine::Code;
use crate::stage::{self, Stage};

/// A vat to be launched: what its `subcluster.toml` would say.
pub struct Declaration {
    pub(crate) name: String,
    code: Rc<dyn Code>,
    parameters: Vec<u8>,
    uses: Vec<String>,
    granted: Vec<(String, Cap)>,
}

impl Declaration {
    /// A vat of that name whose root is an `R`.
    pub fn of<R: Vat>(name: &str) -> Declaration {
        Declaration::running(name, Native::of::<R>())
    }

    /// A vat of that name that runs other code, such as a component.
    pub fn running(name: &str, code: impl Code + 'static) -> Declaration {
        // An empty struct, as for a vat that declares none.
        let (code, parameters) = (Rc::new(code), vec![0xa0]);
        Declaration { name: name.to_owned(), code, parameters, uses: Vec::new(), granted: Vec::new() }
    }

    /// Its parameters: what `[vats.NAME.parameters]` would say.
    ///
    /// # Panics
    /// If they can not be passed.
    pub fn parameters(mut self, parameters: &impl Serialize) -> Declaration {
        self.parameters = ocap_passable::to_bytes(parameters).expect("parameters are plain data");
        self
    }

    /// What it may reach: `vat.NAME` of the same launch, `io.NAME`, a channel that [`crate::TestHost::connect`] is a client of, and
    /// `service.timer`.
    pub fn uses<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Declaration {
        self.uses.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// Something else in the place of what it uses by that name: a [peer](crate::TestHost::peer), or another vat's object.
    pub fn grant(mut self, name: &str, cap: &Cap) -> Declaration {
        self.granted.push((name.to_owned(), cap.clone()));
        self
    }
}

impl Declaration {
    pub(crate) fn granted(&self) -> impl Iterator<Item = &Cap> {
        self.granted.iter().map(|(_, cap)| cap)
    }
}

/// Launches them together.
pub(crate) fn launch(stage: &mut Stage, vats: Vec<Declaration>) -> Vec<VatId> {
    let mut objects: Vec<String> =
        vats.iter().flat_map(|vat| &vat.uses).filter(|name| !name.starts_with("vat.")).cloned().collect();
    objects.sort();
    objects.dedup();
    let first = stage.kernel.next_object().0;
    let host_objects = objects.iter().map(|name| (name.clone(), name.clone())).collect();
    let name = vats.first().expect("a launch has a vat").name.clone();
    let rows = vats.into_iter().map(|vat| {
        let code = stage.code(vat.code);
        let used = vat.uses.iter().map(|name| (name.clone(), used(name)));
        let granted = vat.granted.iter().map(|(name, cap)| (name.clone(), Grant::Reference(stage.kref(cap))));
        stage::vat(&vat.name, code, vat.parameters.into(), used.chain(granted).collect())
    });
    let rows = rows.collect();
    let ids = stage.launch(stage::launch(&name, host_objects, rows));
    for (number, name) in (first..).zip(&objects) {
        let object = ocap_kernel::ObjectId(number);
        match name.split_once('.') {
            Some(("service", _)) => stage.timers.serve(object),
            _ => stage.channels.open(object, name),
        }
    }
    ids
}

fn used(name: &str) -> Grant {
    match name.split_once('.') {
        Some(("vat", vat)) => Grant::Vat(vat.to_owned()),
        Some(("io", _)) | Some(("service", "timer")) => Grant::HostObject(name.to_owned()),
        _ => panic!(
            "`{name}` can't be used in a test: it is `vat.NAME`, `io.NAME` or `service.timer`; `grant` gives anything else"
        ),
    }
}
