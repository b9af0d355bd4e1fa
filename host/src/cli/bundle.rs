//! `bundle`: a subcluster with its components as one file.

use std::path::PathBuf;

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::bundle;
use crate::problem::Problem;

/// Pack a subcluster into one file, or look into one
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::HELP)]
pub(super) enum BundleCommand {
    /// Pack a declaration and its components, each by digest; the same input gives the same bytes
    Pack {
        /// The declaration
        #[arg(value_name = "SUBCLUSTER.toml")]
        declaration: PathBuf,
        /// Where the bundle goes
        #[arg(short, long, value_name = "X.ocap")]
        output: PathBuf,
    },
    /// Verify a bundle's digests and list what is in it
    Inspect {
        /// The bundle
        #[arg(value_name = "X.ocap")]
        bundle: PathBuf,
    },
}

pub(super) fn run(command: &BundleCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        BundleCommand::Pack { declaration, output } => {
            session.answer(&bundle::pack(declaration, output)?, |packed| escape(&packed.to_string()).into_owned())?;
        }
        BundleCommand::Inspect { bundle } => {
            session.answer(&bundle::inspect(bundle)?, |inspected| escape(&inspected.to_string()).into_owned())?;
        }
    }
    Ok(ExitStatus::Ok)
}
