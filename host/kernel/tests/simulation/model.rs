//! A naive second opinion on authority: everything that was ever said, kept as it was said, with no counts, tables or queues.
//!
//! It knows which references each vat was given, what every payload mentions, and what each promise may end with. Whatever a vat
//! receives must be explained by that; whatever its c-list holds must have been given to it.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::*;

use super::kept::Kept;
use super::number_of;

/// The slots of one vat, as they were and became in one crank.
pub type Names = BTreeMap<Slot, Kref>;

/// What a promise or a forwarding object may turn into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lead {
    To(Kref),
    Value(u64),
}

/// Where the answer of a message is wanted, as far as it is known: a slot that is dropped in the crank that makes it stays unnamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Nowhere,
    AtPromise(PromiseId),
    Somewhere,
}

/// A message as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub on: Option<Kref>,
    pub method: String,
    pub wanted: Wanted,
}

#[derive(Default)]
pub struct Model {
    /// The number of the last payload.
    pub next: u64,
    /// What each payload mentions.
    pub(super) payloads: Kept<u64, Vec<Option<Kref>>>,
    pub(super) sent: Kept<u64, Sent>,
    given: Kept<(VatId, Kref), ()>,
    leads: Kept<(Kref, Lead), ()>,
    /// Leads of what stayed unnamed.
    wild: Kept<Lead, ()>,
    /// What may be anything, because it was forwarded to something unnamed; `None` is everything.
    blurred: Kept<Option<Kref>, ()>,
    watches: Kept<(VatId, u64), Option<Kref>>,
    /// Caretakers and what they guard, the rights to revoke them, and what was revoked.
    guards: Kept<ObjectId, Option<Kref>>,
    rights: Kept<ObjectId, ObjectId>,
    revoked: Kept<Kref, ()>,
    /// Messages that settle what they are sent on, if it is or becomes a resolver.
    settling: Kept<(Kref, u64), ()>,
    /// How often each listener asked, and was told.
    pub(super) listens: Kept<Kref, u64>,
    pub(super) told: Kept<Kref, u64>,
}

impl Model {
    pub fn commit(&mut self) {
        self.payloads.commit();
        self.sent.commit();
        self.given.commit();
        self.leads.commit();
        self.wild.commit();
        self.blurred.commit();
        self.guards.commit();
        self.rights.commit();
        self.revoked.commit();
        self.settling.commit();
        self.watches.commit();
        self.listens.commit();
        self.told.commit();
    }

    pub fn crash(&mut self) {
        self.payloads.crash();
        self.sent.crash();
        self.given.crash();
        self.leads.crash();
        self.wild.crash();
        self.blurred.crash();
        self.guards.crash();
        self.rights.crash();
        self.revoked.crash();
        self.settling.crash();
        self.watches.crash();
        self.listens.crash();
        self.told.crash();
        for token in self.watches.iter().map(|(token, _)| *token).collect::<Vec<_>>() {
            self.watches.remove(&token);
        }
    }

    pub fn give(&mut self, vat: VatId, kref: Kref) {
        self.given.add((vat, kref));
    }

    /// Whether a vat was ever given a reference, or made it.
    pub fn was_given(&self, vat: VatId, kref: Kref) -> bool {
        self.given.contains(&(vat, kref))
    }

    /// What a vat holds is what it was given: authority grows by introduction alone (I13).
    pub fn check_authority(&self, vat: VatId, held: &Names) {
        for (slot, kref) in held {
            assert!(self.given.contains(&(vat, *kref)), "{vat} holds {kref} at {slot}, which nobody gave it");
        }
    }

    pub fn made(&mut self, body: &Body, caps: Vec<Option<Kref>>) {
        if let Some(number) = number_of(body) {
            self.payloads.insert(number, caps);
        }
    }

    pub fn message(&self, number: u64) -> Option<&Sent> {
        self.sent.get(&number)
    }

    /// Whether this is a message that was sent, rather than the notice of a value with that number.
    pub fn is_message(&self, number: u64, method: &str) -> bool {
        self.sent.get(&number).is_some_and(|sent| sent.method == method)
    }

    /// What a message was sent on. Messages with the methods of notices are left out: a listener may get their payloads again.
    pub fn sent_on(&self, number: u64, method: &str) -> Option<Kref> {
        self.sent.get(&number).filter(|sent| sent.method == method && !is_notice(method))?.on
    }

    /// The host answered a message.
    pub fn answered_by_host(&mut self, number: u64, lead: Lead) {
        match self.sent.get(&number).map(|sent| sent.wanted) {
            Some(Wanted::AtPromise(promise)) => self.lead(Kref::Promise(promise), lead),
            Some(Wanted::Somewhere) => self.wild.add(lead),
            Some(Wanted::Nowhere) | None => {}
        }
    }

