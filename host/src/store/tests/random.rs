//! Random rows of every kind, from a seed.

use std::collections::BTreeSet;
use std::sync::Arc;

use ocap_kernel::{
    Answer, Body, ClistRow, Code, Counters, DeadLetter, Exposed, Fate, How, Item, Kref, Lifetime, Message, MessageId,
    Moment, Object, ObjectId, Origin, Owner, Payload, Progress, Promise, PromiseId, Queue, Queued, Sender, Slot,
    Subcluster, SubclusterId, Suspicion, Upgrade, Vat, VatId, VatStatus, WhenQuarantined, Why,
};

/// Few keys, so that rows are written again and removed.
const KEYS: u64 = 12;

/// Chance from a seed, and the names of all variants that it has made.
pub(super) struct Random {
    state: u64,
    pub(super) seen: BTreeSet<String>,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed, seen: BTreeSet::new() }
    }

    /// From 0 up to, but without, `below`.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    fn saw(&mut self, variant: &str) {
        if !self.seen.contains(variant) {
            self.seen.insert(variant.to_owned());
        }
    }

    pub(super) fn key(&mut self) -> u64 {
        self.below(KEYS)
    }

    /// Small and large numbers, up to the largest that the kernel may give out.
    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(3),
            1 => i64::MAX.cast_unsigned() - self.below(2),
            _ => self.below(1 << 30),
        }
    }

    /// Any 64 bits.
    fn bits(&mut self) -> u64 {
        [0, 1, i64::MAX.cast_unsigned(), 1 << 63, u64::MAX][self.below(5) as usize]
    }

    /// Any 32 bits.
    fn small(&mut self) -> u32 {
        [0, 1, 7, u32::MAX][self.below(4) as usize]
    }

    fn text(&mut self) -> String {
        ["", "matcher", "äöü 🦀", "a'; DROP TABLE vats; --", "nul\0inside"][self.below(5) as usize].to_owned()
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let length = [0, 1, 30, 5_000][self.below(4) as usize];
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    fn body(&mut self) -> Body {
        self.bytes().into()
    }

    fn list<T>(&mut self, entry: impl Fn(&mut Random) -> T) -> Vec<T> {
        let length = [0, 1, 3, 300][self.below(4) as usize];
        self.saw(if length == 0 { "List::Empty" } else { "List::Some" });
        (0..length).map(|_| entry(self)).collect()
    }

    pub(super) fn kref(&mut self) -> Kref {
        let id = self.below(1 << 50);
        match self.below(3) {
            0 => self.variant("Kref::Object", Kref::Object(ObjectId(id))),
            1 => self.variant("Kref::Promise", Kref::Promise(PromiseId(id))),
            _ => self.variant("Kref::Resolver", Kref::Resolver(PromiseId(id))),
        }
    }

    fn slot(&mut self) -> Slot {
        Slot(self.number())
    }

    fn payload<R>(&mut self, reference: impl Fn(&mut Random) -> R) -> Payload<R> {
        Payload { body: self.body(), caps: self.list(reference) }
    }

    fn variant<T>(&mut self, name: &str, value: T) -> T {
        self.saw(name);
        value
    }

    fn code(&mut self) -> Code {
        let code = Code::ALL[self.below(Code::ALL.len() as u64) as usize];
        self.variant(&format!("Code::{code}"), code)
    }

    pub(super) fn counters(&mut self) -> Counters {
        let [subcluster, vat, object, promise, message, boot] = std::array::from_fn(|_| self.number());
        Counters { subcluster, vat, object, promise, message, boot }
    }

    pub(super) fn subcluster(&mut self) -> Subcluster {
        Subcluster { name: self.text(), bootstrap: VatId(self.number()), declaration: self.body() }
    }

    pub(super) fn vat(&mut self) -> Vat {
        let when_quarantined = match self.below(2) {
            0 => self.variant("WhenQuarantined::Park", WhenQuarantined::Park),
            _ => self.variant("WhenQuarantined::Reject", WhenQuarantined::Reject),
        };
        let diagnostic = self.body();
        let status = match self.below(3) {
            0 => self.variant("VatStatus::Active", VatStatus::Active),
            1 => self.variant("VatStatus::Quarantined", VatStatus::Quarantined(diagnostic)),
            _ => self.variant("VatStatus::Ending", VatStatus::Ending),
        };
        let before = self.body();
        let upgrade = match self.below(3) {
            0 => self.variant("Upgrade::None", Upgrade::None),
            1 => self.variant("Upgrade::Trial", Upgrade::Trial { before }),
            _ => self.variant("Upgrade::Kept", Upgrade::Kept { before }),
        };
        Vat {
            subcluster: SubclusterId(self.number()),
            name: self.text(),
            code: self.body(),
            upgrade,
            parameters: self.body(),
            grants: self.list(|random| (random.text(), random.slot())),
            mailbox_max: self.bits(),
            references_max: self.bits(),
            turns: self.small().max(1),
            when_quarantined,
            status,
        }
    }

    pub(super) fn progress(&mut self) -> Progress {
        Progress { incarnation: self.number(), next_slot: self.slot() }
    }

    pub(super) fn object(&mut self) -> Object {
        let lifetime = match self.below(2) {
            0 => self.variant("Lifetime::Incarnation", Lifetime::Incarnation),
            _ => self.variant("Lifetime::Durable", Lifetime::Durable),
        };
        let (vat, object, name) = (VatId(self.number()), self.bits(), self.text());
        let (target, caretaker) = (self.kref(), ObjectId(self.number()));
        let owner = match self.below(6) {
            0 => self.variant("Owner::Vat", Owner::Vat(vat, Exposed { object, lifetime })),
            1 => self.variant("Owner::Host", Owner::Host(name)),
            2 => self.variant("Owner::HostWhileHeld", Owner::HostWhileHeld(name)),
            3 => self.variant("Owner::Caretaker", Owner::Caretaker { target }),
            4 => self.variant("Owner::Revoker", Owner::Revoker(caretaker)),
            _ => self.variant("Owner::HostUntilBoot", Owner::HostUntilBoot(name)),
        };
        let code = self.code();
        let fate = match self.below(2) {
            0 => self.variant("Fate::Live", Fate::Live),
            _ => self.variant("Fate::Lost", Fate::Lost(code)),
        };
        Object { owner, fate }
    }

    pub(super) fn promise(&mut self) -> Promise {
        let payload = self.payload(Random::kref);
        let (kref, code) = (self.kref(), self.code());
        let listeners = self.list(Random::kref);
        match self.below(5) {
            0 => self.variant("Promise::Unsettled", Promise::Unsettled { listeners }),
            1 => self.variant("Answer::Fulfill", Promise::Settled(Answer::Fulfill(payload))),
            2 => self.variant("Answer::Forward", Promise::Settled(Answer::Forward(kref))),
            3 => self.variant("Answer::Break", Promise::Settled(Answer::Break(payload))),
            _ => self.variant("Promise::Failed", Promise::Failed(code)),
        }
    }

    pub(super) fn queued(&mut self) -> Queued {
        let id = self.number();
        let queue = match self.below(3) {
            0 => self.variant("Queue::Inbox", Queue::Inbox(VatId(id))),
            1 => self.variant("Queue::Promise", Queue::Promise(PromiseId(id))),
            _ => self.variant("Queue::Host", Queue::Host),
        };
        let message = Item::Message(self.message());
        let item = match self.below(3) {
            0 => self.variant("Item::Dropped", Item::Dropped(ObjectId(id >> 2))),
            _ => self.variant("Item::Message", message),
        };
        Queued { queue, item }
    }

    fn message(&mut self) -> Message {
        let id = self.number();
        let answer = match self.below(2) {
            0 => self.variant("answer: None", None),
            _ => self.variant("answer: Some", Some(PromiseId(id))),
        };
        let sender = match self.below(2) {
            0 => self.variant("Sender::Vat", Sender::Vat(VatId(id))),
            _ => self.variant("Sender::Host", Sender::Host),
        };
        let through = self.list(|random| ObjectId(random.number()));
        let settler = match self.below(2) {
            0 => self.variant("settler: None", None),
            _ => Some(self.giver()),
        };
        let (target, method, args) = (self.kref(), self.text(), self.payload(Random::kref));
        Message { target, through, method, args, answer, sender, settler }
    }

    /// The kernel numbers vats from 1.
    fn giver(&mut self) -> Sender {
        let vat = VatId(self.number().max(1));
        match self.below(2) {
            0 => self.variant("giver: Vat", Sender::Vat(vat)),
            _ => self.variant("giver: Host", Sender::Host),
        }
    }

    pub(super) fn clist_row(&mut self) -> ClistRow {
        let kref = self.kref();
        let origin = match self.below(4) {
            0 => self.variant("origin: None", None),
            _ => Some(Arc::new(self.origin())),
        };
        ClistRow { kref, origin }
    }

    fn origin(&mut self) -> Origin {
        let how = match self.below(6) {
            0 => How::Granted(self.text()),
            1 => self.variant("How::Exposed", How::Exposed),
            2 => self.variant("How::Made", How::Made),
            3 => How::Asked { target: self.kref() },
            4 => {
                let (message, to) = (MessageId(self.number()), ObjectId(self.below(1 << 50)));
                How::Sent { message, by: self.giver(), to, method: self.text() }
            }
            _ => self.answered(),
        };
        self.saw(match &how {
            How::Granted(_) => "How::Granted",
            How::Asked { .. } => "How::Asked",
            How::Sent { .. } => "How::Sent",
            How::Exposed | How::Made | How::Answered { .. } => "origin: Some",
        });
        Origin { how, since: Moment { boot: self.number(), ms: self.number() } }
    }

    fn answered(&mut self) -> How {
        let by = match self.below(2) {
            0 => None,
            _ => Some(self.giver()),
        };
        self.variant("How::Answered", How::Answered { by })
    }

    pub(super) fn suspicion(&mut self) -> Suspicion {
        let id = self.number();
        let delivery = match self.below(2) {
            0 => self.variant("delivery: None", None),
            _ => self.variant("delivery: Some", Some(MessageId(id))),
        };
        Suspicion { left: self.number(), delivery, deaths: self.small(), total: self.small() }
    }

    pub(super) fn dead_letter(&mut self) -> DeadLetter {
        let body = self.body();
        let why = match self.below(3) {
            0 => self.variant("Why::KilledTheProcess", Why::KilledTheProcess),
            1 => self.variant("Why::Damaged", Why::Damaged),
            _ => self.variant("Why::MailboxFull", Why::MailboxFull),
        };
        let bytes = body.len() as u64 + self.below(3);
        DeadLetter { vat: VatId(self.number()), object: ObjectId(self.number()), method: self.text(), body, bytes, why }
    }

    pub(super) fn entry(&mut self) -> Payload<Slot> {
        self.payload(Random::slot)
    }
}
