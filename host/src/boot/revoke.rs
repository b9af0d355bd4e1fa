//! Revocation by the hand of the operator: an object, a resolver, or what a vat was granted.

use std::sync::Arc;

use ocap_kernel::{Code, Fate, Kernel, Kref, Promise, Refusal, VatId};

use crate::daemon::events::Whom;
use crate::daemon::requests::{GrantStatus, Happening, RevokeBody, Revoked, Since};
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::calls;
use super::house::House;

/// Takes back what is named; queued messages to it are answered `object-revoked`.
///
/// # Errors
/// If it names nothing, or something that can't be revoked.
pub(super) async fn revoke(house: &Arc<House>, body: RevokeBody) -> Result<Revoked, Problem> {
    let revoke = |run_loop: &mut RunLoop, _: &House| {
        let kernel = run_loop.kernel_mut();
        let since = match &body.grant {
            None => reference(kernel, &body.target)?,
            Some(grant) => granted(kernel, &body.target, grant)?,
        };
        Ok::<_, Problem>(Revoked { target: body.target, grant: body.grant, since })
    };
    let revoked = house.act(revoke).await??;
    if revoked.since == Since::Now {
        let Revoked { target, grant, .. } = revoked.clone();
        house.events.tell(Whom::HOST, Happening::Revoked { target, grant });
    }
    Ok(revoked)
}

fn reference(kernel: &mut Kernel, target: &str) -> Result<Since, Problem> {
    let Ok(kref) = target.parse::<Kref>() else { return Err(not_a_reference(kernel, target)) };
    let since = match kref {
        Kref::Object(object) => since(kernel.object(object).map(|row| row.fate)),
        Kref::Promise(_) | Kref::Resolver(_) => Since::Now,
    };
    match kernel.revoke(kref) {
        Ok(()) => Ok(since),
        Err(Refusal::NotRevocable(_)) => Err(is_a_promise(target)),
        Err(refusal) => Err(is_unknown(&refusal)),
    }
}

fn granted(kernel: &mut Kernel, label: &str, name: &str) -> Result<Since, Problem> {
    let (vat, _) = calls::find_vat(kernel, label)?;
    let since = since(kernel.grants(vat).find(|grant| grant.name == name).map(|grant| grant.fate));
    match kernel.revoke_grant(vat, name) {
        Ok(()) => Ok(since),
        Err(Refusal::NotRevocable(kref)) => Err(is_an_old_grant(label, name, kref)),
        Err(_) => Err(no_such_grant(kernel, vat, label, name)),
    }
}

/// What would be revoked, and whether it answers no more already. Nothing is done.
///
/// # Errors
/// As [`revoke`].
pub(super) fn meant(kernel: &Kernel, body: &RevokeBody) -> Result<(Kref, bool), Problem> {
    let Some(name) = &body.grant else {
        let Ok(kref) = body.target.parse::<Kref>() else { return Err(not_a_reference(kernel, &body.target)) };
        return match kref {
            Kref::Promise(promise) => match kernel.promise(promise) {
                Some(_) => Err(is_a_promise(&body.target)),
                None => Err(is_unknown(&Refusal::NoSuchReference(kref))),
            },
            Kref::Object(object) => match kernel.object(object) {
                Some(row) => Ok((kref, row.fate != Fate::Live)),
                None => Err(is_unknown(&Refusal::NoSuchReference(kref))),
            },
            Kref::Resolver(promise) => match kernel.promise(promise) {
                Some(row) => Ok((kref, !matches!(row, Promise::Unsettled { .. }))),
                None => Err(is_unknown(&Refusal::NoSuchReference(kref))),
            },
        };
    };
    let (vat, _) = calls::find_vat(kernel, &body.target)?;
    let grant = kernel.grants(vat).find(|grant| grant.name == name);
    let grant = grant.ok_or_else(|| no_such_grant(kernel, vat, &body.target, name))?;
    let caretaker = grant.caretaker.ok_or_else(|| is_an_old_grant(&body.target, name, grant.target))?;
    Ok((Kref::Object(caretaker), grant.fate != Fate::Live))
}

fn is_a_promise(target: &str) -> Problem {
    let message = format!("{target} is a promise: it has no owner who could take it back");
    let resolver = target.replacen("kp", "kr", 1);
    Problem::new("ocap::revoke::promise", message)
        .with_help(format!("break it instead, by its resolver: `ocap-host revoke {resolver}`"))
}

fn is_an_old_grant(label: &str, name: &str, kref: Kref) -> Problem {
    let message = format!("the grant `{name}` of vat `{label}` is older than grants that can be revoked");
    Problem::new("ocap::revoke::old_grant", message).with_help(format!(
        "revoke the object itself, for everybody: `ocap-host revoke {kref}`; or launch the subcluster anew"
    ))
}

fn is_unknown(refusal: &Refusal) -> Problem {
    Problem::new("ocap::target::unknown", refusal.to_string()).with_help(
        "a reference lasts as long as somebody holds it; `ocap-host status --format json` shows the grants of vats",
    )
}

fn since(fate: Option<Fate>) -> Since {
    match fate {
        Some(Fate::Lost(_)) => Since::Before,
        Some(Fate::Live) | None => Since::Now,
    }
}

/// A vat can't be revoked, but its grants can.
fn not_a_reference(kernel: &Kernel, target: &str) -> Problem {
    let Ok((vat, _)) = calls::find_vat(kernel, target) else {
        return Problem::new("ocap::usage::reference", format!("`{target}` is no reference"))
            .with_help("name an object like `ko7`, a resolver like `kr9`, or a vat and one of its grants");
    };
    let grants: Vec<String> = kernel.grants(vat).map(|grant| format!("`{}`", grant.name)).collect();
    let help = match grants.as_slice() {
        [] => "it was granted nothing".to_owned(),
        some => format!("name one of its grants, too: {}", some.join(", ")),
    };
    Problem::new("ocap::usage::reference", format!("`{target}` is a vat, not something that was given")).with_help(help)
}

fn no_such_grant(kernel: &Kernel, vat: VatId, label: &str, name: &str) -> Problem {
    let names: Vec<&str> = kernel.grants(vat).map(|grant| grant.name).collect();
    let help = match calls::nearest(name, names.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if names.is_empty() => "it was granted nothing".to_owned(),
        None => format!("its grants are {}", names.join(", ")),
    };
    Problem::new("ocap::revoke::no_such_grant", format!("vat `{label}` has no grant `{name}`")).with_help(help)
}

/// What a vat was granted, for operators.
pub(super) fn grants(kernel: &Kernel, vat: VatId) -> Vec<GrantStatus> {
    let grants = kernel.grants(vat).map(|grant| GrantStatus {
        name: grant.name.to_owned(),
        reference: grant.target.to_string(),
        revoked: grant.fate == Fate::Lost(Code::ObjectRevoked),
    });
    grants.collect()
}
