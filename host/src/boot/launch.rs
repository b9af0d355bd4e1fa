//! Launch: a declaration becomes a living subcluster, all of it or nothing.
//!
//! Everything that can fail is done first: read, checked, compiled; then, on the loop's thread, the channels are opened and one
//! commit makes it true.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ocap_kernel::{Body, Grant, Kernel, Launch, LaunchVat, ObjectId, SubclusterId, VatView};
use tokio::sync::oneshot;

use crate::bundle::{Source, VatCode};
use crate::component::{CodeRecord, CodeSource, Digest};
use crate::daemon::events::Whom;
use crate::daemon::requests::{Happening, IfChanged, LaunchBody, Launched, Origin};
use crate::declaration::{Declaration, Standing, Use};
use crate::problem::Problem;
use crate::run_loop::RunLoop;
use crate::services::Name;

use super::channels::{channel_of, object_name, spec};
use super::code::NewCode;
use super::house::House;
use super::{code, news, report, services, system, upgrade};

/// What somebody wants to be launched.
pub(super) struct Wish {
    /// The absolute path of a declaration or bundle.
    pub(super) path: PathBuf,
    /// The file as it was named.
    pub(super) written: String,
    /// The name that the subcluster must have, if whoever wishes has said it.
    pub(super) name: Option<String>,
    /// What to do if it runs already, from another declaration.
    pub(super) if_changed: IfChanged,
    /// On whose behalf.
    pub(super) standing: Standing,
}

impl Wish {
    /// What a user asks for.
    pub(super) fn of_user(body: LaunchBody) -> Wish {
        let LaunchBody { path, written, if_changed } = body;
        let written = written.unwrap_or_else(|| path.display().to_string());
        Wish { path, written, name: None, if_changed, standing: Standing::User }
    }
}

/// A wish and what was found at its path.
pub(super) struct Order {
    wish: Wish,
    pub(super) source: Source,
    /// The digests of its components, as far as they are there and are run from the content store; none where nobody asked for them.
    components: BTreeMap<String, Digest>,
}

/// An order of which everything was checked and compiled.
pub(super) struct Plan {
    pub(super) order: Order,
    launch: Launch,
    /// In the order of `launch.vats`, as all below.
    codes: Vec<NewCode>,
    pub(super) components: Vec<VatCode>,
}

/// What is to become of an order, as things stand.
pub(super) enum Verdict {
    /// The same runs already.
    Known(SubclusterId),
    /// There is none of its name.
    New,
    /// It takes the place of this one.
    Replaces(SubclusterId),
    /// This one goes on; these of its vats get other code.
    Upgrades(SubclusterId, Vec<String>),
}

/// Launches a subcluster, or finds that it is known and the same.
///
/// # Errors
/// Why it can't be launched; nothing has changed then. A known one that differs is refused with the difference.
pub(super) async fn launch(house: &Arc<House>, wish: Wish) -> Result<Launched, Problem> {
    let (order, verdict) = judged(house, wish).await?;
    match verdict {
        Verdict::Known(id) => return told(house, id, Origin::Known).await,
        Verdict::Upgrades(id, vats) => {
            upgrade::components(house, order.source, &vats).await?;
            return Ok(Launched { upgraded: vats, ..told(house, id, Origin::Upgraded).await? });
        }
        Verdict::New | Verdict::Replaces(_) => {}
    }
    let naming = house.unnamed_blobs.read().await;
    let planner = house.clone();
    let plan = blocking(move || {
        let plan = plan(&planner, order)?;
        plan.keep_components(&planner)?;
        Ok(plan)
    })
    .await?;
    let (id, origin) = house.act(move |run_loop, house| carry_out(run_loop, house, plan)).await??;
    drop(naming);
    first_starts(house, id).await?;
    told(house, id, origin).await
}

async fn told(house: &Arc<House>, id: SubclusterId, origin: Origin) -> Result<Launched, Problem> {
    let launched = house.act(move |run_loop, house| launched(run_loop, house, id, origin)).await??;
    news::tell_launch(house, &launched).await?;
    Ok(launched)
}

