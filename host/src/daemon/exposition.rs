//! Figures as Prometheus reads them: text, version 0.0.4.
//!
//! The host's own series are few and always the same. Series of single vats are only there when they are asked for, and at most
//! [`VATS_MAX`]: vats come and go, and each series that once was stays in a time-series database.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::requests::{Activity, Metrics, Ps, Spread, VatUsage};

/// The type of the text, for HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The most vats with series of their own: those that have taken the most time of workers.
pub const VATS_MAX: usize = 1_000;

/// The figures of the host.
pub fn of_host(metrics: &Metrics) -> String {
    let mut families = there_is(metrics);
    families.extend(was_done(metrics));
    text(families)
}

/// The figures of vats.
pub fn of_vats(ps: &Ps) -> String {
    let mut vats: Vec<&VatUsage> = ps.vats.iter().collect();
    vats.sort_by_key(|vat| std::cmp::Reverse(vat.busy_us));
    let left_out = vats.len().saturating_sub(VATS_MAX);
    vats.truncate(VATS_MAX);
    let of = |family: Family, number: fn(&VatUsage) -> f64| {
        let sample =
            |vat: &&VatUsage| (vec![("vat", vat.vat.clone()), ("id", vat.id.clone())], Sample::Number(number(vat)));
        Family { samples: vats.iter().map(sample).collect(), ..family }
    };
    text(vec![
        of(counter("vat_cranks", "Deliveries to the vat since the boot"), |vat| vat.cranks as f64),
        of(counter("vat_cranks_undone", "Deliveries to the vat that were undone since the boot"), |vat| {
            vat.undone as f64
        }),
        of(counter("vat_log_lines_dropped", "Lines of the vat that were dropped because it logs too much"), |vat| {
            vat.log_lines_dropped as f64
        }),
        of(in_unit(counter("vat_busy", "Time of workers that the vat took since the boot"), Unit::Seconds), |vat| {
            seconds(vat.busy_us)
        }),
        of(
            in_unit(gauge("vat_memory", "Linear memories and tables, as large as the vat made them"), Unit::Bytes),
            |vat| vat.memory_bytes as f64,
        ),
        of(gauge("vat_queued", "Messages and notices that wait for the vat"), |vat| vat.queued as f64),
        of(gauge("vat_incarnation", "The incarnation that was begun last"), |vat| vat.incarnation as f64),
        of(gauge("vat_served", "Whether the vat is served: 0 in quarantine and once it has ended"), |vat| {
            f64::from(!matches!(vat.state, Activity::Quarantined | Activity::Ending))
        }),
        gauge("vats_without_series", "Vats that were left out because there are too many").with(left_out as f64),
    ])
}

fn there_is(metrics: &Metrics) -> Vec<Family> {
    let figures = &metrics.figures;
    let vats = &figures.vats;
    let states = [
        (Activity::Running, vats.running),
        (Activity::Awake, vats.awake),
        (Activity::Idle, vats.idle),
        (Activity::Resting, vats.resting),
        (Activity::Quarantined, vats.quarantined),
        (Activity::Ending, vats.ending),
    ];
    let mut families = vec![
        gauge("build_info", "The version of the host").labelled([("version", metrics.version.clone(), 1.0)]),
        in_unit(gauge("uptime", "How long the host has run"), Unit::Seconds).with(figures.uptime_ms as f64 / 1e3),
        gauge("boot", "How often this home was started").with(metrics.boot as f64),
        gauge("subclusters", "Living subclusters").with(figures.subclusters as f64),
        gauge("vats", "Vats by what they are at")
            .labelled(states.map(|(state, count)| ("state", state.as_str().to_owned(), count as f64))),
        gauge("workers", "Threads that run vats").with(figures.workers as f64),
        gauge("queued", "Messages and notices that wait").with(figures.queued as f64),
        gauge("promises", "Promises that are not settled, or that somebody still holds").with(figures.promises as f64),
        gauge("dead_letters", "Messages that will never be delivered").with(figures.dead_letters as f64),
        in_unit(gauge("heap", "Memories and stores of vats between two deliveries"), Unit::Bytes)
            .with(figures.heap_bytes as f64),
        gauge("channels", "Channels by whether they work").labelled([
            ("state", "open".to_owned(), figures.channels_open as f64),
            ("state", "down".to_owned(), figures.channels_down as f64),
        ]),
        gauge("channel_connections", "Clients that are connected").with(figures.connections as f64),
        in_unit(gauge("store", "The store's file and its log"), Unit::Bytes).labelled([
            ("part", "file".to_owned(), figures.store_bytes as f64),
            ("part", "log".to_owned(), figures.store_log_bytes as f64),
        ]),
    ];
    let resident = |bytes: u64| {
        in_unit(gauge("process_resident_memory", "Memory that the process really has"), Unit::Bytes).with(bytes as f64)
    };
    families.extend(figures.resident_bytes.map(resident));
    families
}

