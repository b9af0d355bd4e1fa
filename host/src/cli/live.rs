//! What a shell may complete with: names and numbers of what the running host has, asked for within a moment; nothing where no host runs.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::client::Client;
use super::session::Session;
use super::{Format, explain};
use crate::daemon::requests::{DeadLetters, Pins, Quarantine, Status, SubclusterStatus};
use crate::powers::Powers;

/// A person who waits for a list longer than this types on.
const PATIENCE: Duration = Duration::from_millis(400);

/// What this process may do, and the home that the line being completed names with `--home`: completers get nothing but a word.
static ASKED_FOR: OnceLock<(Powers, Option<PathBuf>)> = OnceLock::new();

/// Looks for `--home` in the words of a command line that is being completed.
pub(super) fn remember(powers: Powers, words: &[OsString]) {
    let mut after = words.iter().skip_while(|word| *word != "--home").skip(1);
    let joined = words.iter().find_map(|word| word.to_str()?.strip_prefix("--home="));
    let named = after.next().map(PathBuf::from).or(joined.map(PathBuf::from));
    // It is called once a process.
    let _ = ASKED_FOR.set((powers, named.or_else(|| powers.variable("OCAP_HOME").map(PathBuf::from))));
}

/// Subclusters and vats.
pub(super) fn targets() -> ArgValueCompleter {
    completer(|| {
        let there = subclusters_there()?;
        Some(there.iter().flat_map(|one| std::iter::once(one.name.clone()).chain(labels(one))).collect())
    })
}

/// Subclusters.
pub(super) fn subclusters() -> ArgValueCompleter {
    completer(|| Some(subclusters_there()?.into_iter().map(|one| one.name).collect()))
}

/// Vats, as `subcluster/vat`.
pub(super) fn vats() -> ArgValueCompleter {
    completer(|| Some(subclusters_there()?.iter().flat_map(labels).collect()))
}

/// Subclusters, vats and channels.
pub(super) fn anything() -> ArgValueCompleter {
    completer(|| {
        let mut names = Vec::new();
        for one in subclusters_there()? {
            names.extend(labels(&one));
            names.extend(one.channels.iter().map(|channel| format!("{}/{}", one.name, channel.name)));
            names.push(one.name);
        }
        Some(names)
    })
}

/// Vats in quarantine.
pub(super) fn quarantined() -> ArgValueCompleter {
    completer(|| {
        let quarantine: Quarantine = ask("/v1/quarantine")?;
        let label = |problem: crate::problem::Problem| Some(format!("{}/{}", problem.subcluster?, problem.vat?));
        Some(quarantine.problems.into_iter().filter_map(label).collect())
    })
}

/// Dead letters.
pub(super) fn dead_letters() -> ArgValueCompleter {
    completer(|| Some(ask::<DeadLetters>("/v1/dead-letters")?.letters.into_iter().map(|letter| letter.id).collect()))
}

/// Pins.
pub(super) fn pins() -> ArgValueCompleter {
    completer(|| Some(ask::<Pins>("/v1/pins")?.pins.into_iter().map(|pin| pin.id).collect()))
}

/// Codes of diagnostics; they need no host.
pub(super) fn codes() -> ArgValueCompleter {
    completer(|| Some(explain::all().iter().map(|one| one.code().to_owned()).collect()))
}

fn labels(subcluster: &SubclusterStatus) -> impl Iterator<Item = String> {
    subcluster.vats.iter().map(|vat| format!("{}/{}", subcluster.name, vat.name))
}

fn completer(names: fn() -> Option<Vec<String>>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let names = names().unwrap_or_default().into_iter().filter(|name| name.starts_with(&*typed));
        names.map(CompletionCandidate::new).collect::<Vec<_>>()
    })
}

fn subclusters_there() -> Option<Vec<SubclusterStatus>> {
    let Status { subclusters, .. } = ask("/v1/status?brief")?;
    Some(subclusters)
}

/// What the host answers, if there is one and it does so in time. Whatever is wrong is silence: a shell is no place for diagnostics.
fn ask<T: serde::de::DeserializeOwned>(path: &str) -> Option<T> {
    let (powers, named) = ASKED_FOR.get()?;
    let session = Session::new(*powers, Format::Json).choose_home(named.clone()).ok()?;
    Client::ask_within(&session, path, PATIENCE)
}
