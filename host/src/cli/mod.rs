//! The command line: what a person types, and what they get to read.
//!
//! A command knows the control socket's types and nothing of vats. stdout carries the answer only; everything else is stderr's.

mod absence;
mod amounts;
mod build;
mod bundle;
mod call;
mod caps;
mod client;
mod completions;
mod config;
mod confirm;
mod db;
mod dead_letters;
mod dev;
mod doctor;
mod events;
mod exit;
mod explain;
mod graph;
mod hibernate;
mod inspect;
mod launch;
mod live;
mod logs;
mod man;
mod metrics;
mod new;
mod pins;
mod plan;
mod prune;
mod ps;
mod quarantine;
mod render;
mod replace;
mod reset;
mod restart;
mod revoke;
mod run;
mod schema;
mod session;
mod start;
mod status;
mod stop;
mod table;
mod terminate;
mod token;
mod top;
mod upgrade;
mod whereabouts;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::env::CompleteEnv;

use crate::powers::Powers;
use crate::problem::Problem;
use config::Origin;
pub use exit::ExitStatus;
use session::Session;

/// A host for persistent, capability-secure WebAssembly component vats
#[derive(Debug, Parser)]
#[command(name = "ocap-host", version, after_help = exit::HELP, disable_help_subcommand = true)]
struct Cli {
    /// Where the host keeps everything [default: ocap-host in the XDG state directory]
    #[arg(long, global = true, env = "OCAP_HOME", value_name = "DIR")]
    home: Option<PathBuf>,

    /// How answers and diagnostics are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(subcommand)]
    command: Command,
}

/// How answers and diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document an answer
    Json,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Start(start::StartArgs),
    Launch(launch::LaunchArgs),
    Call(call::CallArgs),
    Status(status::StatusArgs),
    Logs(logs::LogsArgs),
    Events(events::EventsArgs),
    Ps(ps::PsArgs),
    Inspect(inspect::InspectArgs),
    Top(top::TopArgs),
    Metrics(metrics::MetricsArgs),
    Hibernate(hibernate::HibernateArgs),
    Restart(restart::RestartArgs),
    Upgrade(upgrade::UpgradeArgs),
    Revoke(revoke::RevokeArgs),
    #[command(subcommand)]
    Caps(caps::CapsCommand),
    Graph(graph::GraphArgs),
    Terminate(terminate::TerminateArgs),
    Pin(pins::PinArgs),
    Pins(pins::PinsArgs),
    Unpin(pins::UnpinArgs),
    Stop(stop::StopArgs),
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    Prune(prune::PruneArgs),
    #[command(subcommand)]
    Db(db::DbCommand),
    Doctor(doctor::DoctorArgs),
    Reset(reset::ResetArgs),
    New(new::NewArgs),
    Build(build::BuildArgs),
    Dev(dev::DevArgs),
    Explain(explain::ExplainArgs),
    Where(whereabouts::WhereArgs),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(subcommand)]
    Token(token::TokenCommand),
    Schema(schema::SchemaArgs),
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
}

/// Does what the command line says; diagnostics have been shown when it returns.
pub fn main(powers: Powers, args: impl Iterator<Item = OsString>) -> ExitStatus {
    let args: Vec<OsString> = args.collect();
    // Help and version are answers, all else is a mistake. If nobody reads, there is nobody to tell.
    let misunderstood = |error: clap::Error| {
        let _ = error.print();
        if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Ok }
    };
    if powers.variable(completions::VARIABLE).is_some() {
        live::remember(powers, &args);
        match CompleteEnv::with_factory(Cli::command).bin("ocap-host").try_complete(args.clone(), None) {
            Ok(false) => {}
            Ok(true) => return ExitStatus::Ok,
            Err(error) => return misunderstood(error),
        }
    }
    let parsed = Cli::command().try_get_matches_from(args).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches.value_source("home")))
    });
    let (cli, source) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return misunderstood(error),
    };
    let origin = match source {
        Some(ValueSource::CommandLine) => Origin::Flag,
        Some(ValueSource::EnvVariable) => Origin::Environment { variable: "OCAP_HOME" },
        _ if powers.variable("XDG_STATE_HOME").is_some() => Origin::Environment { variable: "XDG_STATE_HOME" },
        _ => Origin::Default,
    };
    let session = Session::new(powers, cli.format).with_home_origin(origin);
    let home = cli.home.or_else(|| match &cli.command {
        // A package that is being written has a host of its own.
        Command::Dev(args) => Some(args.home()),
        _ => None,
    });
    let outcome = session.choose_home(home).and_then(|session| obey(&cli.command, &session));
    outcome.unwrap_or_else(|problem| {
        session.tell(&problem);
        ExitStatus::of(&problem)
    })
}