/// Opens what was ordered, and finds out what is to become of it.
pub(super) async fn judged(house: &Arc<House>, wish: Wish) -> Result<(Order, Verdict), Problem> {
    let opener = house.clone();
    let order = blocking(move || {
        let source = Source::open(&wish.path, &opener.files)?;
        check_name(&wish, &source.declaration)?;
        let components = match wish.if_changed {
            IfChanged::Refuse => BTreeMap::new(),
            IfChanged::Replace | IfChanged::Upgrade => components(&source, &opener),
        };
        Ok(Order { wish, source, components })
    })
    .await?;
    house.act(move |run_loop, house| judge(run_loop, house, &order).map(|verdict| (order, verdict))).await?
}

/// What a component is now. Of one that can't be read nothing can be said: its vat goes on with what it has.
fn components(source: &Source, house: &House) -> BTreeMap<String, Digest> {
    let digest = |vat: &String| {
        let found = source.code(vat, &house.files, &house.blobs).ok()?;
        Some((vat.clone(), upgrade::stored_digest(&found.record)?))
    };
    source.declaration.vats.keys().filter_map(digest).collect()
}

/// Waits until every vat of a new subcluster has had its first start, so that a launch is told with what came of them.
async fn first_starts(house: &Arc<House>, id: SubclusterId) -> Result<(), Problem> {
    let (reply, all_started) = oneshot::channel();
    house
        .act(move |run_loop, _| {
            let vats = run_loop.kernel().vats().filter(|vat| vat.row.subcluster == id).map(|vat| vat.id).collect();
            // Whoever launched may have gone.
            run_loop.when_started(vats, move || {
                let _ = reply.send(());
            });
        })
        .await?;
    all_started.await.map_err(|_| super::house::stopping())
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(super::house::stopping()))
}

/// Whoever says a name means a subcluster of that name.
fn check_name(wish: &Wish, declaration: &Declaration) -> Result<(), Problem> {
    let found = &declaration.name;
    match &wish.name {
        Some(name) if name != found => {
            let message = format!("{} declares the subcluster `{found}`, not `{name}`", wish.written);
            Err(Problem::new("ocap::launch::other_name", message)
                .with_help(format!("write `name = \"{name}\"` there, or call it `{found}` here")))
        }
        Some(_) | None => Ok(()),
    }
}

fn judge(run_loop: &RunLoop, house: &House, order: &Order) -> Result<Verdict, Problem> {
    let kernel = run_loop.kernel();
    let declaration = &order.source.declaration;
    system::check_name_is_free(house, kernel, &declaration.name, order.wish.standing)?;
    let Some((id, _)) = kernel.subclusters().find(|(_, row)| row.name == declaration.name) else {
        return Ok(Verdict::New);
    };
    let difference = house.declaration(kernel, id)?.declaration.difference(declaration);
    if !difference.is_empty() {
        return match order.wish.if_changed {
            IfChanged::Replace => Ok(Verdict::Replaces(id)),
            IfChanged::Refuse | IfChanged::Upgrade => Err(changed(order, difference)),
        };
    }
    let other_code = other_code(kernel, id, &order.components);
    Ok(match order.wish.if_changed {
        _ if other_code.is_empty() => Verdict::Known(id),
        IfChanged::Refuse => Verdict::Known(id),
        IfChanged::Replace => Verdict::Replaces(id),
        IfChanged::Upgrade => Verdict::Upgrades(id, other_code),
    })
}

/// The vats of a subcluster that run other code than these.
fn other_code(kernel: &Kernel, id: SubclusterId, components: &BTreeMap<String, Digest>) -> Vec<String> {
    let is_other = |vat: &VatView<'_>| {
        let running = CodeRecord::from_record(&vat.row.code).ok().as_ref().and_then(upgrade::stored_digest);
        components.get(&vat.row.name).is_some_and(|digest| running != Some(*digest))
    };
    let of_this = kernel.vats().filter(|vat| vat.row.subcluster == id);
    of_this.filter(is_other).map(|vat| vat.row.name.clone()).collect()
}

