//! One promise: how far it has come, who may settle it, who waits.

use ocap_kernel::{Answer, Kernel, Kref, Promise, PromiseId, WaiterView};

use crate::daemon::requests::{Listed, PromiseInspection, PromiseState};
use crate::problem::Problem;

use super::{gone, held, label, waiting_message};

pub(super) fn look(kernel: &Kernel, id: PromiseId) -> Result<PromiseInspection, Problem> {
    let row = kernel.promise(id).ok_or_else(|| gone(&id.to_string()))?;
    let last = kernel.last_of_chain(id);
    let waiter = |waiter: WaiterView| match waiter {
        WaiterView::Vat(vat) => label(kernel, vat),
        WaiterView::Host => "the host".to_owned(),
    };
    let (state, forwarded_to, code, bytes) = match row {
        Promise::Unsettled { .. } => (PromiseState::Unsettled, None, None, None),
        Promise::Settled(Answer::Fulfill(payload)) => (PromiseState::Fulfilled, None, None, Some(payload.body.len())),
        Promise::Settled(Answer::Forward(to)) => (PromiseState::Forwarded, Some(to.to_string()), None, None),
        Promise::Settled(Answer::Break(payload)) => (PromiseState::Broken, None, None, Some(payload.body.len())),
        Promise::Failed(code) => (PromiseState::Failed, None, Some(code.to_string()), None),
    };
    Ok(PromiseInspection {
        reference: id.to_string(),
        state,
        forwarded_to,
        ends_at: (last != id).then(|| last.to_string()),
        code,
        bytes: bytes.map(|bytes| bytes as u64),
        holders: held(kernel, Kref::Promise(id)),
        resolver: held(kernel, Kref::Resolver(id)),
        waiters: kernel.waiters_for(last).map(waiter).collect(),
        listeners: match kernel.promise(last) {
            Some(Promise::Unsettled { listeners }) => listeners.iter().map(Kref::to_string).collect(),
            Some(Promise::Settled(_) | Promise::Failed(_)) | None => Vec::new(),
        },
        messages: Listed::of(
            kernel.messages_waiting_on(last).map(|(id, message)| waiting_message(kernel, id, message)),
        ),
    })
}
