//! The host serves: requests to the loop, until somebody or something ends it.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::daemon::requests::{Inventory, Request, Terminated};
use crate::daemon::{Ending, RunEnd, Signals};
use crate::problem::Problem;
use crate::store::StoreError;

use super::house::House;
use super::{calls, heal, launch, report};

/// Serves until a signal, a request or a failure of the store ends it; what runs then is finished and written first.
///
/// # Errors
/// If the store failed: nothing was acknowledged that is not durable.
pub(super) async fn serve(
    house: &Arc<House>,
    mut requests: mpsc::Receiver<Request>,
    signals: &mut Signals,
    thread: JoinHandle<Result<(), StoreError>>,
) -> Result<RunEnd, Problem> {
    let mut loop_ended = tokio::task::spawn_blocking(move || thread.join());
    let healer = tokio::spawn(heal::by_itself(house.clone()));
    let ending = loop {
        tokio::select! {
            ended = &mut loop_ended => return Err(why(ended)),
            ending = signals.next() => break ending,
            request = requests.recv() => match request {
                Some(Request::Stop(reply)) => {
                    drop(reply.send(Ok(())));
                    break Ending::Asked;
                }
                Some(request) => drop(tokio::spawn(answer(house.clone(), request))),
                None => break Ending::Asked,
            },
        }
    };
    healer.abort();
    let inventory: Inventory = house.act(|run_loop, house| report::inventory(run_loop, house)).await?;
    house.handle().stop();
    match loop_ended.await {
        Ok(Ok(Ok(()))) => {}
        ended => return Err(why(ended)),
    }
    Ok(RunEnd { ending, degraded: inventory.is_degraded() })
}

type LoopEnd = Result<std::thread::Result<Result<(), StoreError>>, tokio::task::JoinError>;

/// Why the loop ended by itself.
fn why(ended: LoopEnd) -> Problem {
    match ended {
        Ok(Ok(Err(failure))) => Problem::from(&failure),
        Ok(Ok(Ok(()))) => Problem::new("ocap::host::ended", "the run loop ended by itself, which is a bug"),
        Ok(Err(_)) | Err(_) => Problem::new("ocap::host::panicked", "the run loop panicked, which is a bug")
            .with_help("nothing that was acknowledged is lost: start again, and report the last lines of the log"),
    }
}

async fn answer(house: Arc<House>, request: Request) {
    // An asker that went away does not want to know.
    match request {
        Request::Status(reply) => {
            drop(reply.send(report::full(&house).await));
        }
        Request::Launch { path, written, if_changed, reply } => {
            drop(reply.send(launch::launch(&house, &path, &written, if_changed).await));
        }
        Request::Terminate { subcluster, reply } => {
            drop(reply.send(terminate(&house, subcluster).await));
        }
        Request::Call { target, method, args, reply } => {
            drop(reply.send(calls::call(&house, target, method, args).await));
        }
        Request::QuarantineList(reply) => {
            drop(reply.send(house.act(|run_loop, _| report::quarantined(run_loop.kernel())).await));
        }
        Request::QuarantineRetry { vat, reply } => drop(reply.send(heal::retry(&house, vat).await)),
        Request::Stop(_) => unreachable!("a stop ends the serving"),
    }
}

/// Ends a subcluster for good.
async fn terminate(house: &Arc<House>, name: String) -> Result<Terminated, Problem> {
    house
        .act(move |run_loop, house| {
            let kernel = run_loop.kernel();
            let (id, _) = calls::find_subcluster(kernel, &name)?;
            let vats = kernel.vats().filter(|vat| vat.row.subcluster == id).map(|vat| vat.row.name.clone()).collect();
            launch::end(run_loop, house, id);
            Ok(Terminated { id: id.to_string(), name, vats })
        })
        .await?
}
