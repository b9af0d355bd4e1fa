//! Everything that operators may know of one vat, object, promise or channel. Nothing here changes anything.

mod channel;
mod object;
mod promise;
mod vat;

use std::sync::Arc;

use ocap_kernel::{Item, Kernel, Kref, Message, MessageId, ObjectId, Sender, VatId};

use crate::daemon::requests::{Held, InspectBody, Inspection, Kind, VatHolder, Waiting};
use crate::engine::limits::STORED_CAP_BYTES;
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use crate::boot::calls;
use crate::boot::channels::object_name;
use crate::boot::house::House;

/// Looks at what is named.
///
/// # Errors
/// If it names nothing, or something else than it is said to be.
pub(super) async fn inspect(house: &Arc<House>, body: InspectBody) -> Result<Inspection, Problem> {
    let looked = house.act(move |run_loop, house| {
        let subject = find(run_loop.kernel(), &body)?;
        let unread = match &subject {
            Subject::Vat(vat) if run_loop.meter(*vat).is_none() => Some((*vat, run_loop.store_reader())),
            _ => None,
        };
        Ok::<_, Problem>((look(run_loop, house, &subject)?, unread, mentions(run_loop, &subject)))
    });
    let (mut inspection, unread, mentions) = looked.await??;
    // A store that was not read since the boot is measured where it lies, away from the loop.
    if let (Inspection::Vat(vat), Some((id, reader))) = (&mut inspection, unread) {
        let measured = tokio::task::spawn_blocking(move || reader.vat_size(id));
        let size =
            measured.await.map_err(|_| crate::boot::house::stopping())?.map_err(|fault| Problem::from(&fault))?;
        vat.usage.store_bytes = Some(size.bytes + mentions * STORED_CAP_BYTES);
        vat.usage.store_entries = Some(size.entries);
    }
    Ok(inspection)
}

fn mentions(run_loop: &RunLoop, subject: &Subject) -> u64 {
    match subject {
        Subject::Vat(vat) => run_loop.kernel().mentions_in_store(*vat),
        Subject::Object(_) | Subject::Promise(..) | Subject::Channel(..) => 0,
    }
}

/// What was named.
enum Subject {
    Vat(VatId),
    Object(ObjectId),
    /// By itself or by its resolver.
    Promise(ocap_kernel::PromiseId),
    /// Its object, its subcluster and its name there.
    Channel(ObjectId, String, String),
}

fn look(run_loop: &RunLoop, house: &House, subject: &Subject) -> Result<Inspection, Problem> {
    Ok(match subject {
        Subject::Vat(id) => Inspection::Vat(Box::new(vat::look(run_loop, house, *id))),
        Subject::Object(id) => Inspection::Object(object::look(run_loop.kernel(), *id)?),
        Subject::Promise(id) => Inspection::Promise(promise::look(run_loop.kernel(), *id)?),
        Subject::Channel(id, subcluster, name) => {
            Inspection::Channel(Box::new(channel::look(run_loop, house, *id, subcluster, name)?))
        }
    })
}

fn find(kernel: &Kernel, body: &InspectBody) -> Result<Subject, Problem> {
    let target = body.target.as_str();
    let found = match (target.parse::<Kref>(), target.split_once('/')) {
        (Ok(Kref::Object(object)), _) => Subject::Object(object),
        (Ok(Kref::Promise(promise) | Kref::Resolver(promise)), _) => Subject::Promise(promise),
        (Err(_), Some((subcluster, name))) if body.kind == Some(Kind::Channel) => channel(kernel, subcluster, name)?,
        (Err(_), Some((subcluster, name))) => match calls::find_vat(kernel, target) {
            Ok((vat, _)) => Subject::Vat(vat),
            Err(_) if body.kind.is_none() && channel(kernel, subcluster, name).is_ok() => {
                channel(kernel, subcluster, name)?
            }
            Err(unknown) => return Err(unknown),
        },
        (Err(_), None) => match vat_by_number(kernel, target) {
            Some(vat) => Subject::Vat(vat),
            None => Subject::Vat(calls::find_subcluster(kernel, target)?.1.bootstrap),
        },
    };
    let kind = match &found {
        Subject::Vat(_) => Kind::Vat,
        Subject::Object(_) => Kind::Object,
        Subject::Promise(_) => Kind::Promise,
        Subject::Channel(..) => Kind::Channel,
    };
    match body.kind {
        Some(wanted) if wanted != kind => Err(Problem::new(
            "ocap::target::other_kind",
            format!("`{target}` names a {}, not a {}", kind.as_str(), wanted.as_str()),
        )
        .with_help(format!("`ocap-host inspect {} {target}`", kind.as_str()))),
        Some(_) | None => Ok(found),
    }
}

