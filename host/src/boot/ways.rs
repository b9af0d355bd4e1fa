//! From a reference to what it leads to, and what all that is called.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::{Answer, Fate, HeldView, Kernel, Kref, Object, ObjectId, Owner, Promise, Sender, VatId};

use crate::daemon::requests::{Hold, StepKind};
use crate::problem::Problem;
use crate::services;

use super::{calls, channels, keyed};

/// The most ways that are followed from one reference: a promise may have ended with very many.
const WAYS_MAX: usize = 100;

/// One way from a reference to an end: an object that answers itself, a promise that is not settled, or a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// What is passed, nearest first: the reference itself unless it is the end.
    pub(super) steps: Vec<Passed>,
    pub(super) end: Kref,
    /// Whether something on the way, or its end, answers no more.
    pub(super) lost: bool,
}

/// Something that is passed on a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) kref: Kref,
    pub(super) kind: StepKind,
    pub(super) lost: bool,
}

/// All ways from a reference: one, unless a promise on it ended with data that mentions several.
pub(super) fn ways(kernel: &Kernel, from: Kref) -> Vec<Way> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([from]);
    let mut todo = vec![Way { steps: Vec::new(), end: from, lost: false }];
    while let Some(mut way) = todo.pop() {
        let Some((kind, targets)) = onward(kernel, way.end) else {
            way.lost |= is_lost(kernel, way.end);
            found.push(way);
            continue;
        };
        let lost = is_lost(kernel, way.end);
        way.steps.push(Passed { kref: way.end, kind, lost });
        for target in targets {
            if seen.len() < WAYS_MAX && seen.insert(target) {
                todo.push(Way { steps: way.steps.clone(), end: target, lost: way.lost || lost });
            }
        }
    }
    found
}

/// What a message to a reference goes on to, or what the data of a promise gives.
fn onward(kernel: &Kernel, at: Kref) -> Option<(StepKind, Vec<Kref>)> {
    match at {
        Kref::Object(object) => match &kernel.object(object)?.owner {
            Owner::Caretaker { target } => Some((StepKind::Caretaker, vec![*target])),
            Owner::Vat(..) | Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) | Owner::Revoker(_) => {
                None
            }
        },
        Kref::Promise(promise) => match kernel.promise(promise)? {
            Promise::Settled(Answer::Forward(target)) => Some((StepKind::Promise, vec![*target])),
            Promise::Settled(Answer::Fulfill(payload) | Answer::Break(payload)) if !payload.caps.is_empty() => {
                Some((StepKind::Promise, payload.caps.clone()))
            }
            Promise::Settled(_) | Promise::Unsettled { .. } | Promise::Failed(_) => None,
        },
        Kref::Resolver(_) => None,
    }
}

/// Whether what is sent there is answered with a loss. An object without a row is one that its caretaker has let go of.
fn is_lost(kernel: &Kernel, at: Kref) -> bool {
    match at {
        Kref::Object(object) => kernel.object(object).is_none_or(|row| row.fate != Fate::Live),
        Kref::Promise(_) | Kref::Resolver(_) => false,
    }
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// A vat: any of its objects.
    Vat(VatId),
    /// One reference, a channel's or a service's object among them.
    Reference(Kref),
}

impl Aim {
    /// `subcluster`, `subcluster/vat`, `subcluster/io.llm`, `subcluster/service.timer`, a channel as `status` names it, or a reference.
    ///
    /// # Errors
    /// If there is no such thing, with what may have been meant.
    pub(super) fn find(kernel: &Kernel, text: &str) -> Result<Aim, Problem> {
        if let Ok(kref) = text.parse::<Kref>() {
            return match exists(kernel, kref) {
                true => Ok(Aim::Reference(kref)),
                false => Err(Problem::new("ocap::target::unknown", format!("there is no {kref}")).with_help(
                    "a reference lasts as long as somebody holds it; `ocap-host caps of VAT` lists what a vat holds",
                )),
            };
        }
        let Some((subcluster, part)) = text.split_once('/') else {
            return Ok(Aim::Vat(calls::find_subcluster(kernel, text)?.1.bootstrap));
        };
        let vat = calls::find_vat(kernel, text);
        match (vat, host_object(kernel, subcluster, part)) {
            (Ok((vat, _)), _) => Ok(Aim::Vat(vat)),
            (Err(_), Some(object)) => Ok(Aim::Reference(Kref::Object(object))),
            (Err(problem), None) => Err(problem),
        }
    }

    /// Whether who holds `held`, from which the way leads, holds what is asked for.
    pub(super) fn is_met(self, kernel: &Kernel, held: Kref, way: &Way) -> bool {
        match self {
            Aim::Vat(vat) => owner_of(kernel, way.end) == Some(vat),
            Aim::Reference(kref) => {
                kref == held || kref == way.end || way.steps.iter().any(|passed| passed.kref == kref)
            }
        }
    }
}

fn exists(kernel: &Kernel, kref: Kref) -> bool {
    match kref {
        Kref::Object(object) => kernel.object(object).is_some(),
        Kref::Promise(promise) | Kref::Resolver(promise) => kernel.promise(promise).is_some(),
    }
}

