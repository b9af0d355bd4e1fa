//! A vat's code on its way from its record to the engine, and what is said when it can't get there.

use std::collections::BTreeMap;

use ocap_kernel::{Body, Kernel, Upgrade, Vat, VatId, VatStatus};

use crate::component::{CodeRecord, CodeSource, Digest, Place};
use crate::declaration::{Declaration, Hibernate, Recorded, VatLimits};
use crate::engine::{Code, Identity, Limits};
use crate::problem::Problem;
use crate::run_loop::{Charge, Hibernation, VatCode};

use super::house::House;

/// The code of all vats that could be made ready.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) codes: BTreeMap<VatId, VatCode>,
    /// The code before, of vats whose code is on trial.
    pub(super) fallbacks: BTreeMap<VatId, VatCode>,
}

/// Makes every vat's code ready, and quarantines the vats for which that fails. One that was in quarantine gets another chance, unless it
/// kills the host: then it waits for somebody to ask for it.
pub(super) async fn prepare_all(kernel: &mut Kernel, house: &House) -> Prepared {
    let mut prepared = Prepared::default();
    let vats: Vec<(VatId, Vat)> = kernel.vats().map(|vat| (vat.id, vat.row.clone())).collect();
    for (id, row) in vats {
        match for_vat(kernel, house, id, &row) {
            Ok(code) => {
                let is_deadly = problem_of(&row).is_some_and(|problem| problem.code == DEADLY);
                if row.status != VatStatus::Active && !is_deadly {
                    kernel.heal(id).expect("a living vat");
                }
                prepared.codes.insert(id, code);
            }
            Err(problem) => {
                crate::daemon::log::record(&problem);
                kernel.quarantine(id, reason(&problem)).expect("a living vat");
            }
        }
        // Without it a failure of the trial is the quarantine of the vat, and told then.
        if let Upgrade::Trial { before } = &row.upgrade
            && let Ok(code) = for_vat(kernel, house, id, &Vat { code: before.clone(), ..row.clone() })
        {
            prepared.fallbacks.insert(id, code);
        }
        tokio::task::yield_now().await;
    }
    prepared
}

/// What a living vat needs to be given a heap.
///
/// # Errors
/// The complete diagnostic.
pub(super) fn for_vat(kernel: &Kernel, house: &House, id: VatId, row: &Vat) -> Result<VatCode, Problem> {
    let recorded = house.declaration(kernel, row.subcluster)?;
    for_declared(house, &recorded, id, row)
}

/// The same with the declaration at hand, for a thread that has no kernel.
///
/// # Errors
/// The complete diagnostic.
pub(super) fn for_declared(house: &House, recorded: &Recorded, id: VatId, row: &Vat) -> Result<VatCode, Problem> {
    let declaration = &recorded.declaration;
    let record = CodeRecord::from_record(&row.code)
        .map_err(|fault| Problem::from(fault).of_vat(&declaration.name, &row.name))?;
    let place = Place::of(&declaration.name, &row.name, &record, declaration.component_span(&row.name));
    let code = prepare_recorded(house, &record, &place)?;
    let limits = house.config.limits(declaration, &row.name)?;
    Ok(VatCode {
        code,
        limits: engine_limits(&limits),
        identity: identity(house, id, row),
        hibernation: hibernation(declaration, &row.name),
        label: format!("{}/{}", declaration.name, row.name),
    })
}

/// The digest of a component by what the kernel keeps of it, in hexadecimal. Linked code has none that lasts.
pub(super) fn digest_of(record: &[u8]) -> Option<String> {
    match CodeRecord::from_record(record).ok()?.source {
        CodeSource::Stored { sha256, .. } => Some(sha256.hex()),
        CodeSource::Linked => None,
    }
}

/// Whether a vat leaves memory by itself.
pub(super) fn hibernation(declaration: &Declaration, vat: &str) -> Hibernation {
    match declaration.vats.get(vat).map(|declared| declared.hibernate) {
        Some(Hibernate::Never) => Hibernation::Never,
        Some(Hibernate::WhenIdle) | None => Hibernation::WhenIdle,
    }
}

fn prepare_recorded(house: &House, record: &CodeRecord, place: &Place) -> Result<Code, Problem> {
    if let CodeSource::Stored { sha256, .. } = &record.source
        && let Some(code) = house.compiled(sha256)
    {
        return Ok(code);
    }
    let bytes = record.load(&house.blobs, &house.files).map_err(|fault| place.diagnose(&fault))?;
    prepare(house, &bytes, place)
}

/// Makes a component ready to run.
///
/// # Errors
/// What is wrong with it, said of the vat that was to have it.
pub(super) fn prepare(house: &House, bytes: &[u8], place: &Place) -> Result<Code, Problem> {
    let digest = Digest::of(bytes);
    if let Some(code) = house.compiled(&digest) {
        return Ok(code);
    }
    let code = house.engine.prepare(bytes).map_err(|fault| place.problem(fault.code(), &fault.to_string()))?;
    house.keep_compiled(digest, code.clone());
    Ok(code)
}

pub(super) fn engine_limits(limits: &VatLimits) -> Limits {
    Limits { memory_bytes: limits.memory_bytes, crank: limits.crank, store_bytes: limits.store_bytes }
}

