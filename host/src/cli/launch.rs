//! `launch`: new subclusters for a running host.

use std::path::PathBuf;

use super::confirm::Confirmation;
use super::exit::ExitStatus;
use super::plan;
use super::replace;
use super::session::Session;
use crate::daemon::requests::{IfChanged, LaunchBody, LaunchPlan, Launched, Origin};
use crate::problem::{Level, Problem};

/// Launch subclusters on the running host
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host launch subcluster.toml", "ocap-host launch --dry-run subcluster.toml", "ocap-host launch --if-changed upgrade matcher.ocap"]))]
pub(super) struct LaunchArgs {
    /// Declarations or bundles, launched one after the other; the first that is refused ends it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// If one runs already and something changed: refuse another declaration; end it with everything its vats keep and launch it anew,
    /// after a question; or upgrade vats whose components changed
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    if_changed: Changed,
    /// Check everything, change nothing, and show what would be launched with which authority
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

/// What to do with a subcluster that runs already, from another declaration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Changed {
    /// Say what differs, change nothing
    #[default]
    Refuse,
    /// Also if only a component changed: end it, with everything its vats keep, and launch it anew
    Replace,
    /// Give vats whose components changed the new code, with their state kept; refuse any other change
    Upgrade,
}

impl From<Changed> for IfChanged {
    fn from(changed: Changed) -> IfChanged {
        match changed {
            Changed::Refuse => IfChanged::Refuse,
            Changed::Replace => IfChanged::Replace,
            Changed::Upgrade => IfChanged::Upgrade,
        }
    }
}

pub(super) fn run(args: &LaunchArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let mut client = session.client()?;
    let mut status = ExitStatus::Ok;
    for file in &args.files {
        let body = LaunchBody {
            path: session.absolute(file)?,
            written: Some(file.display().to_string()),
            if_changed: args.if_changed.into(),
        };
        if args.dry_run {
            let plan: LaunchPlan = client.post("/v1/launch/plan", &body)?;
            session.answer_line(&plan, plan::text)?;
            continue;
        }
        if args.if_changed == Changed::Replace {
            replace::ask_running(&mut client, &body, file, &args.confirmation, session)?;
        }
        let launched: Launched = client.post("/v1/launch", &body)?;
        session.answer_line(&launched, text)?;
        for problem in &launched.problems {
            session.tell(problem);
        }
        if launched.problems.iter().any(|problem| problem.level == Level::Error) {
            status = ExitStatus::Degraded;
        }
    }
    Ok(status)
}

pub(super) fn text(launched: &Launched) -> String {
    let origin = match launched.origin {
        Origin::New => "launched",
        Origin::Known => "already here, goes on",
        Origin::Replaced => "launched anew, the old one has ended",
        Origin::Upgraded => {
            return format!(
                "{} ({}): goes on, with other code for {}",
                launched.name,
                launched.id,
                launched.upgraded.join(", ")
            );
        }
    };
    format!("{} ({}): {origin}, with {}", launched.name, launched.id, listed(&launched.vats))
}

/// The names, as long as there are not too many for a line.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_is_told_with_the_id_and_the_vats() {
        let launched = Launched {
            id: "s1".into(),
            name: "matcher".into(),
            origin: Origin::New,
            vats: vec!["matcher".into(), "index".into()],
            upgraded: vec![],
            problems: vec![],
        };
        assert_eq!(text(&launched), "matcher (s1): launched, with matcher, index");
    }

    #[test]
    fn a_thousand_vats_are_told_by_the_first_of_them_and_their_number() {
        let names: Vec<String> = (0..1_000).map(|vat| format!("c{vat}")).collect();
        let told = listed(&names);
        assert!(told.starts_with("c0, c1, ") && told.ends_with(", c19 and 980 more"), "{told}");
    }
}
