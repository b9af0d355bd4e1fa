//! `bundle`: a subcluster with its components as one file.

use std::path::PathBuf;

use serde::Serialize;

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::bundle::{self, Bundle, Listing};
use crate::component::UserFiles;
use crate::problem::Problem;

/// Pack a subcluster into one file, or look into one
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::with_examples(&["ocap-host bundle pack subcluster.toml -o matcher.ocap", "ocap-host bundle inspect matcher.ocap"]))]
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

/// What is in a bundle, as it is written.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "bundle")]
struct BundleAnswer {
    #[serde(flatten)]
    listing: Listing,
}

pub(super) fn run(command: &BundleCommand, session: &Session) -> Result<ExitStatus, Problem> {
    let files = UserFiles::ambient();
    let listing = match command {
        BundleCommand::Pack { declaration, output } => bundle::pack(declaration, output, &files)?,
        BundleCommand::Inspect { bundle } => Bundle::inspect(bundle, &files)?,
    };
    session.answer(&BundleAnswer { listing }, |answer| escape(&answer.listing.to_string()).into_owned())?;
    Ok(ExitStatus::Ok)
}
