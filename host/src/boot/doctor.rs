//! `doctor`: everything is counted and checked again, in the kernel of a running host or in the store of a stopped one.

use std::path::Path;
use std::sync::Arc;

use ocap_kernel::{Kernel, VatStatus};

use crate::daemon::home::STORE;
use crate::daemon::lock::{LOCKED, Lock};
use crate::daemon::requests::{Checkup, Counts, Subject};
use crate::daemon::{Home, processes};
use crate::powers::Powers;
use crate::problem::{Level, Problem};
use crate::run_loop::RunLoop;
use crate::store;

use super::house::House;
use super::{calls, circles, code, report};

/// Looks at the running host, on the loop's thread.
///
/// # Errors
/// If the host stops first.
pub(super) async fn running(house: &Arc<House>) -> Result<Checkup, Problem> {
    let of = |run_loop: &mut RunLoop, house: &House| {
        let kernel = run_loop.kernel();
        let mut findings = audited(kernel);
        let known = report::inventory(run_loop, house).all_problems();
        findings.extend(known.into_iter().filter(|problem| problem.level == Level::Error));
        findings.extend(dead_letters(kernel));
        Checkup { subject: Subject::Running, findings, counts: Some(counts(kernel)) }
    };
    house.act(of).await
}

/// Looks at a home that no host runs on, and changes nothing; `None` if one does, or if one is starting or ending. Until it is done
/// no host can start.
///
/// # Errors
/// If the home is not usable at all.
pub fn stopped(home: &Home, powers: Powers) -> Result<Option<Checkup>, Problem> {
    match Lock::take(home, &processes(powers)?, powers.now_ms()) {
        Ok(_lock) => Ok(Some(look(&home.path_of(STORE)))),
        Err(problem) if problem.code == LOCKED => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn look(path: &Path) -> Checkup {
    let of = |findings, counts| Checkup { subject: Subject::Stopped, findings, counts };
    let inspected = match store::inspect(path) {
        Ok(Some(inspected)) => inspected,
        Ok(None) => return of(Vec::new(), Some(Counts::default())),
        Err(fault) => return of(vec![Problem::from(&fault)], None),
    };
    let mut findings: Vec<Problem> = inspected.damage.iter().map(Problem::from).collect();
    // It audits itself when it is loaded.
    match Kernel::load(inspected.state) {
        Ok(kernel) => {
            findings.extend(kernel.vats().filter_map(|vat| code::problem_of(vat.row)));
            findings.extend(dead_letters(&kernel));
            let counts = counts(&kernel);
            of(findings, Some(counts))
        }
        Err(corrupt) => {
            findings.push(super::contradiction(path, &corrupt));
            of(findings, None)
        }
    }
}

fn audited(kernel: &Kernel) -> Vec<Problem> {
    let of = |found: &dyn std::error::Error| {
        Problem::new("ocap::kernel::discrepancy", "the kernel's books do not agree with themselves").because(found).with_help(
            "this is a bug of ocap-host, please report it with a copy of the home; `ocap-host stop` and `ocap-host run` count everything anew",
        )
    };
    kernel.audit().err().map(|found| of(&found)).into_iter().collect()
}

fn dead_letters(kernel: &Kernel) -> Option<Problem> {
    let count = kernel.dead_letters().count();
    let said = match count {
        0 => return None,
        1 => "1 message was set aside and will never be delivered".to_owned(),
        _ => format!("{count} messages were set aside and will never be delivered"),
    };
    let help = "see which: `ocap-host dead-letters list`; when you have: `ocap-host dead-letters drop --all --yes`";
    Some(Problem::new("ocap::vat::dead_letters", said).with_help(help))
}

fn counts(kernel: &Kernel) -> Counts {
    let in_state =
        |is: fn(&VatStatus, bool) -> bool| kernel.vats().filter(|vat| is(&vat.row.status, vat.is_awake)).count() as u64;
    let label = |vat| kernel.vat(vat).map_or_else(|| vat.to_string(), |view| calls::label_of(kernel, view.row));
    Counts {
        subclusters: kernel.subclusters().count() as u64,
        idle: in_state(|status, is_awake| *status == VatStatus::Active && !is_awake),
        awake: in_state(|status, is_awake| *status == VatStatus::Active && is_awake),
        quarantined: in_state(|status, _| matches!(status, VatStatus::Quarantined(_))),
        ending: kernel.ending() as u64,
        promises: kernel.promises() as u64,
        queued: kernel.queued() as u64,
        dead_letters: kernel.dead_letters().count() as u64,
        suspected: kernel.suspected().count() as u64,
        circles: circles::among(kernel).into_iter().map(|vats| vats.into_iter().map(label).collect()).collect(),
    }
}
