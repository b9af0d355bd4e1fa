//! Who holds what, and how each came to: from the origins that the kernel keeps with each reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use ocap_kernel::{self as kernel, HeldView, Kernel, Kref, Origin, Sender, VatId};

use crate::daemon::requests::{
    CameBy, CapsOf, CapsOfBody, CapsWhy, CapsWhyBody, HeldCap, Hold, Holder, Link, Moment, RevokeBody, RevokePlan, Step,
};
use crate::problem::Problem;

use super::calls;
use super::house::House;
use super::revoke;
use super::ways::{Aim, Names, Way, holds, ways};

/// The most lines of an answer.
const LINES_MAX: usize = 1_000;
/// How much of the method of a message that waits is told.
const METHOD_CHARS_MAX: usize = 64;
/// The longest chain of givers that is told.
const LINKS_MAX: usize = 32;

/// Who holds the target, and by which grants and messages each came to.
///
/// # Errors
/// If there is no such target or holder.
pub(super) async fn why(house: &Arc<House>, body: CapsWhyBody) -> Result<CapsWhy, Problem> {
    house
        .act(move |run_loop, _| {
            let kernel = run_loop.kernel();
            let aim = Aim::find(kernel, &body.target)?;
            let holder = body.holder.as_deref().map(|label| calls::find_vat(kernel, label)).transpose()?;
            let names = Names::of(kernel);
            let found = Holders { kernel, names: &names, aim }.all(holder.map(|(vat, _)| vat));
            let what = names.aim(aim);
            let (holders, left_out) = cut(found);
            Ok(CapsWhy { target: body.target, what, holders, left_out })
        })
        .await?
}

/// What a vat holds.
///
/// # Errors
/// If there is no such vat.
pub(super) async fn of(house: &Arc<House>, body: CapsOfBody) -> Result<CapsOf, Problem> {
    house
        .act(move |run_loop, _| {
            let kernel = run_loop.kernel();
            let vat = match Aim::find(kernel, &body.vat)? {
                Aim::Vat(vat) => vat,
                Aim::Reference(_) => calls::find_vat(kernel, &body.vat)?.0,
            };
            let names = Names::of(kernel);
            let held = kernel.held(vat).filter(|held| !held.own).map(|held| held_cap(kernel, &names, vat, &held));
            let (caps, left_out) = cut(held.collect());
            Ok(CapsOf { vat: names.vat(vat), id: vat.to_string(), caps, left_out })
        })
        .await?
}

/// Who would lose what if this was revoked.
///
/// # Errors
/// If it names nothing, or something that can't be revoked.
pub(super) async fn revoke_plan(house: &Arc<House>, body: RevokeBody) -> Result<RevokePlan, Problem> {
    house
        .act(move |run_loop, _| {
            let kernel = run_loop.kernel();
            let (reference, already) = revoke::meant(kernel, &body)?;
            let names = Names::of(kernel);
            let aim = Aim::Reference(reference);
            let found = Holders { kernel, names: &names, aim }.all(None);
            let what = names.what(reference);
            let (holders, left_out) = cut(found.into_iter().filter(|holder| already || !holder.lost).collect());
            let messages = if already { 0 } else { messages_to(kernel, reference) };
            let (target, grant, reference) = (body.target, body.grant, reference.to_string());
            Ok(RevokePlan { target, grant, reference, what, already, holders, left_out, messages })
        })
        .await?
}

/// Messages that have not been begun and go to an object or came through it.
fn messages_to(kernel: &Kernel, reference: Kref) -> u64 {
    let goes = kernel.undelivered().filter(|(_, queue, message)| {
        let through = message.through.iter().any(|caretaker| Kref::Object(*caretaker) == reference);
        *queue != kernel::Queue::Host && (message.target == reference || through)
    });
    goes.count() as u64
}

fn cut<T>(mut lines: Vec<T>) -> (Vec<T>, u64) {
    let left_out = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    (lines, left_out as u64)
}

fn held_cap(kernel: &Kernel, names: &Names<'_>, vat: VatId, held: &HeldView<'_>) -> HeldCap {
    let ways = ways(kernel, held.kref);
    let mut ends: Vec<String> = ways.iter().map(|way| names.what(way.end)).collect();
    ends.dedup();
    HeldCap {
        reference: held.kref.to_string(),
        what: ends.join(", "),
        held: holds(held),
        lost: ways.iter().all(|way| way.lost),
        origin: link(names, vat, held.origin),
    }
}

