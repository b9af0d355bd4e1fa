//! The `ocap-host` command: powers, command line, exit status.

use std::process::ExitCode;

use ocap_host::cli::{self, ExitStatus};
use ocap_host::powers::Powers;

fn main() -> ExitCode {
    let outcome = std::panic::catch_unwind(|| cli::main(Powers::of_this_process(), std::env::args_os()));
    // The panic has been reported where it happened.
    outcome.unwrap_or(ExitStatus::Internal).into()
}
