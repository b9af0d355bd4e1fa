//! `new`: a vat to begin with.

use std::path::PathBuf;

use super::exit::ExitStatus;
use super::session::Session;
use crate::develop::{self, Made};
use crate::problem::Problem;

/// Make a new vat: a directory with a package that builds, passes its test and runs
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct NewArgs {
    /// The directory to make; its last part names the vat
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// The directory of the guest SDK [default: the one beside the sources of this program]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

pub(super) fn run(args: &NewArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let made = develop::make(&args.path, args.sdk.as_deref(), session.powers())?;
    session.answer(&made, |made| text(made, &args.path.display().to_string()))?;
    Ok(ExitStatus::Ok)
}

fn text(made: &Made, written: &str) -> String {
    let files: Vec<String> = made.files.iter().map(|file| format!("  {written}/{file}")).collect();
    format!(
        "made {}:\n{}\n\nnext:\n  cd {written}\n  cargo test\n  ocap-host build\n  ocap-host run subcluster.toml",
        made.directory,
        files.join("\n")
    )
}