/// A declared channel or a service of a subcluster.
fn host_object(kernel: &Kernel, subcluster: &str, part: &str) -> Option<ObjectId> {
    let name = match part.strip_prefix("service.") {
        Some(service) => services::Name::of_service(subcluster, service),
        None => channels::object_name(subcluster, part.strip_prefix("io.").unwrap_or(part)),
    };
    kernel.host_objects().find(|(_, there)| *there == name).map(|(object, _)| object)
}

/// The vat whose object it is.
pub(super) fn owner_of(kernel: &Kernel, kref: Kref) -> Option<VatId> {
    let Kref::Object(object) = kref else { return None };
    match kernel.object(object)?.owner {
        Owner::Vat(vat, _) => Some(vat),
        _ => None,
    }
}

/// In which ways a vat holds a reference.
pub(super) fn holds(held: &HeldView<'_>) -> Vec<Hold> {
    let ways = [(held.grant.is_some(), Hold::Grant), (held.stored > 0, Hold::Stored), (held.handle, Hold::Handle)];
    ways.into_iter().filter(|(is_so, _)| *is_so).map(|(_, hold)| hold).collect()
}

/// What vats and objects are called.
pub(super) struct Names<'k> {
    kernel: &'k Kernel,
    vats: BTreeMap<VatId, String>,
}

impl<'k> Names<'k> {
    pub(super) fn of(kernel: &'k Kernel) -> Names<'k> {
        let subclusters: BTreeMap<_, _> = kernel.subclusters().collect();
        let label = |subcluster, name: &str| match subclusters.get(subcluster) {
            Some(row) => format!("{}/{name}", row.name),
            None => format!("?/{name}"),
        };
        let vats = kernel.vats().map(|vat| (vat.id, label(&vat.row.subcluster, &vat.row.name))).collect();
        Names { kernel, vats }
    }

    /// `matcher/index`, or of a vat that has ended its number.
    pub(super) fn vat(&self, vat: VatId) -> String {
        self.vats.get(&vat).cloned().unwrap_or_else(|| format!("{vat}, which has ended"))
    }

    /// The same, or `host`.
    pub(super) fn sender(&self, sender: Sender) -> String {
        match sender {
            Sender::Vat(vat) => self.vat(vat),
            Sender::Host => "host".to_owned(),
        }
    }

    /// What a reference is, in words.
    pub(super) fn what(&self, kref: Kref) -> String {
        match kref {
            Kref::Object(object) => match self.kernel.object(object) {
                Some(row) => self.what_of(object, row),
                None => "an object that is gone".to_owned(),
            },
            Kref::Promise(promise) => match self.kernel.promise(promise) {
                Some(Promise::Unsettled { .. }) => "a promise that is not settled".to_owned(),
                Some(Promise::Settled(_) | Promise::Failed(_)) | None => "a promise that is settled".to_owned(),
            },
            Kref::Resolver(promise) => format!("the right to settle {promise}"),
        }
    }

    fn what_of(&self, object: ObjectId, row: &Object) -> String {
        match &row.owner {
            Owner::Vat(vat, exposed) if exposed.object == 0 => format!("the root of {}", self.vat(*vat)),
            Owner::Vat(vat, exposed) => format!("object {} of {}", exposed.object, self.vat(*vat)),
            Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) => {
                HostName::of(object, row).map_or_else(String::new, |name| name.to_string())
            }
            Owner::Caretaker { target } => format!("a caretaker of {target}"),
            Owner::Revoker(caretaker) => format!("the right to revoke {caretaker}"),
        }
    }

    /// What is asked about, in words.
    pub(super) fn aim(&self, aim: Aim) -> String {
        match aim {
            Aim::Vat(vat) => format!("vat {}", self.vat(vat)),
            Aim::Reference(kref) => self.what(kref),
        }
    }

    /// What of the host an object is: `channel matcher/llm`, `pin7`.
    pub(super) fn host_object(&self, object: ObjectId) -> String {
        self.kernel.object(object).map_or_else(|| object.to_string(), |row| self.what_of(object, row))
    }
}

/// An object of the host, by the name that it has in the kernel's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostName {
    Channel(String),
    Connection(String),
    Service(String),
    Timer(String),
    Pin(ObjectId),
    /// A call under this key, which keeps the promise of its answer.
    Call(String),
    Other(String),
}

