//! Errands: what the service `kernel` is asked for, done as for an operator, and told in fixed words.
//!
//! A vat never names a path: what it may launch lies in `apps/` of the home, where the operator put it, and is named by its name alone.
//! What an operator may know beyond the word stands in the log.

use std::path::PathBuf;
use std::sync::Arc;

use ocap_kernel::{Answer, Code, Kernel, Kref, Payload, Reply, Resolution, SubclusterId};
use ocap_passable::{Failure, Value, encode, from_json};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::daemon::home::APPS;
use crate::daemon::requests::{ChannelStatus, Detail, IfChanged, Launched, SubclusterStatus, TerminateBody, VatStatus};
use crate::declaration::{Standing, is_name};
use crate::problem::Problem;
use crate::services::{Act, Errand, Services};

use super::house::{House, STOPPING};
use super::launch::{self, Wish};
use super::{calls, ends, report, system};

/// Runs errands, each beside the others, for as long as there are any.
pub(super) async fn run_all(house: Arc<House>, services: Services, mut errands: UnboundedReceiver<Errand>) {
    while let Some(Errand { call, act }) = errands.recv().await {
        let (house, services) = (house.clone(), services.clone());
        tokio::spawn(async move {
            // If the host stops first, the next boot answers the call.
            if let Ok(reply) = run(&house, act).await {
                services.answer(call, reply);
            }
        });
    }
}

/// # Errors
/// If the host stops; all else is an answer.
async fn run(house: &Arc<House>, act: Act) -> Result<Reply, Problem> {
    match act {
        Act::Ping => Ok(value(&json!("pong"))),
        Act::Status => status(house).await,
        Act::List => {
            let inventory = house.act(|run_loop, house| report::inventory(run_loop, house)).await?;
            let short = |one: &SubclusterStatus| json!({ "name": one.name, "id": one.id, "system": one.system });
            Ok(value(&inventory.subclusters.iter().map(short).collect()))
        }
        Act::Launch(name) => launch_app(house, name).await,
        Act::Terminate(name) => match ends::terminate(house, TerminateBody { subcluster: name, vat: None }).await {
            Ok(terminated) => Ok(value(&json!({ "name": terminated.name, "id": terminated.id }))),
            Err(problem) => word_for(problem),
        },
        Act::Root(name) => house
            .act(move |run_loop, _| root_of(run_loop.kernel(), &name))
            .await?
            .map_or_else(word_for, |root| Ok(Reply::Settle(Answer::Forward(root)))),
        Act::Call { subcluster, method, args } => call(house, subcluster, method, args).await,
    }
}

async fn status(house: &Arc<House>) -> Result<Reply, Problem> {
    let boot = house.act(|run_loop, _| run_loop.kernel().boot()).await?;
    let inventory = report::full(house, Detail::Brief).await?;
    let subclusters: Vec<Json> = inventory.subclusters.iter().map(subcluster).collect();
    Ok(value(&json!({ "boot": boot, "degraded": inventory.is_degraded(), "subclusters": subclusters })))
}

/// How a subcluster does, without the paths of the host that an operator is shown.
fn subcluster(status: &SubclusterStatus) -> Json {
    let vat = |vat: &VatStatus| {
        json!({
            "name": vat.name, "id": vat.id, "state": vat.state, "incarnation": vat.incarnation, "queued": vat.queued,
            "problem": vat.problem.as_ref().map(|problem| &problem.code),
        })
    };
    let channel = |channel: &ChannelStatus| json!({ "name": channel.name, "kind": channel.kind, "state": channel.state, "connections": channel.connections });
    json!({
        "name": status.name, "id": status.id, "bootstrap": status.bootstrap, "system": status.system,
        "vats": status.vats.iter().map(vat).collect::<Vec<_>>(),
        "channels": status.channels.iter().map(channel).collect::<Vec<_>>(),
    })
}