fn obey(command: &Command, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        Command::Run(args) => run::run(args, session),
        Command::Start(args) => start::run(args, session),
        Command::Launch(args) => launch::run(args, session),
        Command::Call(args) => call::run(args, session),
        Command::Status(args) => status::run(args, session),
        Command::Logs(args) => logs::run(args, session),
        Command::Events(args) => events::run(args, session),
        Command::Token(command) => token::run(command, session),
        Command::Schema(args) => schema::run(args, session),
        Command::Ps(args) => ps::run(args, session),
        Command::Inspect(args) => inspect::run(args, session),
        Command::Top(args) => top::run(args, session),
        Command::Metrics(args) => metrics::run(args, session),
        Command::Hibernate(args) => hibernate::run(args, session),
        Command::Restart(args) => restart::run(args, session),
        Command::Upgrade(args) => upgrade::run(args, session),
        Command::Revoke(args) => revoke::run(args, session),
        Command::Caps(command) => caps::run(command, session),
        Command::Graph(args) => graph::run(args, session),
        Command::Terminate(args) => terminate::run(args, session),
        Command::Pin(args) => pins::pin(args, session),
        Command::Pins(args) => pins::list(args, session),
        Command::Unpin(args) => pins::unpin(args, session),
        Command::New(args) => new::run(args, session),
        Command::Dev(args) => dev::run(args, session),
        Command::Build(args) => build::run(args, session),
        Command::Explain(args) => explain::run(args, session),
        Command::Bundle(command) => bundle::run(command, session),
        Command::Stop(args) => stop::run(args, session),
        Command::Quarantine(command) => quarantine::run(command, session),
        Command::Db(command) => db::run(command, session),
        Command::Where(args) => whereabouts::run(args, session),
        Command::Config(command) => config::run(command, session),
        Command::Completions(args) => completions::run(args, session),
        Command::Man(args) => man::run(args, session),
        Command::Prune(args) => prune::run(args, session),
        Command::Doctor(args) => doctor::run(args, session),
        Command::Reset(args) => reset::run(args, session),
        Command::DeadLetters(command) => dead_letters::run(command, session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command, at whatever depth.
    fn all_commands(command: &clap::Command) -> Vec<clap::Command> {
        let below = command.get_subcommands().flat_map(all_commands);
        std::iter::once(command.clone()).chain(below).collect()
    }

    #[test]
    fn every_example_in_the_help_is_understood() {
        let mut count = 0;
        for command in all_commands(&Cli::command()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let Some((_, examples)) = help.split_once("Examples:\n") else { continue };
            let examples = examples.split("\n\n").next().unwrap_or(examples).lines();
            for example in examples.filter_map(|line| line.trim().strip_prefix("ocap-host ")) {
                let words = example.split([' ', '|', '>']).take_while(|word| !word.is_empty());
                let words: Vec<&str> = std::iter::once("ocap-host").chain(words).collect();
                assert!(Cli::try_parse_from(&words).is_ok(), "{words:?}");
                count += 1;
            }
        }
        assert!(count > 15, "there are only {count} examples");
    }

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// The first words after `ocap-host` in every text of this crate that quotes a command.
    fn quoted_commands(directory: &std::path::Path, words: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                quoted_commands(&path, words);
                continue;
            }
            let text = std::fs::read_to_string(path).expect("a source");
            let quoted = text.split("`ocap-host ").skip(1).map(|rest| rest.trim_start_matches("--home DIR "));
            let word =
                |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>();
            words.extend(quoted.map(word).filter(|word| !word.is_empty() && !word.starts_with('-')));
        }
    }

    #[test]
    fn every_command_that_a_text_of_the_host_advises_exists() {
        let mut words = Vec::new();
        quoted_commands(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut words);
        assert!(words.len() > 20, "few commands are quoted: {words:?}");
        let command = Cli::command();
        let unknown: Vec<_> = words.iter().filter(|word| command.find_subcommand(word).is_none()).collect();
        assert!(unknown.is_empty(), "no such commands: {unknown:?}");
    }

    #[test]
    fn home_and_format_are_understood_before_and_after_the_command() {
        for line in ["ocap-host --home /h --format json status", "ocap-host status --home /h --format json"] {
            let cli = parse(line).expect("understood");
            assert_eq!(cli.home, Some("/h".into()));
            assert_eq!(cli.format, Format::Json);
        }
    }

    #[test]
    fn a_negative_number_is_an_argument_of_a_call_and_an_option_after_it_is_not() {
        let cli = parse("ocap-host call counter increment -5 --format jsonl").expect("understood");
        let Command::Call(call) = cli.command else { panic!("another command") };
        assert_eq!(call.args, ["-5"]);
        assert_eq!(cli.format, Format::Jsonl);
    }

    #[test]
    fn a_mistyped_verb_is_a_usage_error_with_a_suggestion() {
        let error = parse("ocap-host lanch x.toml").expect_err("mistyped");
        assert!(error.to_string().contains("launch"), "{error}");
        assert!(error.use_stderr());
    }
}
