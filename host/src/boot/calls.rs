//! Calls from outside: names become references, JSON becomes what vats pass, and back.

use std::sync::Arc;
use std::time::Duration;

use ocap_kernel::{Code, Kernel, Kref, Payload, Refusal, Resolution, Subcluster, SubclusterId, Vat, VatId};
use serde_json::Value as Json;
use tokio::sync::oneshot;

use crate::daemon::events::Whom;
use crate::daemon::requests::{CallBody, CallOutcome, Happening, Until};
use crate::problem::{Problem, printable};
use crate::run_loop::RunLoop;

use super::house::House;
use super::keyed::Keyed;

/// Sends a message, and waits until it is durable, or for the end of its answer. Under a key that was used before nothing is sent: the
/// answer is that of the call before.
///
/// # Errors
/// If the target is not known, the arguments can't be passed, the key names another call, or the answer does not come in time.
pub(super) async fn call(house: &Arc<House>, body: CallBody) -> Result<CallOutcome, Problem> {
    let CallBody { target: named, method, args, key, until, timeout_ms } = body;
    let args = arguments(&args)?;
    let keyed = key.map(|key| Keyed::new(key, &named, &method, &args)).transpose()?;
    let target = named.clone();
    let told = Happening::OperatorCalled { target: printable(&named), method: printable(&method), skipped: 0 };
    let answer =
        house.act(move |run_loop, house| accept(run_loop, house, &target, &method, args, keyed, until)).await??;
    house.events.tell(Whom::HOST, told);
    let Some(answer) = answer else { return Ok(CallOutcome::Accepted {}) };
    let answered = match timeout_ms {
        None => answer.await,
        Some(ms) => match tokio::time::timeout(Duration::from_millis(ms), answer).await {
            Ok(answered) => answered,
            Err(_) => return Err(too_late(&named, ms)),
        },
    };
    outcome(house, named, &answered.map_err(|_| super::house::stopping())?).await
}

type Answer = oneshot::Receiver<Resolution<Kref>>;

/// Takes a call over; it is durable when the act that it is part of is. Returns where its answer will be heard, if somebody waits for that.
fn accept(
    run_loop: &mut RunLoop,
    house: &House,
    target: &str,
    method: &str,
    args: Payload<Kref>,
    keyed: Option<Keyed>,
    until: Until,
) -> Result<Option<Answer>, Problem> {
    let unknown = |refusal: Refusal| {
        Problem::new("ocap::target::unknown", refusal.to_string())
            .with_help("see what there is: `ocap-host status`; a reference lasts as long as somebody holds it")
    };
    let Some(keyed) = keyed else {
        let target = find_target(run_loop.kernel(), target)?;
        return match until {
            Until::Answered => run_loop.ask(target, method, args).map(Some).map_err(unknown),
            Until::Accepted => {
                let send = |kernel: &mut Kernel| kernel.send(target, method, args);
                run_loop.accept(method, send).map(|()| None).map_err(unknown)
            }
        };
    };
    let mut calls = super::house::locked(&house.keyed);
    let object = match calls.find(&keyed)? {
        Some(object) => object,
        None => {
            let target = find_target(run_loop.kernel(), target)?;
            let now_ms = house.powers.now_ms();
            calls.make_room(run_loop.kernel_mut(), now_ms)?;
            let object = {
                let name = keyed.name(now_ms);
                let ask = |kernel: &mut Kernel| kernel.ask_and_keep(target, method, args, name);
                run_loop.accept(method, ask).map_err(unknown)?
            };
            calls.add(object, keyed, now_ms);
            object
        }
    };
    match until {
        Until::Accepted => Ok(None),
        Until::Answered => run_loop.await_kept(object).map(Some).ok_or_else(|| {
            Problem::new("ocap::call::answer_gone", "somebody has revoked the object that kept this call's answer")
                .with_help("use another key, if the call may be done again")
        }),
    }
}

fn too_late(target: &str, ms: u64) -> Problem {
    let message = format!("`{}` has not answered within {ms} ms", printable(target));
    Problem::new("ocap::call::timeout", message).with_help(
        "the message stays and will be processed; its answer can be heard later only if the call had a `--key`: call again with the same",
    )
}

async fn outcome(house: &Arc<House>, target: String, resolution: &Resolution<Kref>) -> Result<CallOutcome, Problem> {
    Ok(match resolution {
        Resolution::Fulfilled(payload) => CallOutcome::Value { value: json_of(payload) },
        Resolution::Forwarded(kref) => CallOutcome::Value { value: serde_json::json!({ "$cap": kref.to_string() }) },
        Resolution::Broken(payload) => CallOutcome::Broken { error: json_of(payload) },
        Resolution::Failed(code) => {
            CallOutcome::Failed { code: code.to_string(), problem: explain(house, target, *code).await? }
        }
    })
}

