//! Channels from their persisted declarations: opened before any vat code runs, each in its own result (thread #963).

use std::sync::Arc;

use ocap_kernel::{Kernel, ObjectId};

use crate::daemon::home::CHANNELS;
use crate::declaration::{ChannelRoot, Declaration, Direction};
use crate::io::{self, ChannelSpec, Framing, Io};
use crate::problem::Problem;

use super::house::House;

/// The host's name for a channel's object.
pub(super) fn object_name(subcluster: &str, channel: &str) -> String {
    format!("channel/{subcluster}/{channel}")
}

/// The subcluster and the channel of a host object's name.
pub(super) fn channel_of(object_name: &str) -> Option<(&str, &str)> {
    object_name.strip_prefix("channel/")?.split_once('/')
}

/// Opens every channel of every living subcluster. One that can't be opened is down and is tried again; the rest are not touched.
pub(super) fn open_all(kernel: &Kernel, house: &House, io: &Io) {
    for (object, name) in kernel.host_objects() {
        let Some((subcluster, channel)) = channel_of(name) else { continue };
        let Some((id, _)) = kernel.subclusters().find(|(_, row)| row.name == subcluster) else { continue };
        let opened = house
            .declaration(kernel, id)
            .and_then(|recorded| spec(house, &recorded.declaration, channel, object))
            .map(|spec| io.open(ChannelSpec { handler: kernel.kept_by(object), ..spec }));
        match opened {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => crate::daemon::log::record(&problem.in_subcluster(id)),
            // Not even tried: the channels' own list does not know of it, so it is said here.
            Err(problem) => house.notice(problem.in_subcluster(id)),
        }
    }
}

/// How a channel is opened.
///
/// # Errors
/// If the operator does not allow its path, or the directory it lies in can't be had.
pub(super) fn spec(
    house: &House,
    declaration: &Declaration,
    channel: &str,
    object: ObjectId,
) -> Result<ChannelSpec, Problem> {
    let declared = &declaration.channels[channel];
    let place = house.config.place(declaration, channel).expect("the declaration has the channel")?;
    let unusable = |root: String, error: &std::io::Error| {
        let problem = Problem::new(
            "ocap::channel::root_unusable",
            format!("the directory {root} of channel `{channel}` can't be used"),
        )
        .because(error)
        .at_path(&declared.path, &root)
        .with_help("make the directory, or correct `roots` in host.toml");
        Problem {
            subcluster: Some(declaration.name.clone()),
            span: declaration.channel_span(channel).map(Box::new),
            ..problem
        }
    };
    let (dir, root) = match place.root {
        ChannelRoot::Home => (house.home.dir().open_dir(CHANNELS), house.home.path_of(CHANNELS)),
        ChannelRoot::Allowed(root) => (house.powers.directory(&root), root),
    };
    let dir = dir.map_err(|error| unusable(root.display().to_string(), &error))?;
    Ok(ChannelSpec {
        object,
        subcluster: declaration.name.clone(),
        name: channel.to_owned(),
        dir: Arc::new(dir),
        root,
        written: declared.path.clone(),
        declared: declaration.channel_span(channel),
        path: place.path.to_string_lossy().into_owned(),
        direction: match declared.direction {
            Direction::In => io::Direction::In,
            Direction::Out => io::Direction::Out,
            Direction::InOut => io::Direction::InOut,
        },
        framing: Framing::Lines,
        max_frame: usize::try_from(declared.max_frame_bytes).unwrap_or(usize::MAX),
        handler: None,
    })
}
