//! `build`: components out of a package.

use std::path::PathBuf;

use super::exit::ExitStatus;
use super::session::Session;
use super::table::table;
use crate::component::UserFiles;
use crate::develop::{self, Built};
use crate::problem::Problem;

/// Build the vats of a package in Rust, and check that this host can run them
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct BuildArgs {
    /// The directory with `Cargo.toml` and `subcluster.toml`
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub(super) fn run(args: &BuildArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let built = develop::build(&args.directory, session.powers(), &UserFiles::ambient())?;
    session.answer(&built, text)?;
    Ok(ExitStatus::Ok)
}

fn text(built: &Built) -> String {
    let rows = built.vats.iter().map(|vat| [vat.vat.clone(), vat.bytes.to_string(), vat.path.clone()]);
    table(["VAT", "BYTES", "COMPONENT"], rows)
}
