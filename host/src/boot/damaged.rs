//! Messages that were damaged in the store where they waited: the kernel has set them aside when it was loaded, and here it is told.

use ocap_kernel::{Item, Kernel, MessageId, Queue, State};

use crate::daemon::events::Whom;
use crate::daemon::requests::{Happening, Why};
use crate::escape::escape;
use crate::problem::Problem;

use super::house::House;
use super::{calls, reasons};

/// What is known of such a message.
#[derive(Debug)]
pub(super) struct Damaged {
    id: MessageId,
    queue: Queue,
    /// Escaped.
    method: String,
}

/// Those in a store that was just read.
pub(super) fn of(state: &State) -> Vec<Damaged> {
    let queued = state.queue.iter().filter(|(id, _)| state.damaged.contains(id));
    let damaged = queued.filter_map(|(id, queued)| match &queued.item {
        Item::Message(message) => Some(Damaged { id: *id, queue: queued.queue, method: escape(&message.method) }),
        Item::Dropped(_) | Item::Settled { .. } => None,
    });
    damaged.collect()
}

/// Tells operators of each.
pub(super) fn tell(kernel: &Kernel, house: &House, damaged: &[Damaged]) {
    for Damaged { id, queue, method } in damaged {
        let code = "ocap::store::row_damaged";
        let Queue::Inbox(vat) = *queue else {
            let what = if *queue == Queue::Host { "the host" } else { "a promise" };
            let said =
                format!("the message {id} (`{method}`), which waited for {what}, was damaged in the store: it is gone");
            let help = "check the disk; whoever waits for its answer is told `resolver-dropped`";
            house.notice(Problem::new(code, said).with_help(help).as_advice());
            continue;
        };
        let label = kernel.vat(vat).map_or_else(|| vat.to_string(), |view| calls::label_of(kernel, view.row));
        let said = format!("the message {id} (`{method}`) to `{label}` was damaged in the store: it was set aside");
        let help = format!("check the disk; what is left of it: `ocap-host dead-letters show {id}`");
        let advice = Problem::new(code, said).with_help(help).as_advice();
        house.events.tell_later(
            Whom::vat(&label),
            Happening::DeadLetter { message: id.to_string(), method: method.clone(), why: Why::Damaged },
        );
        house.note(reasons::lasting(kernel, house, vat, advice));
    }
}
