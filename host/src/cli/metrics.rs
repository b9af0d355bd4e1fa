//! `metrics`: figures for Prometheus, or as JSON.

use super::exit::ExitStatus;
use super::session::Session;
use crate::daemon::exposition;
use crate::daemon::requests::{Metrics, Ps};
use crate::problem::Problem;

/// Show the host's figures as Prometheus reads them
///
/// The control socket has the same at `/metrics`, and with `--per-vat` at `/metrics/vats`: `curl --unix-socket`. Counts are since the boot.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct MetricsArgs {
    /// Figures of each vat instead: of the thousand that took the most time, if there are more
    #[arg(long)]
    per_vat: bool,
}

pub(super) fn run(args: &MetricsArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let mut client = session.client()?;
    if args.per_vat {
        let ps: Ps = client.get("/v1/ps")?;
        session.answer(&ps, exposition::of_vats)?;
    } else {
        let metrics: Metrics = client.get("/v1/metrics")?;
        session.answer(&metrics, exposition::of_host)?;
    }
    Ok(ExitStatus::Ok)
}