fn was_done(metrics: &Metrics) -> Vec<Family> {
    let done = &metrics.since_boot;
    let outcomes = [
        ("applied", done.cranks_applied),
        ("undone", done.cranks_undone),
        ("quarantined", done.cranks_quarantined),
        ("rolled-back", done.cranks_rolled_back),
        ("stale", done.cranks_stale),
    ];
    let lines = [("in", done.lines_in), ("out", done.lines_out), ("torn", done.lines_torn)];
    let clients = [("attended", done.clients), ("refused", done.clients_refused), ("expelled", done.clients_expelled)];
    let labelled = |name: &'static str, counts: &[(&str, u64)]| {
        counts.iter().map(|(word, count)| (name, (*word).to_owned(), *count as f64)).collect::<Vec<_>>()
    };
    let mut families = vec![
        counter("cranks", "Cranks by what became of them").labelled(labelled("outcome", &outcomes)),
        in_unit(histogram("crank", "How long cranks took"), Unit::Seconds).spread(&done.crank_us, seconds),
        in_unit(histogram("commit", "How long commits took until they were durable"), Unit::Seconds)
            .spread(&done.commit_us, seconds),
        histogram("commit_cranks", "How many cranks each commit had")
            .spread(&done.commit_cranks, |number| number as f64),
        counter("messages_in", "Messages from outside: calls, lines, timers").with(done.messages_in as f64),
        counter("messages_out", "Messages of vats to objects of the host").with(done.messages_out as f64),
        counter("channel_lines", "Lines of channels by direction").labelled(labelled("direction", &lines)),
        counter("channel_clients", "Clients of channels by what became of them")
            .labelled(labelled("outcome", &clients)),
        counter("log_lines_dropped", "Lines of vats that were dropped because they log too much")
            .with(done.log_lines_dropped as f64),
    ];
    let cpu = |ms: u64| in_unit(counter("process_cpu", "CPU time of the process"), Unit::Seconds).with(ms as f64 / 1e3);
    families.extend(done.process_cpu_ms.map(cpu));
    families
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Series of one name.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    samples: Vec<(Vec<(&'static str, String)>, Sample)>,
}

#[derive(Debug)]
enum Sample {
    Number(f64),
    Spread { sum: f64, count: u64, buckets: Vec<(f64, u64)> },
}

fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, help, unit: None, kind: MetricType::Counter, samples: Vec::new() }
}

fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { kind: MetricType::Gauge, ..counter(name, help) }
}

fn histogram(name: &'static str, help: &'static str) -> Family {
    Family { kind: MetricType::Histogram, ..counter(name, help) }
}

fn in_unit(family: Family, unit: Unit) -> Family {
    Family { unit: Some(unit), ..family }
}

impl Family {
    fn with(self, number: f64) -> Family {
        Family { samples: vec![(Vec::new(), Sample::Number(number))], ..self }
    }

    fn labelled(self, numbers: impl IntoIterator<Item = (&'static str, String, f64)>) -> Family {
        let sample = |(name, value, number)| (vec![(name, value)], Sample::Number(number));
        Family { samples: numbers.into_iter().map(sample).collect(), ..self }
    }

    fn spread(self, spread: &Spread, scale: fn(u64) -> f64) -> Family {
        let buckets = spread.buckets.iter().map(|bucket| (bucket.up_to.map_or(f64::INFINITY, scale), bucket.count));
        let sample = Sample::Spread { sum: scale(spread.sum), count: spread.count, buckets: buckets.collect() };
        Family { samples: vec![(Vec::new(), sample)], ..self }
    }
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, unit, kind, samples } in &self.0 {
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), *kind)?;
            for (labels, sample) in samples {
                let mut metric = family.encode_family(labels)?;
                match (sample, kind) {
                    (Sample::Spread { sum, count, buckets }, _) => {
                        metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
                    }
                    (Sample::Number(number), MetricType::Counter) => {
                        metric.encode_counter::<NoLabelSet, _, f64>(number, None)?;
                    }
                    (Sample::Number(number), _) => metric.encode_gauge(number)?,
                }
            }
        }
        Ok(())
    }
}

fn text(families: Vec<Family>) -> String {
    let mut registry = Registry::with_prefix("ocap");
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a string takes everything");
    text
}
