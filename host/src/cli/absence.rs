//! Why nobody answers: what is left of a host that is not there, hangs or died says which.

use std::path::Path;

use cap_std::fs::Dir;

use super::exit::UNREACHABLE;
use crate::daemon::{Home, HostRecord, Phase, lock};
use crate::problem::Problem;

/// There is not even a home.
pub(super) fn no_home(path: &Path) -> Problem {
    Problem::new(UNREACHABLE, format!("no host runs: there is no home at {}", path.display()))
        .with_help("start it: `ocap-host start FILE`, or `ocap-host run FILE` in the foreground, or name its home: `ocap-host --home DIR ...`")
}

/// The socket did not answer, for this reason.
pub(super) fn explain(home: &Home, processes: &Dir, now_ms: u64, reason: String) -> Problem {
    match lock::holder(home, processes, now_ms) {
        Some(holder) => silent(home, holder, reason),
        None => absent(home),
    }
}

/// Somebody holds the lock: it starts, ends or hangs.
fn silent(home: &Home, holder: lock::Holder, reason: String) -> Problem {
    let message = format!("{} holds the home {} and does not answer", holder.sentence, home.path().display());
    let mut problem = Problem::new(UNREACHABLE, message);
    problem.causes.push(format!("its control socket: {reason}"));
    problem.causes.extend(holder.unknown);
    let log = home.path_of(crate::daemon::home::LOG);
    let end = home.command("stop --force");
    problem.with_help(format!("if that stays so, see the end of {}, and end it: `{end}`", log.display()))
}

/// Nobody holds the lock: there was no host, it stopped, it failed, or it died.
pub(super) fn absent(home: &Home) -> Problem {
    let mut problem = Problem::new(UNREACHABLE, format!("no host runs on the home {}", home.path().display()));
    match HostRecord::read(home) {
        Ok(Some(record)) => problem.causes.extend(last_words(&record)),
        Ok(None) => {}
        Err(error) => problem.causes.push(format!("what the last one left can't be read: {error}")),
    }
    problem.with_help(format!("start it: `{}`, or `{}` in the foreground", home.command("start"), home.command("run")))
}

fn last_words(record: &HostRecord) -> Vec<String> {
    match record.phase {
        Phase::Stopped => Vec::new(),
        Phase::Failed => {
            let pid = record.process.pid;
            let step = record.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
            let mut causes = vec![format!("the last one, process {pid}, failed{step}; its log is {}", record.log)];
            if let Some(problem) = &record.problem {
                causes.push(format!("{}: {}", problem.code, problem.message));
                causes.extend(problem.causes.iter().cloned());
                causes.extend(problem.help.iter().map(|help| format!("to mend it: {help}")));
            }
            causes
        }
        Phase::Starting | Phase::Ready | Phase::Stopping => {
            vec![format!("the last one, {}; its log is {}", record.death(), record.log)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::test_home;
    use crate::powers::Powers;

    /// What is said when the socket is not there, and the record in the home is this.
    fn explained(change: impl FnOnce(&mut HostRecord)) -> (Problem, HostRecord) {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let mut record = HostRecord::starting(&home, &processes, 1_000).expect("a record");
        change(&mut record);
        record.write(&home).expect("written");
        (explain(&home, &processes, 41_000, "no such file".into()), record)
    }

    #[test]
    fn a_host_that_hangs_while_it_starts_is_named_with_its_step() {
        let (problem, record) = explained(|record| record.step = Some("open the store".into()));
        let who = format!("process {}, starting (open the store) for 40 s holds the home", record.process.pid);
        assert!(problem.message.contains(&who), "{}", problem.message);
        assert_eq!(problem.causes, ["its control socket: no such file"]);
        assert_eq!(problem.code, UNREACHABLE);
    }

    #[test]
    fn a_host_that_died_while_it_started_is_named_with_its_step() {
        let (problem, record) = explained(|record| {
            record.process.started_ticks += 1;
            record.step = Some("open the store".into());
        });
        assert!(problem.message.starts_with("no host runs on the home "), "{}", problem.message);
        let died = format!("the last one, process {}, died while it was starting (open the store)", record.process.pid);
        assert!(problem.causes[0].starts_with(&died), "{:?}", problem.causes);
        assert!(problem.help.expect("help").contains(" start`"));
    }

    #[test]
    fn a_host_that_failed_left_its_reason() {
        let (problem, _) = explained(|record| {
            record.process.started_ticks += 1;
            record.phase = Phase::Failed;
            record.problem = Some(Problem::new("ocap::store::corrupt", "the store is damaged").with_help("restore it"));
        });
        assert_eq!(problem.causes[1], "ocap::store::corrupt: the store is damaged");
        assert_eq!(problem.causes[2], "to mend it: restore it");
    }

    #[test]
    fn a_host_that_stopped_is_not_made_a_case_of() {
        let (problem, _) = explained(|record| {
            record.process.started_ticks += 1;
            record.phase = Phase::Stopped;
        });
        assert_eq!(problem.causes, Vec::<String>::new());
    }
}
