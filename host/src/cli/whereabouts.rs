//! `where`: the places of a home.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::exit::{self, ExitStatus};
use super::session::Session;
use super::table::table;
use crate::daemon::home::{CACHE, CONFIG, LOG, SOCKET, STORE};
use crate::problem::Problem;

/// Print where the home is, or one thing in it; whether it is there or not
#[derive(Debug, clap::Args)]
#[command(after_help = exit::with_examples(&["ocap-host where", "curl --unix-socket \"$(ocap-host where sock)\" http://localhost/v1/status"]))]
pub(super) struct WhereArgs {
    /// One place alone
    place: Option<PlaceName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlaceName {
    /// The home itself
    State,
    /// The control socket
    Sock,
    /// The log
    Log,
    /// Compiled code
    Cache,
    /// What the operator allows
    Config,
    /// The database
    Store,
}

/// Where things are.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "where")]
struct Places {
    state: PathBuf,
    sock: PathBuf,
    log: PathBuf,
    cache: PathBuf,
    config: PathBuf,
    store: PathBuf,
}

pub(super) fn run(args: &WhereArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let home = session.home_path();
    let at = |name: &str| home.join(name);
    let places = Places {
        state: home.to_owned(),
        sock: at(SOCKET),
        log: at(LOG),
        cache: at(CACHE),
        config: at(CONFIG),
        store: at(STORE),
    };
    session.answer(&places, |places| {
        let Places { state, sock, log, cache, config, store } = places;
        let named =
            [("state", state), ("sock", sock), ("log", log), ("cache", cache), ("config", config), ("store", store)];
        match args.place {
            Some(PlaceName::State) => state.display().to_string(),
            Some(PlaceName::Sock) => sock.display().to_string(),
            Some(PlaceName::Log) => log.display().to_string(),
            Some(PlaceName::Cache) => cache.display().to_string(),
            Some(PlaceName::Config) => config.display().to_string(),
            Some(PlaceName::Store) => store.display().to_string(),
            None => table(["WHAT", "WHERE"], named.map(|(name, path)| [name.to_owned(), path.display().to_string()])),
        }
    })?;
    Ok(ExitStatus::Ok)
}
