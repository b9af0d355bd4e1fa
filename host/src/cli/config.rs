//! `config`: every setting in force, and where it comes from.

use serde::Serialize;

use super::exit::{self, ExitStatus};
use super::session::Session;
use super::table::table;
use crate::boot::settings::{self, Setting};
use crate::daemon::home::CONFIG;
use crate::problem::Problem;

/// Show every setting in force and where it comes from, or where the operator's file is
///
/// `host.toml` is read when a host starts: what was changed since is in force from the next start on, and that is said.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = exit::with_examples(&["ocap-host config list", "$EDITOR \"$(ocap-host config path)\""]))]
pub(super) enum ConfigCommand {
    /// Every setting, its value and its origin
    List,
    /// The path of host.toml, whether it is there or not
    Path,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Origin {
    /// Nobody said anything.
    Default,
    /// An option of this command.
    Flag,
    /// A variable of the environment.
    Environment {
        /// Which.
        variable: &'static str,
    },
    /// `host.toml`.
    File {
        /// The line of its key, from 1.
        line: u64,
    },
}

/// A setting with its origin.
#[derive(Debug, Serialize)]
struct Listed {
    key: String,
    value: String,
    origin: Origin,
}

/// The answer of `config list`.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "config")]
struct Listing {
    /// The path of host.toml.
    path: std::path::PathBuf,
    /// In a fixed order.
    settings: Vec<Listed>,
}

/// The answer of `config path`.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "config_path")]
struct ConfigPath {
    path: std::path::PathBuf,
}

pub(super) fn run(command: &ConfigCommand, session: &Session) -> Result<ExitStatus, Problem> {
    let path = session.home_path().join(CONFIG);
    match command {
        ConfigCommand::Path => session.answer(&ConfigPath { path }, |found| found.path.display().to_string())?,
        ConfigCommand::List => {
            let home = session.home()?;
            let mut settings = of_the_command(session);
            settings.extend(settings::list(home.as_ref())?.into_iter().map(of_the_file));
            session.answer(&Listing { path, settings }, text)?;
            let advice = home.as_ref().map(|home| settings::changed_since_start(home, session.powers()));
            advice.transpose()?.flatten().iter().for_each(|advice| session.tell(advice));
        }
    }
    Ok(ExitStatus::Ok)
}

fn of_the_command(session: &Session) -> Vec<Listed> {
    let is_set = |variable: &str| session.powers().variable(variable).is_some_and(|value| !value.is_empty());
    let by = |variable, is_set| if is_set { Origin::Environment { variable } } else { Origin::Default };
    let listed = |key: &str, value: String, origin| Listed { key: key.to_owned(), value, origin };
    let (no_colour, automation) = (is_set("NO_COLOR"), is_set("CI"));
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    vec![
        listed("home", session.home_path().display().to_string(), session.home_origin().clone()),
        listed("colour", yes(!no_colour), by("NO_COLOR", no_colour)),
        listed("questions", yes(!automation), by("CI", automation)),
    ]
}

fn of_the_file(setting: Setting) -> Listed {
    let Setting { key, value, line } = setting;
    Listed { key, value, origin: line.map_or(Origin::Default, |line| Origin::File { line }) }
}

fn text(listing: &Listing) -> String {
    let row = |setting: &Listed| {
        let origin = match &setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::Flag => "flag".to_owned(),
            Origin::Environment { variable } => format!("environment, {variable}"),
            Origin::File { line } => format!("{CONFIG}, line {line}"),
        };
        [setting.key.clone(), setting.value.clone(), origin]
    };
    table(["SETTING", "VALUE", "FROM"], listing.settings.iter().map(row))
}