fn changed(order: &Order, difference: Vec<String>) -> Problem {
    let Order { source, wish: Wish { written, .. }, .. } = order;
    let name = &source.declaration.name;
    let message = format!("subcluster `{name}` is running, and {written} declares it otherwise");
    let mut problem = Problem::new("ocap::launch::changed", message).with_help(format!(
        "restore the declaration, or apply the new one, which ends the vats and forgets everything they keep: \
         `ocap-host launch --if-changed replace {written}` (or `run` with the same option)"
    ));
    problem.subcluster = Some(name.clone());
    problem.causes = difference;
    problem
}

/// Reads, checks and compiles everything, and changes nothing but caches.
pub(super) fn plan(house: &House, order: Order) -> Result<Plan, Problem> {
    let source = &order.source;
    let declaration = &source.declaration;
    let mut vats = Vec::new();
    let mut codes = Vec::new();
    let mut components = Vec::new();
    services::check(declaration, order.wish.standing)?;
    for (name, declared) in &declaration.vats {
        let found = source.code(name, &house.files, &house.blobs)?;
        let limits = house.config.limits(declaration, name)?;
        let compiled = code::prepare(house, &found.bytes, &source.place(name))?;
        let hibernation = code::hibernation(declaration, name);
        codes.push(NewCode { code: compiled, limits: code::engine_limits(&limits), hibernation });
        vats.push(LaunchVat {
            name: name.clone(),
            code: found.record.to_record().into(),
            parameters: parameters(&declared.parameters, name)?,
            grants: declared.uses.iter().map(grant).collect(),
            mailbox_max: limits.mailbox,
            references_max: limits.references,
            turns: declared.turns,
            when_quarantined: declared.when_quarantined,
        });
        components.push(found);
    }
    for channel in declaration.channels.keys() {
        spec(house, declaration, channel, ObjectId(0))?;
    }
    let channel = |channel: &String| (format!("io.{channel}"), object_name(&declaration.name, channel));
    let channels = declaration.channels.keys().map(channel);
    let launch = Launch {
        name: declaration.name.clone(),
        bootstrap: declaration.bootstrap.clone(),
        declaration: source.to_record(order.wish.standing)?.into(),
        host_objects: channels.chain(services::objects(declaration)).collect(),
        vats,
    };
    Ok(Plan { order, launch, codes, components })
}

impl Plan {
    /// Puts the components that are run from there into the content store.
    fn keep_components(&self, house: &House) -> Result<(), Problem> {
        for (vat, component) in self.launch.vats.iter().zip(&self.components) {
            if matches!(component.record.source, CodeSource::Stored { .. }) {
                let place = self.order.source.place(&vat.name);
                house.blobs.put(&component.bytes).map_err(|fault| place.diagnose(&fault.into()))?;
            }
        }
        Ok(())
    }
}

fn grant(used: &Use) -> (String, Grant) {
    let name = used.to_string();
    match used {
        Use::Vat(vat) => (name, Grant::Vat(vat.clone())),
        Use::Io(_) | Use::Service(_) => (name.clone(), Grant::HostObject(name)),
    }
}

fn parameters(parameters: &serde_json::Value, vat: &str) -> Result<Body, Problem> {
    let value = ocap_passable::from_json(parameters, |_| None).map_err(|error| {
        Problem::new("ocap::declaration::parameters", format!("the parameters of vat `{vat}` can't be passed to it"))
            .because(&error)
    })?;
    Ok(ocap_passable::encode(&value).into())
}

