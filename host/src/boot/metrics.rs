//! Figures of the whole host, read on the loop's thread in one act and beside it from the file system.

use std::sync::Arc;

use crate::daemon::footprint::footprint;
use crate::daemon::home::{STORE, STORE_LOG};
use crate::daemon::requests::{Activity, Bucket, Figures, Metrics, SinceBoot, Spread, VatCounts};
use crate::daemon::{VERSION, processes};
use crate::io::ChannelState;
use crate::problem::Problem;
use crate::run_loop::{Histogram, RunLoop};

use super::house::House;
use super::ps::{Look, millis};

/// All figures.
///
/// # Errors
/// If the host stops first.
pub(super) async fn metrics(house: &Arc<House>) -> Result<Metrics, Problem> {
    let read = |run_loop: &mut RunLoop, house: &House| Metrics {
        version: VERSION.to_owned(),
        boot: run_loop.kernel().boot(),
        now_ms: millis(run_loop.now().wall),
        figures: figures(run_loop),
        since_boot: since_boot(run_loop, house),
    };
    let mut metrics = house.act(read).await?;
    metrics.since_boot.process_cpu_ms = measure(house, &mut metrics.figures);
    Ok(metrics)
}

/// Completes figures by what the system says of the process and its files; the process's CPU time in milliseconds.
pub(super) fn measure(house: &House, figures: &mut Figures) -> Option<u64> {
    let size = |name: &str| house.home.dir().symlink_metadata(name).map_or(0, |metadata| metadata.len());
    figures.store_bytes = size(STORE);
    figures.store_log_bytes = size(STORE_LOG);
    let (resident, cpu_ms) = processes(house.powers).map(|processes| footprint(&processes)).unwrap_or_default();
    figures.resident_bytes = resident;
    cpu_ms
}

/// What there is now, as far as the loop knows.
pub(super) fn figures(run_loop: &RunLoop) -> Figures {
    let kernel = run_loop.kernel();
    let channels = run_loop.io().status();
    let open = channels.iter().filter(|channel| channel.state == ChannelState::Up).count() as u64;
    Figures {
        uptime_ms: millis(run_loop.now().monotonic),
        subclusters: kernel.subclusters().count() as u64,
        vats: vat_counts(run_loop),
        queued: kernel.queued() as u64,
        promises: kernel.promises() as u64,
        dead_letters: kernel.dead_letters().count() as u64,
        heap_bytes: run_loop.bytes_awake(),
        channels_open: open,
        channels_down: channels.len() as u64 - open,
        connections: channels.iter().map(|channel| channel.connections as u64).sum(),
        workers: run_loop.workers() as u64,
        ..Figures::default()
    }
}

fn vat_counts(run_loop: &RunLoop) -> VatCounts {
    let mut counts = VatCounts { ending: run_loop.kernel().ending() as u64, ..VatCounts::default() };
    let running = run_loop.under_way().collect();
    for vat in run_loop.kernel().vats() {
        *match Look::activity(&vat, &running) {
            Activity::Running => &mut counts.running,
            Activity::Awake => &mut counts.awake,
            Activity::Idle => &mut counts.idle,
            Activity::Resting => &mut counts.resting,
            Activity::Quarantined => &mut counts.quarantined,
            Activity::Ending => &mut counts.ending,
        } += 1;
    }
    counts
}

fn since_boot(run_loop: &RunLoop, house: &House) -> SinceBoot {
    let totals = run_loop.totals();
    let channels = run_loop.io().status();
    let sum = |of: fn(&crate::io::ChannelStatus) -> u64| channels.iter().map(of).sum();
    SinceBoot {
        cranks_applied: totals.applied,
        cranks_undone: totals.undone,
        cranks_quarantined: totals.quarantined,
        cranks_rolled_back: totals.rolled_back,
        cranks_stale: totals.stale,
        crank_us: spread(&totals.crank_micros),
        commit_us: spread(&totals.commit_micros),
        commit_cranks: spread(&totals.commit_cranks),
        messages_in: totals.asked,
        messages_out: totals.called,
        clients: sum(|channel| channel.clients),
        clients_refused: sum(|channel| channel.clients_refused),
        clients_expelled: sum(|channel| channel.clients_expelled),
        lines_in: sum(|channel| channel.lines_in),
        lines_out: sum(|channel| channel.lines_out),
        lines_torn: sum(|channel| channel.lines_torn),
        log_lines_dropped: house.events.log().dropped().values().sum(),
        process_cpu_ms: None,
    }
}

fn spread(histogram: &Histogram) -> Spread {
    let buckets = histogram.buckets().map(|(up_to, count)| Bucket { up_to, count });
    Spread { count: histogram.count(), sum: histogram.sum(), buckets: buckets.collect() }
}
