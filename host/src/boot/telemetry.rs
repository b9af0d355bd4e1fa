//! Where traces go, if they go anywhere: as the environment says, else `host.toml`.

use tokio::task::JoinHandle;

use crate::run_loop::Spans;

use super::house::House;

/// The variable by which every program with OpenTelemetry is told where its collector is.
#[cfg(feature = "otel")]
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Traces that are being sent.
pub(super) struct Sending {
    /// For the run loop.
    pub(super) spans: Spans,
    /// Ends when what the run loop said is sent.
    pub(super) task: JoinHandle<()>,
}

/// Begins to send traces, if somebody wants them. Within a tokio runtime. What is wrong with that is told and costs nothing else.
#[cfg(feature = "otel")]
pub(super) fn start(house: &House) -> Option<Sending> {
    let variable = house.powers.variable(ENDPOINT).filter(|value| !value.is_empty());
    let variable = variable.map(|value| value.to_string_lossy().into_owned());
    let endpoint = variable.or_else(|| house.config.telemetry.clone())?;
    let mut seed = [0; 8];
    let home = house.home.path().display().to_string();
    let started = match house.powers.fill_with_entropy(&mut seed) {
        Ok(()) => crate::telemetry::start(&endpoint, u64::from_ne_bytes(seed), &home, crate::daemon::VERSION),
        Err(error) => Err(crate::problem::Problem::new("ocap::telemetry::endpoint", "traces need random numbers")
            .because(&error)
            .with_help("the system gives none; restart it")),
    };
    match started {
        Ok(telemetry) => Some(Sending { spans: telemetry.spans, task: telemetry.sending }),
        Err(problem) => {
            house.notice(problem);
            None
        }
    }
}

/// This program can't send any, and says so to who asks for it.
#[cfg(not(feature = "otel"))]
pub(super) fn start(house: &House) -> Option<Sending> {
    if house.config.telemetry.is_some() {
        let message = "host.toml names a collector of traces, and this ocap-host was built without them";
        let problem = crate::problem::Problem::new("ocap::telemetry::not_built", message).with_help(
            "build it with them: `cargo build --workspace --features ocap-host/otel`; or remove `[telemetry]`",
        );
        house.notice(problem.as_advice());
    }
    None
}