/// What an operator may know of a failure beyond its code.
async fn explain(house: &Arc<House>, target: String, code: Code) -> Result<Option<Box<Problem>>, Problem> {
    let problem = match code {
        Code::VatTrapped => {
            let fault = house.act(move |run_loop, _| last_fault(run_loop, &target)).await?;
            let log = house.home.path_of(crate::daemon::home::LOG);
            fault.map(|cause| {
                Problem::new("ocap::vat::trapped", cause)
                    .with_help(format!("what the vat said before is in the log: {}", log.display()))
            })
        }
        Code::VatQuarantined => Some(
            Problem::new("ocap::vat::quarantined", "the vat is in quarantine and was declared to reject what comes")
                .with_help("see why: `ocap-host quarantine list`"),
        ),
        _ => None,
    };
    Ok(problem.map(Box::new))
}

/// Why the last crank of the called vat was undone. A call by reference does not say whose it is.
fn last_fault(run_loop: &RunLoop, target: &str) -> Option<String> {
    let kernel = run_loop.kernel();
    let vat = match find_subcluster(kernel, target) {
        Ok((_, row)) => row.bootstrap,
        Err(_) => find_vat(kernel, target).ok()?.0,
    };
    run_loop.last_fault(vat).map(|fault| fault.cause.clone())
}

/// A body as JSON. One that is not what vats pass is shown as bytes: the callee's business, and no reason to fail.
fn json_of(payload: &Payload<Kref>) -> Json {
    let name = |index: usize| payload.caps.get(index).map_or_else(|| "?".to_owned(), Kref::to_string);
    match ocap_passable::decode(&payload.body) {
        Ok(value) => ocap_passable::to_json(&value, name),
        Err(_) => ocap_passable::to_json(&ocap_passable::Value::Bytes(payload.body.to_vec()), name),
    }
}

fn arguments(args: &[Json]) -> Result<Payload<Kref>, Problem> {
    let mut caps: Vec<Kref> = Vec::new();
    let list = Json::Array(args.to_vec());
    let value = ocap_passable::from_json(&list, |name| {
        let kref = name.parse().ok()?;
        caps.push(kref);
        Some(caps.len() - 1)
    });
    let value = value.map_err(|error| {
        Problem::new("ocap::usage::argument", "an argument can't be passed to a vat").because(&error)
    })?;
    Ok(Payload { body: ocap_passable::encode(&value).into(), caps })
}

/// `subcluster`, `subcluster/vat` or a kref.
pub(super) fn find_target(kernel: &Kernel, target: &str) -> Result<Kref, Problem> {
    if let Ok(kref) = target.parse() {
        return Ok(kref);
    }
    let vat =
        if target.contains('/') { find_vat(kernel, target)?.0 } else { find_subcluster(kernel, target)?.1.bootstrap };
    kernel.root_of(vat).ok_or_else(|| {
        Problem::new("ocap::target::gone", format!("the vat `{target}` has ended"))
            .with_help("see what there is: `ocap-host status`")
    })
}

/// A living subcluster by its name.
///
/// # Errors
/// If there is none, with the name that may have been meant.
pub(super) fn find_subcluster<'k>(kernel: &'k Kernel, name: &str) -> Result<(SubclusterId, &'k Subcluster), Problem> {
    kernel.subclusters().find(|(_, row)| row.name == name).ok_or_else(|| unknown(kernel, name))
}

/// A living vat by `subcluster/vat`.
///
/// # Errors
/// If there is none, with the name that may have been meant.
pub(super) fn find_vat<'k>(kernel: &'k Kernel, label: &str) -> Result<(VatId, &'k Vat), Problem> {
    let (subcluster, name) = label.split_once('/').ok_or_else(|| unknown(kernel, label))?;
    let (id, _) = find_subcluster(kernel, subcluster).map_err(|_| unknown(kernel, label))?;
    let found = kernel.vat_named(id, name).and_then(|vat| kernel.vat(vat));
    found.map(|vat| (vat.id, vat.row)).ok_or_else(|| unknown(kernel, label))
}

/// A vat's name for people: `matcher/index`.
pub(super) fn label_of(kernel: &Kernel, row: &Vat) -> String {
    let subcluster = kernel.subclusters().find(|(id, _)| *id == row.subcluster);
    format!("{}/{}", subcluster.map_or("?", |(_, row)| row.name.as_str()), row.name)
}

fn unknown(kernel: &Kernel, target: &str) -> Problem {
    let mut names: Vec<String> = kernel.subclusters().map(|(_, row)| row.name.clone()).collect();
    names.extend(kernel.vats().map(|vat| label_of(kernel, vat.row)));
    let help = match nearest(target, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`? `ocap-host status` lists what there is"),
        None => "`ocap-host status` lists what there is".to_owned(),
    };
    Problem::new("ocap::target::unknown", format!("there is no `{target}`")).with_help(help)
}

/// The name that may have been meant.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distances = names.map(|name| (strsim::damerau_levenshtein(name, written), name));
    distances.filter(|(distance, name)| *distance <= 1 + name.len() / 4).min().map(|(_, name)| name)
}
