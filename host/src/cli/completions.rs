//! `completions`: what a shell needs so that it completes this command line, with the names of what runs.

use clap::ValueEnum;
use clap_complete::env::Shells;

use super::exit::ExitStatus;
use super::session::Session;
use crate::problem::Problem;

/// The variable by which a shell says that it wants a line completed.
pub(super) const VARIABLE: &str = "COMPLETE";

/// Print the script by which a shell completes commands, options, and the names of what the host runs
///
/// The shell asks `ocap-host` itself each time; without a running host there are no names.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host completions bash > ~/.local/share/bash-completion/completions/ocap-host", "ocap-host completions fish > ~/.config/fish/completions/ocap-host.fish"]))]
pub(super) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// A shell that can be taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

pub(super) fn run(args: &CompletionsArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Zsh => "zsh",
    };
    let mut script = Vec::new();
    let shell = Shells::builtins();
    let shell = shell.completer(name).expect("it is one that the library knows");
    shell.write_registration(VARIABLE, "ocap-host", "ocap-host", "ocap-host", &mut script).expect("memory takes all");
    session.print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Ok)
}
