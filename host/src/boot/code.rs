//! A vat's code on its way from its record to the engine, and what is said when it can't get there.

use std::collections::BTreeMap;

use ocap_kernel::{Kernel, Upgrade, Vat, VatId};

use crate::component::{CodeRecord, CodeSource, Digest, Place};
use crate::declaration::{Declaration, Hibernate, Recorded, VatLimits};
use crate::engine::{Code, Identity, Limits};
use crate::problem::Problem;
use crate::run_loop::{Hibernation, VatCode};

use super::house::House;
use super::reasons;

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
        match (for_vat(kernel, house, id, &row), reasons::of(&row)) {
            // Whatever else is wrong with it by now. An earlier host may have told less of it.
            (code, Some(problem)) if problem.code == reasons::DEADLY => {
                reasons::set_aside(kernel, house, id, problem);
                prepared.codes.extend(code.ok().map(|code| (id, code)));
            }
            (Ok(code), reason) => {
                if reason.is_some() {
                    reasons::remember(kernel, house, id);
                    kernel.heal(id).expect("a living vat");
                }
                prepared.codes.insert(id, code);
            }
            (Err(problem), _) => reasons::set_aside(kernel, house, id, problem),
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
