//! One object: whose it is, whether it answers, who holds it.

use ocap_kernel::{Fate, Kernel, Kref, Lifetime, ObjectId, Owner};

use crate::daemon::requests::ObjectInspection;
use crate::problem::Problem;

use super::{gone, held, label};
use crate::boot::keyed;

pub(super) fn look(kernel: &Kernel, id: ObjectId) -> Result<ObjectInspection, Problem> {
    let kref = Kref::Object(id);
    let row = kernel.object(id).ok_or_else(|| gone(&kref.to_string()))?;
    let exposed = match row.owner {
        Owner::Vat(vat, exposed) => Some((vat, exposed)),
        Owner::Host(_)
        | Owner::HostUntilBoot(_)
        | Owner::HostWhileHeld(_)
        | Owner::Caretaker { .. }
        | Owner::Revoker(_) => None,
    };
    Ok(ObjectInspection {
        reference: kref.to_string(),
        what: what(kernel, kref),
        vat: exposed.map(|(vat, _)| label(kernel, vat)),
        object: exposed.map(|(_, exposed)| exposed.object),
        lifetime: exposed.map(|(_, exposed)| lifetime(exposed.lifetime).to_owned()),
        host_name: host_name(&row.owner),
        target: match row.owner {
            Owner::Caretaker { target } => Some(target.to_string()),
            Owner::Revoker(caretaker) => Some(caretaker.to_string()),
            Owner::Vat(..) | Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) => None,
        },
        lost: lost(row.fate),
        keeps: kernel.kept_by(id).map(|kept| kept.to_string()),
        waiting: kernel.unanswered_at(id) + kernel.passed(id) as u64,
        holders: held(kernel, kref),
    })
}

/// The code that answers messages in the place of what is lost.
pub(super) fn lost(fate: Fate) -> Option<String> {
    match fate {
        Fate::Live => None,
        Fate::Lost(code) => Some(code.to_string()),
    }
}

pub(super) fn lifetime(lifetime: Lifetime) -> &'static str {
    match lifetime {
        Lifetime::Durable => "durable",
        Lifetime::Incarnation => "incarnation",
    }
}

/// What the host calls an object of its own.
pub(super) fn host_name(owner: &Owner) -> Option<String> {
    match owner {
        Owner::Host(name) | Owner::HostUntilBoot(name) | Owner::HostWhileHeld(name) => Some(name.clone()),
        Owner::Vat(..) | Owner::Caretaker { .. } | Owner::Revoker(_) => None,
    }
}

/// A reference in words: `object 5 of matcher/index`, `caretaker of ko3, the root of matcher/index`.
pub(super) fn what(kernel: &Kernel, kref: Kref) -> String {
    let object = match kref {
        Kref::Promise(_) => return "a promise".to_owned(),
        Kref::Resolver(promise) => return format!("the right to settle {promise}"),
        Kref::Object(object) => object,
    };
    let Some(row) = kernel.object(object) else { return "gone".to_owned() };
    match &row.owner {
        Owner::Vat(vat, exposed) if exposed.object == 0 => format!("the root of {}", label(kernel, *vat)),
        Owner::Vat(vat, exposed) => format!("object {} of {}", exposed.object, label(kernel, *vat)),
        Owner::Host(name) | Owner::HostUntilBoot(name) | Owner::HostWhileHeld(name) => match keyed::key_of(name) {
            Some(key) => format!("the host's keyed call {key}"),
            None => format!("the host's {name}"),
        },
        Owner::Caretaker { target } => match kernel.vat_behind(*target) {
            Some((vat, exposed)) if exposed.object == 0 => {
                format!("a caretaker of {target}, which leads to the root of {}", label(kernel, vat))
            }
            Some((vat, exposed)) => {
                format!("a caretaker of {target}, which leads to object {} of {}", exposed.object, label(kernel, vat))
            }
            None => format!("a caretaker of {target}, {}", behind(kernel, *target)),
        },
        Owner::Revoker(caretaker) => format!("the right to revoke {caretaker}"),
    }
}

/// What a caretaker guards that is no vat's. A caretaker of a caretaker is named by its number alone.
fn behind(kernel: &Kernel, target: Kref) -> String {
    match target {
        Kref::Object(object) => match kernel.object(object).map(|row| &row.owner) {
            Some(owner) => host_name(owner).map_or_else(|| "and so on".to_owned(), |name| format!("the host's {name}")),
            None => "gone".to_owned(),
        },
        Kref::Promise(_) => "a promise".to_owned(),
        Kref::Resolver(promise) => format!("the right to settle {promise}"),
    }
}