/// Looks for everybody who holds something.
struct Holders<'k> {
    kernel: &'k Kernel,
    names: &'k Names<'k>,
    aim: Aim,
}

impl Holders<'_> {
    /// Vats first, by their numbers; then the host, unless one vat is meant.
    fn all(&self, only: Option<VatId>) -> Vec<Holder> {
        let vats = self.kernel.vats().map(|vat| vat.id).filter(|vat| only.is_none_or(|only| only == *vat));
        let mut found: Vec<Holder> = vats.flat_map(|vat| self.of_vat(vat)).collect();
        if only.is_none() {
            found.extend(self.of_host());
        }
        found
    }

    fn of_vat(&self, vat: VatId) -> Vec<Holder> {
        let held = self.kernel.held(vat).filter(|held| !held.own).filter_map(|held| {
            let way = self.way(held.kref)?;
            Some(self.holder(
                self.names.vat(vat),
                held.kref,
                &way,
                holds(&held),
                chain(self.kernel, self.names, vat, held.kref),
            ))
        });
        let mut found: Vec<Holder> = held.collect();
        let mut seen = BTreeSet::new();
        for (id, message) in self.kernel.waiting_for(vat) {
            for kref in message.args.caps.iter().copied().chain(message.answer.map(Kref::Resolver)) {
                if self.kernel.holds(vat, kref) || !seen.insert(kref) {
                    continue;
                }
                let Some(way) = self.way(kref) else { continue };
                let by = message.settler.unwrap_or(message.sender);
                let how = CameBy::Queued {
                    message: id.to_string(),
                    by: self.names.sender(by),
                    method: message.method.chars().take(METHOD_CHARS_MAX).collect(),
                };
                let mut links = vec![Link { holder: self.names.vat(vat), how, since: None }];
                if let Sender::Vat(giver) = by {
                    links.extend(chain(self.kernel, self.names, giver, kref));
                }
                found.push(self.holder(self.names.vat(vat), kref, &way, vec![Hold::Queued], links));
            }
        }
        found.iter_mut().for_each(|holder| holder.vat = Some(vat.to_string()));
        found
    }

    fn of_host(&self) -> Vec<Holder> {
        let kept = self.kernel.kept_by_host().filter_map(|(object, kref)| {
            let way = self.way(kref)?;
            let name = self.names.host_object(object);
            let links = vec![Link { holder: name.clone(), how: CameBy::Kept, since: None }];
            Some(self.holder(name, kref, &way, vec![Hold::Kept], links))
        });
        kept.collect()
    }

    fn way(&self, kref: Kref) -> Option<Way> {
        ways(self.kernel, kref).into_iter().find(|way| self.aim.is_met(self.kernel, kref, way))
    }

    fn holder(&self, holder: String, held: Kref, way: &Way, how: Vec<Hold>, chain: Vec<Link>) -> Holder {
        let step = |passed: &super::ways::Passed| Step {
            reference: passed.kref.to_string(),
            kind: passed.kind,
            lost: passed.lost,
        };
        Holder {
            holder,
            vat: None,
            reference: held.to_string(),
            object: way.end.to_string(),
            through: way.steps.iter().map(step).collect(),
            held: how,
            lost: way.lost,
            chain,
        }
    }
}

/// How a vat came to hold a reference, then how whoever gave it had come to, and so on, as far as that is known. A giver who came to hold
/// it only later than it gave it had it before, too, and let it go between.
fn chain(kernel: &Kernel, names: &Names<'_>, vat: VatId, kref: Kref) -> Vec<Link> {
    let mut links = Vec::new();
    let mut at = vat;
    let mut later: Option<&Origin> = None;
    while links.len() < LINKS_MAX {
        if !kernel.holds(at, kref) {
            links.push(let_go(names, at));
            break;
        }
        let origin = kernel.origin_of(at, kref);
        if let (Some(later), Some(origin)) = (later, origin)
            && came_after(origin, later)
        {
            links.push(let_go(names, at));
            break;
        }
        links.push(link(names, at, origin));
        let Some(giver) = origin.and_then(giver) else { break };
        (at, later) = (giver, origin);
    }
    links
}

fn let_go(names: &Names<'_>, vat: VatId) -> Link {
    Link { holder: names.vat(vat), how: CameBy::LetGo, since: None }
}

fn giver(origin: &Origin) -> Option<VatId> {
    match origin.how {
        kernel::How::Sent { by: Sender::Vat(vat), .. } | kernel::How::Answered { by: Some(Sender::Vat(vat)) } => {
            Some(vat)
        }
        _ => None,
    }
}

