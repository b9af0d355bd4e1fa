//! System subclusters: those that `host.toml` names. They are there whenever the host runs, and nobody but the operator's file launches
//! or ends them.

use std::sync::Arc;

use ocap_kernel::{Kernel, SubclusterId};

use crate::daemon::events::Whom;
use crate::daemon::requests::{Ender, Happening, IfChanged};
use crate::declaration::{Standing, SystemSubcluster};
use crate::problem::Problem;

use super::house::House;
use super::launch::{self, Wish};

/// Whether a living subcluster belongs to the host.
pub(super) fn is_system(house: &House, kernel: &Kernel, id: SubclusterId) -> bool {
    // Of one whose record can't be read nobody knows; it is treated as a user's, who can end it.
    house.declaration(kernel, id).is_ok_and(|recorded| recorded.standing == Standing::System)
}

/// Ends those that `host.toml` names no longer, before anything of them runs.
pub(super) fn end_unconfigured(kernel: &mut Kernel, house: &House) {
    let configured = |name: &str| house.config.system.iter().any(|system| system.name == name);
    let living = kernel.subclusters().filter(|(id, row)| !configured(&row.name) && is_system(house, kernel, *id));
    let ended: Vec<(SubclusterId, String)> = living.map(|(id, row)| (id, row.name.clone())).collect();
    for (id, name) in ended {
        let objects = launch::host_objects_of(kernel, id).expect("it was found just now");
        for vat in kernel.vats().filter(|vat| vat.row.subcluster == id) {
            let whom = Whom::vat(&format!("{name}/{}", vat.row.name));
            house.events.tell_later(whom, Happening::VatTerminated { by: Ender::Operator });
        }
        house.events.tell_later(Whom::subcluster(&name), Happening::SubclusterTerminated);
        kernel.terminate(id, &objects).expect("it was found just now");
        house.forget_declaration(id);
        tracing::warn!(subcluster = name, "ended: host.toml names this system subcluster no longer");
    }
}

/// Launches those that are not there yet. What is wrong with one is told, and hinders nothing else.
pub(super) async fn launch_all(house: &Arc<House>, if_changed: IfChanged) {
    for system in &house.config.system {
        let wish = Wish {
            path: house.home.path().join(&system.declaration),
            written: system.declaration.clone(),
            name: Some(system.name.clone()),
            if_changed,
            standing: Standing::System,
        };
        match launch::launch(house, wish).await {
            Ok(launched) => tracing::info!(subcluster = launched.name, id = launched.id, "a system subcluster runs"),
            Err(problem) => house.notice(of_system(problem, system)),
        }
    }
}

/// The problem with the place in `host.toml`, unless it has one in the declaration itself.
fn of_system(mut problem: Problem, system: &SystemSubcluster) -> Problem {
    problem.subcluster.get_or_insert_with(|| system.name.clone());
    problem.span.get_or_insert_with(|| Box::new(system.span.clone()));
    problem
}

/// Whether a subcluster of this standing may have this name, or go on under it.
///
/// # Errors
/// If it is a system subcluster's and the standing is a user's, or the other way round.
pub(super) fn check_name_is_free(
    house: &House,
    kernel: &Kernel,
    name: &str,
    standing: Standing,
) -> Result<(), Problem> {
    let configured = house.config.system.iter().find(|system| system.name == name);
    let living = kernel.subclusters().find(|(_, row)| row.name == name).map(|(id, _)| id);
    match standing {
        Standing::User => match (configured, living) {
            // It was there before host.toml named it, and goes on until somebody ends it.
            (Some(_), Some(id)) if !is_system(house, kernel, id) => Ok(()),
            (Some(system), _) => Err(belongs_to_the_host(system)),
            (None, _) => Ok(()),
        },
        Standing::System => match living {
            Some(id) if !is_system(house, kernel, id) => {
                let message = format!("a subcluster that a user launched has the name `{name}`");
                Err(Problem::new("ocap::system::name_taken", message).with_help(format!(
                    "end it, with everything its vats keep: `ocap-host terminate {name} --yes`, then start the host anew; \
                     or give this one another name"
                )))
            }
            Some(_) | None => Ok(()),
        },
    }
}

/// Whether a user may end a subcluster.
///
/// # Errors
/// If it belongs to the host.
pub(super) fn check_may_end(house: &House, kernel: &Kernel, id: SubclusterId, name: &str) -> Result<(), Problem> {
    match house.config.system.iter().find(|system| system.name == name) {
        Some(system) if is_system(house, kernel, id) => Err(belongs_to_the_host(system)),
        Some(_) | None => Ok(()),
    }
}

fn belongs_to_the_host(system: &SystemSubcluster) -> Problem {
    let name = &system.name;
    let mut problem = Problem::new(BELONGS_TO_THE_HOST, format!("`{name}` is a system subcluster of this host"))
        .in_text(system.span.clone())
        .with_help(format!("edit host.toml: it is ended at the next start when `[system.{name}]` is gone"));
    problem.subcluster = Some(name.clone());
    problem
}

/// The code of what only `host.toml` may do.
pub(super) const BELONGS_TO_THE_HOST: &str = "ocap::system::belongs_to_the_host";