    /// A message was accepted.
    pub fn send(&mut self, body: &Body, caps: Vec<Option<Kref>>, sent: Sent) {
        let Some(number) = number_of(body) else { return };
        let offers = match sent.method.as_str() {
            "fulfill" | "break" => Some(Lead::Value(number)),
            "forward" => caps.first().copied().flatten().map(Lead::To),
            _ => None,
        };
        match (offers, sent.on) {
            (Some(lead), Some(on @ Kref::Resolver(_))) => self.lead(on, lead),
            (Some(lead), on) if on.is_none_or(|on| self.leads_on(on)) => self.wild.add(lead),
            (_, _) => {}
        }
        // What is sent to a promise that breaks is answered with its error.
        if let (Wanted::AtPromise(answer), Some(on)) = (sent.wanted, sent.on)
            && self.leads_on(on)
        {
            self.lead(Kref::Promise(answer), Lead::To(on));
        }
        if let ("fulfill" | "break", Some(on)) = (sent.method.as_str(), sent.on) {
            self.settling.add((on, number));
        }
        if let ("revoke", Some(Kref::Object(right))) = (sent.method.as_str(), sent.on)
            && let Some(caretaker) = self.rights.get(&right).copied()
            && !self.revoked.contains(&Kref::Object(right))
        {
            self.revoke(Kref::Object(caretaker));
        }
        self.payloads.insert(number, caps);
        self.sent.insert(number, sent);
    }

    /// A caretaker forwards to its target; whoever has the right to revoke it may send it so.
    pub fn guard(&mut self, caretaker: ObjectId, target: Option<Kref>, right: Option<ObjectId>) {
        self.settle(Some(Kref::Object(caretaker)), target.map(Lead::To));
        if let Some(right) = right {
            self.rights.insert(right, caretaker);
        }
        self.guards.insert(caretaker, target);
    }

    /// Nothing that is not begun yet reaches it.
    pub fn revoke(&mut self, kref: Kref) {
        if matches!(kref, Kref::Object(_)) {
            self.revoked.add(kref);
        }
    }

    /// What was revoked is never delivered to, nor what goes through it (I14).
    pub fn check_is_open(&self, number: u64, object: Kref) {
        assert!(!self.revoked.contains(&object), "{object} was revoked and gets message {number}");
        let mut at = self.sent.get(&number).and_then(|sent| sent.on);
        while let Some(Kref::Object(caretaker)) = at {
            assert!(
                !self.revoked.contains(&Kref::Object(caretaker)),
                "message {number} passes {caretaker}, which was revoked"
            );
            at = self.guards.get(&caretaker).copied().flatten();
        }
    }

    /// Whether what is sent there may go on to somewhere else.
    fn leads_on(&self, on: Kref) -> bool {
        match on {
            Kref::Object(object) => self.guards.contains(&object),
            Kref::Promise(_) | Kref::Resolver(_) => true,
        }
    }

    /// What `of` may turn into from now on; a promise and its resolver are one here.
    pub fn lead(&mut self, of: Kref, lead: Lead) {
        self.leads.add((promise_of(of), lead));
    }

    /// A promise was settled. What is unnamed may be anything from then on.
    pub fn settle(&mut self, of: Option<Kref>, lead: Option<Lead>) {
        match (of, lead) {
            (Some(of), Some(lead)) => self.lead(of, lead),
            (None, Some(lead)) => self.wild.add(lead),
            (Some(of), None) => self.blurred.add(Some(promise_of(of))),
            (None, None) => self.blurred.add(None),
        }
    }

    /// Somebody is to be told of the end of a reference.
    pub fn listen(&mut self, listener: Option<Kref>, on: Option<Kref>) {
        let Some(listener) = listener else { return };
        self.listens.add_one(listener);
        if let Some(on) = on {
            self.listened_on(listener, on);
        }
    }

    /// A listener that is a resolver, or a promise of one, passes on what it is told.
    fn listened_on(&mut self, listener: Kref, on: Kref) {
        match listener {
            Kref::Resolver(_) => self.lead(listener, Lead::To(on)),
            Kref::Object(_) | Kref::Promise(_) if self.leads_on(listener) => self.wild.add(Lead::To(on)),
            Kref::Object(_) | Kref::Promise(_) => {}
        }
    }

    pub fn watch(&mut self, vat: VatId, token: u64, kref: Option<Kref>) {
        self.watches.insert((vat, token), kref);
    }