async fn launch_app(house: &Arc<House>, name: String) -> Result<Reply, Problem> {
    let Some(written) = app(house, &name) else {
        return Ok(error("no-such-app", "the operator put nothing under that name where apps are"));
    };
    let wish = Wish {
        path: house.home.path().join(&written),
        written: written.display().to_string(),
        name: Some(name),
        if_changed: IfChanged::Refuse,
        standing: Standing::User,
    };
    match launch::launch(house, wish).await {
        Ok(launched) => house.act(move |run_loop, _| launched_value(run_loop.kernel(), &launched)).await,
        Err(problem) => word_for(problem),
    }
}

/// The file of an app in the home, relative to it.
fn app(house: &House, name: &str) -> Option<PathBuf> {
    if !is_name(name) {
        return None;
    }
    let candidates = [format!("{name}.ocap"), format!("{name}.toml"), format!("{name}/subcluster.toml")];
    let candidates = candidates.iter().map(|candidate| PathBuf::from(APPS).join(candidate));
    // What is there, and whether it can be read, is for the launch to find out.
    candidates.into_iter().find(|path| house.home.dir().symlink_metadata(path).is_ok())
}

fn launched_value(kernel: &Kernel, launched: &Launched) -> Reply {
    let Ok(root) = root_of(kernel, &launched.name) else {
        return error("no-such-subcluster", "it was launched, and ended by somebody");
    };
    let codes: Vec<&String> = launched.problems.iter().map(|problem| &problem.code).collect();
    let told = json!({
        "name": launched.name, "id": launched.id, "origin": launched.origin, "problems": codes, "root": { "$cap": "root" },
    });
    let told = from_json(&told, |_| Some(0)).expect("it is flat");
    Reply::Settle(Answer::Fulfill(Payload { body: encode(&told).into(), caps: vec![root] }))
}

fn root_of(kernel: &Kernel, name: &str) -> Result<Kref, Problem> {
    let (_, row): (SubclusterId, _) = calls::find_subcluster(kernel, name)?;
    let gone = || Problem::new("ocap::target::gone", format!("the bootstrap vat of `{name}` has ended"));
    kernel.root_of(row.bootstrap).ok_or_else(gone)
}

async fn call(house: &Arc<House>, subcluster: String, method: String, args: Payload<Kref>) -> Result<Reply, Problem> {
    let root = match house.act(move |run_loop, _| root_of(run_loop.kernel(), &subcluster)).await? {
        Ok(root) => root,
        Err(problem) => return word_for(problem),
    };
    let answered = house.handle().call(root, method, args).await.map_err(|_| super::house::stopping())?;
    Ok(match answered {
        Ok(Resolution::Fulfilled(payload)) => Reply::Settle(Answer::Fulfill(payload)),
        Ok(Resolution::Forwarded(target)) => Reply::Settle(Answer::Forward(target)),
        Ok(Resolution::Broken(payload)) => Reply::Settle(Answer::Break(payload)),
        Ok(Resolution::Failed(code)) => Reply::Fail(code),
        // It ended in between.
        Err(_) => Reply::Fail(Code::ObjectGone),
    })
}

/// The word for what an operator would be told in full; that goes to the log.
fn word_for(problem: Problem) -> Result<Reply, Problem> {
    let (name, message) = match problem.code.as_str() {
        STOPPING => return Err(problem),
        "ocap::target::unknown" | "ocap::target::gone" => ("no-such-subcluster", "no subcluster of that name runs"),
        system::BELONGS_TO_THE_HOST => {
            ("belongs-to-the-host", "a system subcluster is launched and ended by the operator")
        }
        "ocap::launch::changed" => ("changed", "it runs already, from another declaration"),
        _ => {
            crate::daemon::log::tell(&problem);
            ("not-launched", "it can not be launched; the log of the host says why")
        }
    };
    Ok(error(name, message))
}

fn value(json: &Json) -> Reply {
    let value = from_json(json, |_| None).expect("it is flat and has no capabilities");
    Reply::Settle(Answer::Fulfill(Payload::plain(encode(&value))))
}

fn error(name: &str, message: &str) -> Reply {
    let failure = Failure { name: name.to_owned(), message: message.to_owned() };
    Reply::Settle(Answer::Break(Payload::plain(encode(&Value::Error(failure)))))
}
