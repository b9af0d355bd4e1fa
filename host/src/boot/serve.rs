//! The host serves: requests to the loop, until somebody or something ends it.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::daemon::requests::{Inventory, Reply, Request};
use crate::daemon::{Ending, Heart, Signals};
use crate::problem::Problem;
use crate::store::StoreError;

use super::doctor::Cure;
use super::house::House;
use super::launch::{self, Wish};
use super::prune::Prune;
use super::{
    backup, calls, caps, dead_letters, doctor, ends, graph, heal, hibernate, inspect, metrics, pins, preview, prune,
    ps, quarantine, repair, report, restart, revoke, upgrade,
};
use crate::io::Io;

/// A host whose loop runs.
pub(super) struct Running {
    house: Arc<House>,
    io: Arc<Io>,
    loop_ended: oneshot::Receiver<Result<(), StoreError>>,
}

impl Running {
    /// Watches over the loop.
    pub(super) fn new(
        house: Arc<House>,
        io: Arc<Io>,
        loop_ended: oneshot::Receiver<Result<(), StoreError>>,
    ) -> Running {
        Running { house, io, loop_ended }
    }

    pub(super) fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Serves until a signal, a request or a failure of the store ends it. `stop` is asked to stop by whoever came too early for a
    /// request.
    ///
    /// # Errors
    /// If the store failed, or the home is not this host's any more: nothing was acknowledged that is not durable.
    pub(super) async fn serve(
        &mut self,
        requests: mpsc::Receiver<Request>,
        signals: &mut Signals,
        stop: Option<&Notify>,
        heart: &Heart,
    ) -> Result<Ending, Problem> {
        let healer = tokio::spawn(heal::by_itself(self.house.clone()));
        let mut desk = tokio::spawn(hand_out(self.house.clone(), requests));
        let handle = self.house.handle().clone();
        let mut stopped_beating = pin!(heart.beat(async || handle.beat().await.is_ok()));
        let ending = tokio::select! {
            ended = &mut self.loop_ended => Err(why(ended)),
            problem = &mut stopped_beating => Err(problem),
            ending = asked_to_end(signals, stop) => Ok(ending),
            _ = &mut desk => Ok(Ending::Asked),
        };
        desk.abort();
        healer.abort();
        ending
    }

    /// Ends the loop; what runs is finished and written first. Returns whether something did not work.
    ///
    /// # Errors
    /// If the loop has ended by itself, or could not write everything.
    pub(super) async fn wind_down(self) -> Result<bool, Problem> {
        let Running { house, io, loop_ended } = self;
        let inventory: Inventory = house.act(|run_loop, house| report::inventory(run_loop, house)).await?;
        house.handle().stop();
        match loop_ended.await {
            Ok(Ok(())) => {}
            ended => return Err(why(ended)),
        }
        // The loop hears the channels no more; clients still get what was written for them.
        if io.close().await.is_err() {
            tracing::error!("a channel did not end as it should");
        }
        Ok(inventory.is_degraded())
    }
}

/// Waits for a signal, or for a stop that was asked before there was a loop to be told.
pub(super) async fn asked_to_end(signals: &mut Signals, stop: Option<&Notify>) -> Ending {
    let asked = async {
        match stop {
            Some(stop) => stop.notified().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ending = signals.next() => ending,
        () = asked => Ending::Asked,
    }
}

/// Why the loop ended by itself.
fn why(ended: Result<Result<(), StoreError>, oneshot::error::RecvError>) -> Problem {
    match ended {
        Ok(Err(failure)) => Problem::from(&failure),
        Ok(Ok(())) => Problem::new("ocap::host::ended", "the run loop ended by itself, which is a bug"),
        Err(_) => Problem::new("ocap::host::panicked", "the run loop panicked, which is a bug")
            .with_help("nothing that was acknowledged is lost: start again, and report the last lines of the log"),
    }
}

/// Hands requests out until one of them asks for the end. A task of its own: the thread that brings a request then goes on with it itself,
/// where the one that waits for the host's end would have to be woken for each.
async fn hand_out(house: Arc<House>, mut requests: mpsc::Receiver<Request>) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Stop(reply) => return say(reply, Ok(())),
            request => drop(tokio::spawn(answer(house.clone(), request))),
        }
    }
}

