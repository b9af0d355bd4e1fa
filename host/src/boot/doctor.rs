//! `doctor`: everything is counted and checked again, in the kernel of a running host or in the store of a stopped one, and in the files of
//! the home; and mended, where nothing can be lost by it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ocap_kernel::{Body, Kernel, VatStatus};

use crate::component::{Blobs, UserFiles};
use crate::daemon::home::{BLOBS, STORE};
use crate::daemon::lock::{LOCKED, Lock};
use crate::daemon::requests::{Checkup, Counts, Subject};
use crate::daemon::{Home, processes};
use crate::powers::Powers;
use crate::problem::{Level, Problem};
use crate::run_loop::RunLoop;
use crate::store;

use super::house::{self, House};
use super::launch::blocking;
use super::prune::codes_of;
use super::remedies::Ward;
use super::{calls, circles, reasons, report};

/// Whether what can be mended is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// It is only said how.
    Told,
    /// It is done.
    Done,
}

/// Looks at the running host: its kernel on the loop's thread, its files beside.
///
/// # Errors
/// If the host stops first, or its home can't be read.
pub(super) async fn running(house: &Arc<House>, cure: Cure) -> Result<Checkup, Problem> {
    let of = |run_loop: &mut RunLoop, house: &House| {
        let kernel = run_loop.kernel();
        let mut findings = audited(kernel);
        let known = report::inventory(run_loop, house).all_problems();
        findings.extend(known.into_iter().filter(|problem| problem.level == Level::Error));
        findings.extend(dead_letters(kernel));
        (findings, counts(kernel), kernel.vats().flat_map(|vat| codes_of(vat.row)).collect::<Vec<Body>>())
    };
    let (findings, counts, codes) = house.act(of).await?;
    let looker = house.clone();
    blocking(move || {
        let House { home, blobs, files, .. } = &*looker;
        let cache = house::code_cache(home);
        let ward = Ward { home, blobs, files, cache: cache.as_ref(), subject: Subject::Running };
        let checkup = Checkup { findings, counts: Some(counts), ..Checkup::of(Subject::Running) };
        with_files(checkup, &ward, &codes, cure)
    })
    .await
}

/// Looks at a home that no host runs on; `None` if one does, or if one is starting or ending. Until it is done no host can start. Nothing is
/// changed but what is mended.
///
/// # Errors
/// If the home is not usable at all.
pub fn stopped(home: &Home, powers: Powers, cure: Cure) -> Result<Option<Checkup>, Problem> {
    let _lock = match Lock::take(home, &processes(powers)?, powers.now_ms()) {
        Ok(lock) => lock,
        Err(problem) if problem.code == LOCKED => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let (checkup, codes) = look(&home.path_of(STORE));
    let Ok(blobs) = home.dir().open_dir(BLOBS) else { return Ok(Some(checkup)) };
    let blobs = Blobs::as_it_is(blobs);
    let cache = house::code_cache(home);
    let files = UserFiles::ambient();
    let ward = Ward { home, blobs: &blobs, files: &files, cache: cache.as_ref(), subject: Subject::Stopped };
    with_files(checkup, &ward, &codes, cure).map(Some)
}

/// The same with what is wrong with the files.
fn with_files(mut checkup: Checkup, ward: &Ward<'_>, codes: &[Body], cure: Cure) -> Result<Checkup, Problem> {
    let unreadable = |error: io::Error| house::unusable(ward.home, "", &error);
    for ailment in ward.look(codes).map_err(unreadable)? {
        let treatment = ailment.treatment();
        let is_wrong = ailment.finding.level == Level::Error;
        match (cure, treatment) {
            (Cure::Done, Some(treatment)) => match ward.treat(&ailment) {
                Ok(()) => checkup.mended.push(treatment),
                Err(problem) => checkup.findings.extend([ailment.finding, problem]),
            },
            (Cure::Told, Some(treatment)) => {
                let help = format!("`ocap-host doctor --fix` does: {}", treatment.what);
                // What hinders nothing is no finding, and mended all the same.
                checkup.findings.extend(is_wrong.then(|| ailment.finding.with_help(help)));
                checkup.treatments.push(treatment);
            }
            (Cure::Told | Cure::Done, None) => checkup.findings.push(ailment.finding),
        }
    }
    Ok(checkup)
}

/// What the store says, and what it remembers of its vats' code.
fn look(path: &Path) -> (Checkup, Vec<Body>) {
    let of = |findings, counts| Checkup { findings, counts, ..Checkup::of(Subject::Stopped) };
    let inspected = match store::inspect(path) {
        Ok(Some(inspected)) => inspected,
        Ok(None) => return (of(Vec::new(), Some(Counts::default())), Vec::new()),
        Err(fault) => return (of(vec![Problem::from(&fault)], None), Vec::new()),
    };
    let mut findings: Vec<Problem> = inspected.damage.iter().map(Problem::from).collect();
    // It audits itself when it is loaded.
    match Kernel::load(inspected.state) {
        Ok(kernel) => {
            findings.extend(kernel.vats().filter_map(|vat| reasons::of(vat.row)));
            findings.extend(dead_letters(&kernel));
            let counts = counts(&kernel);
            (of(findings, Some(counts)), kernel.vats().flat_map(|vat| codes_of(vat.row)).collect())
        }
        Err(corrupt) => {
            findings.push(super::contradiction(path, &corrupt));
            (of(findings, None), Vec::new())
        }
    }
}
fn audited(kernel: &Kernel) -> Vec<Problem> {
    let of = |found: &(dyn std::error::Error + 'static)| {
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
