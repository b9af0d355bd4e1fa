//! One vat: its code, its limits, what it is at, what it has, what waits for it.

use ocap_kernel::{DeliveryView, Kernel, MessageId, VatId, WhenQuarantined};

use crate::daemon::requests::{Export, Import, Listed, Suspected, VatInspection};
use crate::declaration::{Hibernate, Start};
use crate::run_loop::RunLoop;

use super::super::house::House;
use super::super::ps::{Look, millis};
use super::super::{hibernate, report, revoke};
use super::{object, waiting};

pub(super) fn look(run_loop: &RunLoop, house: &House, id: VatId) -> VatInspection {
    let kernel = run_loop.kernel();
    let view = kernel.vat(id).expect("it was found on this thread just now");
    let recorded = house.declaration(kernel, view.row.subcluster).ok();
    let declared = recorded.as_ref().and_then(|recorded| recorded.declaration.vats.get(&view.row.name));
    let (component, kept) = report::components(view.row);
    VatInspection {
        usage: Look::at(run_loop, house).living(&view),
        subcluster: view.row.subcluster.to_string(),
        declared_in: recorded.as_ref().map(|recorded| recorded.declaration.file().to_owned()),
        start: declared.map(|declared| {
            match declared.start {
                Start::Lazy => "lazy",
                Start::Eager => "eager",
            }
            .to_owned()
        }),
        hibernate: declared.map(|declared| {
            match declared.hibernate {
                Hibernate::WhenIdle => "when-idle",
                Hibernate::Never => "never",
            }
            .to_owned()
        }),
        when_quarantined: match view.row.when_quarantined {
            WhenQuarantined::Park => "park".to_owned(),
            WhenQuarantined::Reject => "reject".to_owned(),
        },
        component,
        kept,
        crank_max_ms: run_loop.limits(id).map(|limits| millis(limits.crank)),
        references_max: view.row.references_max,
        turns: view.row.turns,
        delivery: kernel.delivery_of(id).map(|delivery| told(kernel, id, delivery)),
        unrest: kernel.unrest(id).into_iter().map(hibernate::in_words).collect(),
        traps_in_a_row: kernel.traps_in_a_row(id),
        suspicion: kernel.suspicion_of(id).map(|suspicion| Suspected {
            left: suspicion.left,
            deaths: suspicion.total,
            message: suspicion.delivery.map(|message| message.to_string()),
        }),
        grants: revoke::grants(kernel, id),
        exports: Listed::of(kernel.exports_of(id).map(|export| Export {
            object: export.local,
            reference: export.object.to_string(),
            lifetime: object::lifetime(export.lifetime).to_owned(),
            holders: export.holders,
            lost: object::lost(export.fate),
        })),
        imports: Listed::of(kernel.imports_of(id).map(|import| Import {
            reference: import.kref.to_string(),
            what: object::what(kernel, import.kref),
            handle: import.handle,
            kept: import.kept,
        })),
        watches: Listed::of(kernel.watched_by(id).map(|promise| promise.to_string())),
        inbox: Listed::of(kernel.inbox_of(id).map(|(message, item)| waiting(kernel, message, item))),
    }
}

/// A delivery that is under way, in words.
fn told(kernel: &Kernel, vat: VatId, delivery: DeliveryView) -> String {
    match delivery {
        DeliveryView::Start => "the start of an incarnation".to_owned(),
        DeliveryView::Message(id) => match method(kernel, vat, id) {
            Some(method) => format!("message {id}, `{method}`"),
            None => format!("message {id}"),
        },
        DeliveryView::Settled(promises) => format!("the ends of promises: {promises}"),
        DeliveryView::Dropped(objects) => format!("objects that nobody holds any more: {objects}"),
    }
}

fn method(kernel: &Kernel, vat: VatId, id: MessageId) -> Option<String> {
    let (_, item) = kernel.inbox_of(vat).find(|(queued, _)| *queued == id)?;
    match item {
        ocap_kernel::Item::Message(message) => Some(message.method.clone()),
        ocap_kernel::Item::Dropped(_) | ocap_kernel::Item::Settled { .. } => None,
    }
}