/// `v3`, unless a subcluster has that name.
fn vat_by_number(kernel: &Kernel, target: &str) -> Option<VatId> {
    let number = target.strip_prefix('v')?.parse().ok()?;
    let is_a_name = kernel.subclusters().any(|(_, row)| row.name == target);
    (!is_a_name).then_some(VatId(number)).filter(|vat| kernel.vat(*vat).is_some())
}

fn channel(kernel: &Kernel, subcluster: &str, name: &str) -> Result<Subject, Problem> {
    let prefix = format!("channel/{subcluster}/");
    let wanted = object_name(subcluster, name);
    let of_subcluster = || kernel.host_objects().filter(|(_, object)| object.starts_with(&prefix));
    if let Some((object, _)) = of_subcluster().find(|(_, object)| *object == wanted) {
        return Ok(Subject::Channel(object, subcluster.to_owned(), name.to_owned()));
    }
    calls::find_subcluster(kernel, subcluster)?;
    let names: Vec<&str> = of_subcluster().map(|(_, object)| &object[prefix.len()..]).collect();
    let help = match calls::nearest(name, names.iter().copied()) {
        Some(nearest) => format!("did you mean `{subcluster}/{nearest}`?"),
        None => "`ocap-host status` lists what there is".to_owned(),
    };
    Err(Problem::new("ocap::target::unknown", format!("there is no channel `{subcluster}/{name}`")).with_help(help))
}

/// A vat's name for people, with its number where it has ended.
fn label(kernel: &Kernel, vat: VatId) -> String {
    kernel.vat(vat).map_or_else(|| vat.to_string(), |view| calls::label_of(kernel, view.row))
}

fn held(kernel: &Kernel, kref: Kref) -> Held {
    let holders = kernel.holders(kref);
    let vat = |held: &ocap_kernel::VatHold| VatHolder {
        vat: label(kernel, held.vat),
        handle: held.handle,
        kept: held.kept,
        grant: grant_of(kernel, held.vat, held.slot),
    };
    let host_name = |object: &ObjectId| match kernel.object(*object).map(|row| &row.owner) {
        Some(owner) => object::host_name(owner).unwrap_or_else(|| object.to_string()),
        None => object.to_string(),
    };
    Held {
        count: holders.count,
        vats: holders.vats.iter().map(vat).collect(),
        host: holders.host_objects.iter().map(host_name).collect(),
        caretakers: holders.caretakers.iter().map(ObjectId::to_string).collect(),
        shown: holders.shown,
    }
}

fn grant_of(kernel: &Kernel, vat: VatId, slot: ocap_kernel::Slot) -> Option<String> {
    let row = kernel.vat(vat)?.row;
    row.grants.iter().find(|(_, granted)| *granted == slot).map(|(name, _)| name.clone())
}

fn waiting(kernel: &Kernel, id: MessageId, item: &Item) -> Waiting {
    let notice = |what: &str, kref: Kref| Waiting {
        id: id.to_string(),
        what: what.to_owned(),
        reference: kref.to_string(),
        method: None,
        sender: None,
        bytes: None,
        capabilities: None,
        answer: None,
    };
    match item {
        Item::Message(message) => waiting_message(kernel, id, message),
        Item::Settled { promise, .. } => notice("settled", *promise),
        Item::Dropped(object) => notice("dropped", Kref::Object(*object)),
    }
}

fn waiting_message(kernel: &Kernel, id: MessageId, message: &Message) -> Waiting {
    Waiting {
        id: id.to_string(),
        what: "message".to_owned(),
        reference: message.target.to_string(),
        method: Some(message.method.clone()),
        sender: Some(match message.sender {
            Sender::Vat(vat) => label(kernel, vat),
            Sender::Host => "the host".to_owned(),
        }),
        bytes: Some(message.args.body.len() as u64),
        capabilities: Some(message.args.caps.len() as u64),
        answer: message.answer.map(|promise| promise.to_string()),
    }
}

/// What nobody holds any more is gone.
fn gone(reference: &str) -> Problem {
    Problem::new("ocap::target::unknown", format!("there is no `{reference}`"))
        .with_help("a reference lasts as long as somebody holds it; `ocap-host inspect VAT` lists those of a vat")
}