/// Whether one reference came to its holder after another did: by the messages that brought them, else by the time.
fn came_after(origin: &Origin, other: &Origin) -> bool {
    match (&origin.how, &other.how) {
        (kernel::How::Sent { message, .. }, kernel::How::Sent { message: other, .. }) => message >= other,
        _ => origin.since > other.since,
    }
}

fn link(names: &Names<'_>, vat: VatId, origin: Option<&Origin>) -> Link {
    let holder = names.vat(vat);
    let Some(Origin { how, since }) = origin else { return Link { holder, how: CameBy::Unknown, since: None } };
    let how = match how {
        kernel::How::Granted(name) => CameBy::Granted { grant: name.clone() },
        kernel::How::Exposed => CameBy::Exposed,
        kernel::How::Made => CameBy::Made,
        kernel::How::Asked { target } => CameBy::Asked { target: target.to_string() },
        kernel::How::Sent { message, by, to, method } => CameBy::Sent {
            message: message.to_string(),
            by: names.sender(*by),
            to: to.to_string(),
            method: method.clone(),
        },
        kernel::How::Answered { by } => CameBy::Answered { by: by.map(|by| names.sender(by)) },
    };
    let ms = (since.ms > 0).then_some(since.ms);
    Link { holder, how, since: Some(Moment { boot: since.boot, ms }) }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::Payload;

    use super::super::tests::pair;
    use super::*;

    const FIRST: VatId = VatId(1);
    const SECOND: VatId = VatId(2);

    fn root(kernel: &Kernel) -> Kref {
        kernel.root_of(SECOND).expect("a root")
    }

    #[test]
    fn a_list_that_would_be_too_long_says_how_much_is_left_out() {
        assert_eq!(cut(vec![(); LINES_MAX]).1, 0);
        let (lines, left_out) = cut((0..LINES_MAX + 500).collect());
        assert_eq!((lines.len(), lines[LINES_MAX - 1], left_out), (LINES_MAX, LINES_MAX - 1, 500));
    }

    #[test]
    fn a_revocation_answers_what_goes_to_an_object_or_came_through_it() {
        let mut kernel = pair();
        let caretaker = kernel.held(FIRST).find(|held| held.grant.is_some()).expect("a grant").kref;
        let root = root(&kernel);
        kernel.send(caretaker, "by the grant", Payload::plain([])).expect("it is there");
        kernel.send(root, "past it", Payload::plain([])).expect("it is there");
        assert_eq!((messages_to(&kernel, caretaker), messages_to(&kernel, root)), (1, 2));
    }

    #[test]
    fn the_host_comes_last_among_holders_and_not_at_all_where_one_vat_is_meant() {
        let mut kernel = pair();
        let pin = kernel.export("pin".to_owned());
        kernel.keep(pin, Some(root(&kernel))).expect("it is there");
        let names = Names::of(&kernel);
        let holders = Holders { kernel: &kernel, names: &names, aim: Aim::Vat(SECOND) };
        let found = holders.all(None);
        let who: Vec<&str> = found.iter().map(|holder| holder.holder.as_str()).collect();
        assert_eq!(who, ["web/v0", &format!("pin{}", pin.0)]);
        assert_eq!((found[1].vat.clone(), found[1].held.clone()), (None, vec![Hold::Kept]));
        assert_eq!(holders.all(Some(FIRST)).len(), 1);
        assert_eq!(holders.all(Some(SECOND)).len(), 0, "what is its own it does not hold");
    }

    #[test]
    fn a_message_that_waits_is_a_way_to_hold_and_tells_the_beginning_of_its_method() {
        let mut kernel = pair();
        let (first, second) = (kernel.root_of(FIRST).expect("a root"), root(&kernel));
        let args = Payload { body: b"".as_slice().into(), caps: vec![first] };
        kernel.send(second, &"m".repeat(100), args).expect("it is there");
        let names = Names::of(&kernel);
        let found = Holders { kernel: &kernel, names: &names, aim: Aim::Vat(FIRST) }.all(None);
        assert_eq!((found.len(), found[0].held.clone()), (1, vec![Hold::Queued]));
        let CameBy::Queued { by, method, .. } = &found[0].chain[0].how else { panic!("{:?}", found[0].chain) };
        assert_eq!((by.as_str(), method.len()), ("host", METHOD_CHARS_MAX));
    }
}