impl HostName {
    /// The name of an object of the host; `None` for other objects.
    pub(super) fn of(object: ObjectId, row: &Object) -> Option<HostName> {
        let (Owner::Host(name) | Owner::HostWhileHeld(name)) = &row.owner else {
            let Owner::HostUntilBoot(name) = &row.owner else { return None };
            return Some(HostName::Connection(name.clone()));
        };
        if let Some(key) = keyed::key_of(name) {
            return Some(HostName::Call(key));
        }
        let (kind, rest) = name.split_once('/').unwrap_or((name, ""));
        Some(match kind {
            "channel" => HostName::Channel(rest.to_owned()),
            "service" => HostName::Service(rest.to_owned()),
            "timer" => HostName::Timer(rest.to_owned()),
            "pin" => HostName::Pin(object),
            _ => HostName::Other(name.clone()),
        })
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HostName::Channel(name) => write!(f, "channel {name}"),
            HostName::Connection(name) => write!(f, "connection {name}"),
            HostName::Service(name) => write!(f, "service {name}"),
            HostName::Timer(name) => write!(f, "timer {name}"),
            HostName::Pin(object) => write!(f, "pin{}", object.0),
            HostName::Call(key) => write!(f, "keyed call {key}"),
            HostName::Other(name) => write!(f, "host object {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::{Payload, PromiseId, Reply};

    use super::super::tests::pair;
    use super::*;

    const FIRST: VatId = VatId(1);
    const SECOND: VatId = VatId(2);

    fn granted(kernel: &Kernel) -> Kref {
        kernel.held(FIRST).find(|held| held.grant.is_some()).expect("a grant").kref
    }

    /// The promise of an answer with these references.
    fn answered_with(kernel: &mut Kernel, caps: Vec<Kref>) -> Kref {
        let door = kernel.export("door".to_owned());
        let kept = kernel.ask_and_keep(Kref::Object(door), "get", Payload::plain([]), "call".to_owned());
        let kept = kept.expect("the door is there");
        let call = kernel.unanswered_calls().pop().expect("it was asked just now");
        kernel.answer_call(call.id, Reply::Settle(Answer::Fulfill(Payload { body: b"".as_slice().into(), caps })));
        kernel.kept_by(kept).expect("it keeps the promise")
    }

    #[test]
    fn a_grant_leads_through_its_caretaker_until_it_is_revoked() {
        let mut kernel = pair();
        let held = granted(&kernel);
        let end = kernel.root_of(SECOND).expect("a root");
        let caretaker = |lost| Passed { kref: held, kind: StepKind::Caretaker, lost };
        assert_eq!(ways(&kernel, held), [Way { steps: vec![caretaker(false)], end, lost: false }]);
        kernel.revoke_grant(FIRST, "vat.v1").expect("it was granted");
        let [way] = &ways(&kernel, held)[..] else { panic!("there is one way") };
        assert_eq!((way.lost, way.end), (true, end), "it is known where it led");
    }

    #[test]
    fn an_answer_with_very_many_references_is_followed_as_far_as_is_told() {
        let mut kernel = pair();
        let caps: Vec<Kref> = (0..300).map(|number| Kref::Object(kernel.export(format!("pin/{number}")))).collect();
        let promise = answered_with(&mut kernel, caps);
        let found = ways(&kernel, promise);
        assert_eq!(found.len(), WAYS_MAX - 1);
        assert!(found.iter().all(|way| way.steps.len() == 1 && way.steps[0].kind == StepKind::Promise));
    }

    #[test]
    fn an_answer_that_mentions_itself_is_followed_once() {
        let mut kernel = pair();
        let inner = answered_with(&mut kernel, vec![]);
        let root = kernel.root_of(FIRST).expect("a root");
        let outer = answered_with(&mut kernel, vec![inner, root, root]);
        let ends: Vec<Kref> = ways(&kernel, outer).into_iter().map(|way| way.end).collect();
        assert_eq!(ends, [root, inner], "an answer without references is an end");
        let Kref::Promise(PromiseId(number)) = outer else { panic!("it is a promise") };
        let resolver = Kref::Resolver(PromiseId(number));
        assert_eq!(ways(&kernel, resolver), [Way { steps: vec![], end: resolver, lost: false }]);
    }

    #[test]
    fn an_object_of_the_host_is_called_by_what_it_is_for() {
        let called = |name: &str| {
            let mut kernel = pair();
            let object = kernel.export(name.to_owned());
            Names::of(&kernel).host_object(object)
        };
        assert_eq!(called("channel/matcher/llm"), "channel matcher/llm");
        assert_eq!(called("timer/alarm/at/5"), "timer alarm/at/5");
        assert_eq!(called(&format!("call/5/{}/order 17/b", "0".repeat(64))), "keyed call order 17/b");
        assert_eq!(called("call/5/order"), "host object call/5/order", "that is none");
        assert!(called("pin").starts_with("pin"));
    }

    #[test]
    fn what_is_asked_about_is_a_vat_a_channel_or_a_reference_that_is_there() {
        let kernel = pair();
        assert_eq!(Aim::find(&kernel, "web").ok(), Some(Aim::Vat(FIRST)));
        assert_eq!(Aim::find(&kernel, "web/v1").ok(), Some(Aim::Vat(SECOND)));
        let channel = Aim::find(&kernel, "web/io.llm").ok();
        assert!(matches!(channel, Some(Aim::Reference(Kref::Object(_)))), "{channel:?}");
        assert_eq!(Aim::find(&kernel, "web/llm").ok(), channel);
        let unknown = Aim::find(&kernel, "ko987").expect_err("nobody has it");
        assert!(unknown.help.is_some_and(|help| help.contains("caps of")));
        let mistyped = Aim::find(&kernel, "web/v2").expect_err("there are two");
        assert!(mistyped.help.is_some_and(|help| help.contains("did you mean `web/v0`?")));
    }
}