/// A diagnostic as the kernel keeps it for a quarantined vat.
pub(super) fn reason(problem: &Problem) -> Body {
    serde_json::to_vec(problem).expect("a problem is strings and numbers: it has a JSON form").into()
}

/// Why a vat is in quarantine, if it is.
pub(super) fn problem_of(row: &Vat) -> Option<Problem> {
    let VatStatus::Quarantined(reason) = &row.status else { return None };
    Some(problem_in(reason))
}

/// The reverse of [`reason`].
pub(super) fn problem_in(reason: &[u8]) -> Problem {
    let unreadable =
        || Problem::new("ocap::vat::quarantined", "the vat is quarantined, and the stored reason is damaged");
    serde_json::from_slice(reason).unwrap_or_else(|_| unreadable())
}

/// What a vat did itself, so that trying again without a change would only repeat it.
const OWN_DOING: [&str; 3] = ["ocap::component::start_failed", "ocap::vat::fails_for_all", DEADLY];

/// The code of a vat during whose deliveries, not just one of them, the process dies.
const DEADLY: &str = "ocap::vat::kills_the_host";

/// Whether a vat is in quarantine for something that it did itself.
pub(super) fn is_own_doing(problem: &Problem) -> bool {
    OWN_DOING.contains(&problem.code.as_str())
}

/// The diagnostic of a vat that the loop puts into quarantine.
pub(super) fn accuse(kernel: &Kernel, house: &House, vat: VatId, charge: Charge<'_>) -> Vec<u8> {
    let problem = match charge {
        Charge::Failed(cause) => accusation(kernel, house, vat, cause),
        Charge::NoCode => no_code(kernel, vat),
    };
    crate::daemon::log::record(&problem);
    reason(&problem).to_vec()
}

/// Whoever heals vats finds out what is wrong with the code, or nothing.
fn no_code(kernel: &Kernel, vat: VatId) -> Problem {
    let label = kernel.vat(vat).map_or_else(|| vat.to_string(), |view| super::calls::label_of(kernel, view.row));
    let message = format!("vat `{label}`: its new code failed its start, and the code before is not at hand");
    Problem::new("ocap::component::fallback_missing", message)
        .with_help(format!("try again: `ocap-host quarantine retry {label}`"))
}

fn accusation(kernel: &Kernel, house: &House, vat: VatId, cause: &str) -> Problem {
    let view = kernel.vat(vat).expect("the accused lives");
    let (code, what) = if view.is_awake {
        (OWN_DOING[1], "it trapped on messages of several senders with nothing finished between")
    } else {
        (OWN_DOING[0], "its start failed")
    };
    let mut problem = blamed(kernel, house, vat, code, what);
    problem.causes.extend(cause.lines().map(|line| line.trim().to_owned()));
    problem
}

fn blamed(kernel: &Kernel, house: &House, vat: VatId, code: &str, what: &str) -> Problem {
    let view = kernel.vat(vat).expect("the accused lives");
    let name = &view.row.name;
    let Ok(recorded) = house.declaration(kernel, view.row.subcluster) else {
        return Problem::new(code, format!("vat `{name}`: {what}"));
    };
    let declaration = &recorded.declaration;
    let label = format!("{}/{name}", declaration.name);
    let problem = match CodeRecord::from_record(&view.row.code) {
        Ok(record) => Place::of(&declaration.name, name, &record, declaration.component_span(name)).problem(code, what),
        Err(_) => Problem::new(code, format!("vat `{label}`: {what}")).of_vat(&declaration.name, name),
    };
    problem.with_help(format!(
        "see what it said: `grep {label} {}`, mend the component, then `ocap-host quarantine retry {label}`",
        house.home.path_of(crate::daemon::home::LOG).display()
    ))
}

/// The diagnostic of a vat that the host does not survive.
pub(super) fn deadly(kernel: &Kernel, house: &House, vat: VatId) -> Problem {
    let problem = blamed(kernel, house, vat, DEADLY, "the host died three times in a row while it ran alone");
    crate::daemon::log::record(&problem);
    problem
}

/// The code of a vat that has no number yet.
pub(super) struct NewCode {
    pub(super) code: Code,
    pub(super) limits: Limits,
    pub(super) hibernation: Hibernation,
}

/// What a vat that is being launched needs to be given a heap.
pub(super) fn provided(kernel: &Kernel, house: &House, id: VatId, new: NewCode) -> VatCode {
    let view = kernel.vat(id).expect("it was launched just now");
    let subcluster = kernel.subclusters().find(|(id, _)| *id == view.row.subcluster).map(|(_, row)| row.name.clone());
    let label = format!("{}/{}", subcluster.unwrap_or_default(), view.row.name);
    let NewCode { code, limits, hibernation } = new;
    VatCode { code, limits, identity: identity(house, id, view.row), hibernation, label }
}

fn identity(house: &House, vat: VatId, row: &Vat) -> Identity {
    Identity {
        vat,
        name: row.name.clone(),
        parameters: row.parameters.clone(),
        seed: house.seed(vat),
        upgraded_from: None,
    }
}