    /// The watch ends: by its notice, or because it is taken back.
    pub fn unwatch(&mut self, vat: VatId, token: u64) -> Option<Option<Kref>> {
        self.watches.remove(&(vat, token))
    }

    /// The incarnation that watched has ended.
    pub fn forget_watches(&mut self, vat: VatId) {
        let own = self.watches.range((vat, 0)..=(vat, u64::MAX));
        for key in own.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.watches.remove(&key);
        }
    }

    /// Everything that a watch may hold.
    pub fn reach_of_watches(&self, asked: impl Iterator<Item = Kref>) -> BTreeSet<Kref> {
        self.reach(self.watches.iter().filter_map(|(_, kref)| *kref).chain(asked)).krefs
    }

    pub fn open_watches(&self) -> Vec<(VatId, u64, Option<Kref>)> {
        self.watches.iter().map(|((vat, token), kref)| (*vat, *token, *kref)).collect()
    }

    /// Everything that these may turn into, themselves included: references, and the numbers of values.
    fn reach(&self, from: impl IntoIterator<Item = Kref>) -> Reached {
        let mut reached = Reached::default();
        let mut todo: Vec<Kref> = from.into_iter().collect();
        while let Some(at) = todo.pop() {
            if !reached.krefs.insert(at) {
                continue;
            }
            let first = Lead::To(Kref::Object(ObjectId(0)));
            for ((_, lead), ()) in self.leads.range((at, first)..=(at, Lead::Value(u64::MAX))) {
                match lead {
                    Lead::To(kref) => todo.push(*kref),
                    Lead::Value(number) => drop(reached.values.insert(*number)),
                }
            }
        }
        reached
    }

    /// Whether `from` may be `to` by now.
    pub fn may_be(&self, from: Kref, to: Kref) -> bool {
        self.leads_to(from, to) || self.anything_may_be(to)
    }

    /// Whether `from` may have ended with this value.
    pub fn may_carry(&self, from: Kref, number: u64) -> bool {
        let reached = self.reach([from]);
        reached.values.contains(&number)
            || self.is_blurred(&reached.krefs)
            || self.wild.contains(&Lead::Value(number))
            || self.reach(self.wild_ends()).values.contains(&number)
    }

    /// How many notices were asked for that may come to this object.
    pub(super) fn notices_for(&self, object: Kref) -> u64 {
        let anywhere = self.anything_may_be(object);
        let fits = |listener: Kref| anywhere || self.leads_to(listener, object);
        self.listens.iter().filter(|(listener, _)| fits(**listener)).map(|(_, count)| *count).sum()
    }

    /// Of several who settle a promise by messages on one reference, the first does so: whatever is sent there later finds it settled.
    pub(super) fn check_is_first(&self, number: u64) {
        let Some(on) = self.sent.get(&number).and_then(|sent| sent.on) else { return };
        let earlier = self.settling.range((on, 0)..(on, number)).next();
        assert!(earlier.is_none(), "{on} is settled by message {number}, although {earlier:?} came first");
    }

    /// Listeners that asked more often than they were told.
    pub fn listeners_untold(&self) -> Vec<Kref> {
        let untold = |listener: &Kref, asked: u64| self.told.count(listener) < asked;
        self.listens.iter().filter(|(listener, asked)| untold(listener, **asked)).map(|(kref, _)| *kref).collect()
    }

    fn leads_to(&self, from: Kref, to: Kref) -> bool {
        let reached = self.reach([from]);
        reached.krefs.contains(&to) || self.is_blurred(&reached.krefs)
    }

    /// Whether what settles a promise that can't be told may be this.
    fn anything_may_be(&self, to: Kref) -> bool {
        self.reach(self.wild_ends()).krefs.contains(&to)
    }

    fn is_blurred(&self, reached: &BTreeSet<Kref>) -> bool {
        self.blurred.iter().any(|(blurred, ())| blurred.is_none_or(|kref| reached.contains(&kref)))
    }

    fn wild_ends(&self) -> impl Iterator<Item = Kref> {
        self.wild.iter().filter_map(|(lead, ())| match lead {
            Lead::To(kref) => Some(*kref),
            Lead::Value(_) => None,
        })
    }
}

/// What can be reached by leads.
#[derive(Default)]
struct Reached {
    krefs: BTreeSet<Kref>,
    values: BTreeSet<u64>,
}

/// A promise and its resolver lead to the same end.
fn promise_of(kref: Kref) -> Kref {
    match kref {
        Kref::Resolver(promise) => Kref::Promise(promise),
        Kref::Object(_) | Kref::Promise(_) => kref,
    }
}

/// The methods by which listeners are told.
pub fn is_notice(method: &str) -> bool {
    matches!(method, "fulfill" | "forward" | "break")
}