async fn answer(house: Arc<House>, request: Request) {
    let house = &house;
    match request {
        Request::Status(detail, reply) => say(reply, report::full(house, detail).await),
        Request::Ps(subcluster, reply) => say(reply, ps::ps(house, subcluster).await),
        Request::Inspect(body, reply) => say(reply, inspect::inspect(house, body).await),
        Request::Metrics(reply) => say(reply, metrics::metrics(house).await),
        Request::Launch(body, reply) => say(reply, launch::launch(house, Wish::of_user(body)).await),
        Request::Plan(body, reply) => say(reply, preview::preview(house, body).await),
        Request::Terminate(body, reply) => say(reply, ends::terminate(house, body).await),
        Request::TerminatePreview(body, reply) => say(reply, ends::preview(house, body).await),
        Request::Restart(body, reply) => say(reply, restart::restart(house, body).await),
        Request::Upgrade(body, reply) => say(reply, upgrade::upgrade(house, body).await),
        Request::UpgradePlan(body, reply) => say(reply, upgrade::plan(house, body).await),
        Request::Revoke(body, reply) => say(reply, revoke::revoke(house, body).await),
        Request::RevokePlan(body, reply) => say(reply, caps::revoke_plan(house, body).await),
        Request::CapsWhy(body, reply) => say(reply, caps::why(house, body).await),
        Request::CapsOf(body, reply) => say(reply, caps::of(house, body).await),
        Request::Graph(body, reply) => say(reply, graph::graph(house, body).await),
        Request::Hibernate(body, reply) => say(reply, hibernate::hibernate(house, body).await),
        Request::Call(body, reply) => say(reply, calls::call(house, body).await),
        Request::Pin(body, reply) => say(reply, pins::pin(house, body).await),
        Request::Pins(reply) => say(reply, pins::all(house).await),
        Request::Unpin(body, reply) => say(reply, pins::unpin(house, body).await),
        Request::QuarantineList(reply) => {
            say(reply, house.act(|run_loop, _| report::quarantined(run_loop.kernel())).await);
        }
        Request::QuarantineShow(body, reply) => say(reply, quarantine::show(house, body).await),
        Request::QuarantineRetry(body, reply) => say(reply, heal::retry(house, body.vat).await),
        Request::QuarantineRepair(body, reply) => say(reply, repair::repair(house, body).await),
        Request::QuarantinePrune(body, reply) => say(reply, quarantine::prune(house, body).await),
        Request::QuarantinePrunePreview(body, reply) => say(reply, quarantine::preview(house, body).await),
        Request::DeadLetterList(reply) => say(reply, dead_letters::list(house).await),
        Request::DeadLetterShow(id, reply) => say(reply, dead_letters::show(house, id).await),
        Request::DeadLetterDrop(body, reply) => say(reply, dead_letters::drop_some(house, body).await),
        Request::Prune(_, reply) => say(reply, prune::running(house, Prune::Now).await),
        Request::PrunePlan(reply) => say(reply, prune::running(house, Prune::Plan).await),
        Request::DbCheck(reply) => say(reply, backup::check_running(house).await),
        Request::DbBackup(body, reply) => say(reply, backup::make_running(house, body).await),
        Request::Doctor(reply) => say(reply, doctor::running(house, Cure::Told).await),
        Request::DoctorFix(_, reply) => say(reply, doctor::running(house, Cure::Done).await),
        Request::Stop(_) => unreachable!("a stop ends the serving"),
    }
}

/// An asker that went away does not want to know.
fn say<T>(reply: Reply<T>, answer: Result<T, Problem>) {
    drop(reply.send(answer));
}