/// Opens the channels, then launches: on the loop's thread, so that nothing comes between. What is replaced ends in the same commit.
fn carry_out(run_loop: &mut RunLoop, house: &House, plan: Plan) -> Result<(SubclusterId, Origin), Problem> {
    // While this one was compiled another launch, or the end of what was there, may have been first.
    let before = match judge(run_loop, house, &plan.order)? {
        // Another launch of the same: its components are the newest.
        Verdict::Known(id) | Verdict::Upgrades(id, _) => return Ok((id, Origin::Known)),
        Verdict::New => None,
        Verdict::Replaces(id) => Some(id),
    };
    if let Some(before) = before {
        end(run_loop, house, before);
    }
    let declaration = &plan.order.source.declaration;
    // The kernel numbers a launch's host objects first, in order; so a channel can be open before its object exists.
    let first = run_loop.kernel().next_object();
    let mut opened = Vec::new();
    for (index, channel) in declaration.channels.keys().enumerate() {
        let object = ObjectId(first.0 + index as u64);
        opened.push(object);
        let io = run_loop.io();
        let open = spec(house, declaration, channel, object).and_then(|spec| io.open(spec).map_err(|problem| *problem));
        // Once the old one has ended there is no way back: then a channel that can't be opened is down, as it would be at a boot.
        if let Err(problem) = open
            && before.is_none()
        {
            opened.iter().for_each(|object| io.close_channel(*object));
            return Err(problem);
        }
    }
    let objects: Vec<String> = plan.launch.host_objects.iter().map(|(_, name)| name.clone()).collect();
    let names: Vec<String> = plan.launch.vats.iter().map(|vat| vat.name.clone()).collect();
    let subcluster = match run_loop.kernel_mut().launch(plan.launch) {
        Ok(subcluster) => subcluster,
        Err(refusal) => {
            opened.iter().for_each(|object| run_loop.io().close_channel(*object));
            return Err(Problem::new("ocap::launch::refused", "the launch was refused").because(&refusal));
        }
    };
    for (index, name) in objects.iter().enumerate() {
        run_loop.services().restore(ObjectId(first.0 + index as u64), name, None);
    }
    for (name, new) in names.iter().zip(plan.codes) {
        let vat = run_loop.kernel().vat_named(subcluster, name).expect("it was launched just now");
        let made = code::provided(run_loop.kernel(), house, vat, new);
        run_loop.provide(vat, made);
    }
    let origin = if before.is_some() { Origin::Replaced } else { Origin::New };
    Ok((subcluster, origin))
}

/// Ends a living subcluster for good, with its channels, services and timers.
pub(super) fn end(run_loop: &mut RunLoop, house: &House, id: SubclusterId) {
    let Some(objects) = host_objects_of(run_loop.kernel(), id) else { return };
    let row = run_loop.kernel().subclusters().find(|(living, _)| *living == id).map(|(_, row)| row);
    let whom = Whom::subcluster(row.map_or("?", |row| &row.name));
    run_loop.terminate(id, &objects).expect("it was found just now");
    house.forget_declaration(id);
    let events = house.events.clone();
    run_loop.when_durable(move || events.tell(whom, Happening::SubclusterTerminated));
}

/// The host objects that end with a subcluster; `None` if it does not live.
pub(super) fn host_objects_of(kernel: &Kernel, id: SubclusterId) -> Option<Vec<ObjectId>> {
    let (_, row) = kernel.subclusters().find(|(living, _)| *living == id)?;
    let belongs = |name: &str| {
        channel_of(name).is_some_and(|(of, _)| of == row.name)
            || Name::parse(name).is_some_and(|object| object.subcluster() == row.name)
    };
    Some(kernel.host_objects().filter(|(_, name)| belongs(name)).map(|(object, _)| object).collect())
}

fn launched(run_loop: &RunLoop, house: &House, id: SubclusterId, origin: Origin) -> Result<Launched, Problem> {
    let inventory = report::inventory(run_loop, house);
    let status = inventory.subclusters.into_iter().find(|status| status.id == id.to_string());
    let status = status.ok_or_else(|| {
        Problem::new("ocap::launch::ended", format!("{id} was launched, and ended by somebody before it had started"))
    })?;
    let problems = status.vats.iter().filter_map(|vat| vat.problem.as_deref().cloned());
    Ok(Launched {
        id: status.id.clone(),
        name: status.name.clone(),
        origin,
        vats: status.vats.iter().map(|vat| vat.name.clone()).collect(),
        upgraded: Vec::new(),
        problems: problems.collect(),
    })
}
