//! `man`: the pages of the manual, made from the command line itself.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_mangen::Man;

use super::exit::ExitStatus;
use super::session::Session;
use super::{Cli, exit};
use crate::problem::{Problem, printable};

/// Print a page of the manual, or write all of them
#[derive(Debug, clap::Args)]
#[command(after_help = exit::with_examples(&["ocap-host man | man -l -", "ocap-host man quarantine repair | man -l -", "ocap-host man --all ~/.local/share/man/man1"]))]
pub(super) struct ManArgs {
    /// Of which command; of `ocap-host` itself where absent
    #[arg(conflicts_with = "all")]
    command: Vec<String>,
    /// Write every page into this directory, which must be there
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, session: &Session) -> Result<ExitStatus, Problem> {
    match &args.all {
        Some(directory) => {
            let directory = session.absolute(directory)?;
            clap_mangen::generate_to(Cli::command(), &directory).map_err(|error| {
                let message = format!("the pages can't be written to {}", directory.display());
                Problem::new("ocap::cli::man", message).because(&error).with_help("name a directory that is there")
            })?;
        }
        None => session.print(&page(&args.command)?)?,
    }
    Ok(ExitStatus::Ok)
}

/// The page of a command in roff.
fn page(words: &[String]) -> Result<String, Problem> {
    let mut whole = Cli::command();
    whole.build();
    let mut command = &whole;
    for word in words {
        command = command.find_subcommand(word).ok_or_else(|| {
            Problem::new("ocap::usage::command", format!("there is no command `{}`", printable(&words.join(" "))))
                .with_help("`ocap-host --help` lists them")
        })?;
    }
    let mut roff = Vec::new();
    Man::new(command.clone()).render(&mut roff).expect("memory takes all");
    Ok(String::from_utf8_lossy(&roff).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<String, Problem> {
        page(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_command_has_a_page_under_its_whole_name() {
        assert!(of(&[]).expect("a page").contains(".TH ocap-host 1"), "{}", of(&[]).expect("a page"));
        let page = of(&["quarantine", "repair"]).expect("a page");
        assert!(page.contains("ocap\\-host\\-quarantine\\-repair") && page.contains("\\-\\-as\\-upgrade"), "{page}");
        assert_eq!(of(&["quarantine", "mend"]).expect_err("none").code, "ocap::usage::command");
    }
}
