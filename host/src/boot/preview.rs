//! What a launch would do: it is read, checked, compiled and looked at as for a launch, and nothing becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use ocap_kernel::{ObjectId, SubclusterId};

use crate::component::{CodeRecord, Digest};
use crate::daemon::requests::{
    Granted, LaunchBody, LaunchPlan, Outcome, PlannedChannel, PlannedGrant, PlannedVat, VatComponent,
};
use crate::declaration::{ChannelKind, Declaration, Direction, Start, Use, VatDeclaration};
use crate::io::{ChannelSpec, Io};
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::channels::spec;
use super::house::House;
use super::launch::{Order, Verdict, Wish, blocking, judged, plan};
use super::upgrade::component;

/// Plans a launch, with the authority that each vat would get.
///
/// # Errors
/// Why it would be refused.
pub(super) async fn preview(house: &Arc<House>, body: LaunchBody) -> Result<LaunchPlan, Problem> {
    let (order, verdict) = judged(house, Wish::of_user(body)).await?;
    let (outcome, before) = match verdict {
        Verdict::New => (Outcome::New, None),
        Verdict::Replaces(id) => (Outcome::Replace, Some(id)),
        Verdict::Known(id) => return known(house, order, id).await,
        Verdict::Upgrades(id, vats) => (Outcome::Upgrade(vats), Some(id)),
    };
    let own = match before {
        None => BTreeSet::new(),
        Some(id) => house.act(move |run_loop, _| sockets(run_loop, id)).await?,
    };
    let planner = house.clone();
    blocking(move || {
        let plan = plan(&planner, order)?;
        let declaration = &plan.order.source.declaration;
        let specs = specs(&planner, declaration)?;
        // What the one that is replaced has will be free when it has ended.
        let foreign: Vec<ChannelSpec> = specs.iter().filter(|spec| !own.contains(&path_of(spec))).cloned().collect();
        Io::look(&foreign).map_err(|fault| Problem::from(&fault))?;
        let components = declaration.vats.keys().zip(&plan.components).map(|(vat, found)| {
            let size = found.bytes.len() as u64;
            let component = VatComponent {
                sha256: Some(Digest::of(&found.bytes).to_string()),
                bytes: Some(size),
                ..component(&found.record)
            };
            (vat.clone(), component)
        });
        Ok(describe(declaration, outcome, &specs, components.collect()))
    })
    .await
}

/// A plan without work: it runs already. A vat that was terminated alone stays away.
async fn known(house: &Arc<House>, order: Order, id: SubclusterId) -> Result<LaunchPlan, Problem> {
    house
        .act(move |run_loop, house| {
            let declaration = &order.source.declaration;
            let living = run_loop.kernel().vats().filter(|vat| vat.row.subcluster == id);
            let found = living.map(|vat| {
                let record = CodeRecord::from_record(&vat.row.code).map_err(Problem::from)?;
                Ok::<_, Problem>((vat.row.name.clone(), component(&record)))
            });
            Ok(describe(declaration, Outcome::Known, &specs(house, declaration)?, found.collect::<Result<_, _>>()?))
        })
        .await?
}

fn specs(house: &House, declaration: &Declaration) -> Result<Vec<ChannelSpec>, Problem> {
    declaration.channels.keys().map(|channel| spec(house, declaration, channel, ObjectId(0))).collect()
}

/// Where the sockets of a living subcluster are.
fn sockets(run_loop: &RunLoop, id: SubclusterId) -> BTreeSet<PathBuf> {
    let row = run_loop.kernel().subclusters().find(|(living, _)| *living == id).map(|(_, row)| row);
    let Some(row) = row else { return BTreeSet::new() };
    let channels = run_loop.io().status().into_iter().filter(|channel| channel.subcluster == row.name);
    channels.map(|channel| channel.path).collect()
}

fn path_of(spec: &ChannelSpec) -> PathBuf {
    spec.root.join(&spec.path)
}

/// `specs` are in the declaration's order.
fn describe(
    declaration: &Declaration,
    outcome: Outcome,
    specs: &[ChannelSpec],
    mut components: BTreeMap<String, VatComponent>,
) -> LaunchPlan {
    let vats = declaration.vats.iter().filter_map(|(name, declared)| {
        Some(PlannedVat {
            name: name.clone(),
            component: components.remove(name)?,
            start: start(declared).to_owned(),
            grants: declared.uses.iter().map(|used| grant(declaration, specs, used)).collect(),
        })
    });
    let channels = declaration.channels.values().zip(specs).map(|(declared, spec)| PlannedChannel {
        name: spec.name.clone(),
        kind: match declared.kind {
            ChannelKind::UnixListen => "unix-listen".to_owned(),
        },
        direction: direction(declared.direction).to_owned(),
        path_written: spec.written.clone(),
        path_resolved: path_of(spec).display().to_string(),
    });
    LaunchPlan {
        name: declaration.name.clone(),
        bootstrap: declaration.bootstrap.clone(),
        outcome,
        vats: vats.collect(),
        channels: channels.collect(),
    }
}

fn grant(declaration: &Declaration, specs: &[ChannelSpec], used: &Use) -> PlannedGrant {
    let what = match used {
        Use::Io(channel) => {
            let spec = specs.iter().find(|spec| spec.name == *channel).expect("a declaration agrees with itself");
            Granted::Channel {
                direction: direction(declaration.channels[channel].direction).to_owned(),
                path_resolved: path_of(spec).display().to_string(),
            }
        }
        Use::Vat(vat) => Granted::Vat { vat: format!("{}/{vat}", declaration.name) },
        Use::Service(service) => Granted::Service { service: service.clone() },
    };
    PlannedGrant { name: used.to_string(), what }
}

fn start(declared: &VatDeclaration) -> &'static str {
    match declared.start {
        Start::Lazy => "lazy",
        Start::Eager => "eager",
    }
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::InOut => "inout",
    }
}
