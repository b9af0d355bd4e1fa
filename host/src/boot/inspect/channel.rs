//! One channel: how it fares, who serves it, who may use it.

use ocap_kernel::{Kref, ObjectId};

use crate::daemon::requests::ChannelInspection;
use crate::declaration::Direction;
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::super::calls;
use super::super::house::House;
use super::super::report;
use super::{held, object};

pub(super) fn look(
    run_loop: &RunLoop,
    house: &House,
    id: ObjectId,
    subcluster: &str,
    name: &str,
) -> Result<ChannelInspection, Problem> {
    let kernel = run_loop.kernel();
    let (subcluster_id, _) = calls::find_subcluster(kernel, subcluster)?;
    let found = run_loop.io().status().into_iter().find(|status| status.object == id);
    // Its declaration is not allowed by the operator any more: the host's notices say why.
    let status = found.ok_or_else(|| {
        Problem::new("ocap::target::gone", format!("the channel `{subcluster}/{name}` could not be opened at all"))
            .with_help("see why: `ocap-host status`")
    })?;
    let declared = house.declaration(kernel, subcluster_id).ok();
    let declared = declared.as_ref().and_then(|recorded| recorded.declaration.channels.get(name));
    let handler = kernel.kept_by(id);
    Ok(ChannelInspection {
        channel: format!("{subcluster}/{name}"),
        status: report::channel_status(kernel, house, subcluster_id, &status),
        reference: id.to_string(),
        direction: declared.map(|declared| {
            match declared.direction {
                Direction::In => "in",
                Direction::Out => "out",
                Direction::InOut => "inout",
            }
            .to_owned()
        }),
        max_frame_bytes: declared.map(|declared| declared.max_frame_bytes),
        handler: handler.map(|kref| kref.to_string()),
        handler_is: handler.map(|kref| object::what(kernel, kref)),
        clients: status.clients,
        clients_refused: status.clients_refused,
        clients_expelled: status.clients_expelled,
        lines_in: status.lines_in,
        lines_out: status.lines_out,
        lines_torn: status.lines_torn,
        waiting: kernel.unanswered_at(id),
        holders: held(kernel, Kref::Object(id)),
    })
}
