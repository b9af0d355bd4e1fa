//! Promises: settled once, forwarded along chains, watched and listened to.
//!
//! Every settlement goes through one work list, so that a cascade of any length is a loop (kernel-rules 3, 7, 9, 10).

use crate::body;
use crate::drop::held_by;
use crate::host::{AskId, Output};
use crate::id::{Kref, MessageId, PromiseId, VatId};
use crate::kernel::{Kernel, Watch, WatchNo, Watched, Watcher};
use crate::message::{Answer, Code, Payload, Resolution};
use crate::rows::{Item, Message, Object, Owner, Promise, Sender, Why};

/// How a promise is to be settled, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// By a holder of its resolver.
    By(Answer<Kref>),
    /// By the kernel.
    Failed(Code),
}

impl Settlement {
    fn held(&self) -> Vec<Kref> {
        match self {
            Settlement::By(answer) => held_by(answer),
            Settlement::Failed(_) => Vec::new(),
        }
    }

    fn into_row(self) -> Promise {
        match self {
            Settlement::By(answer) => Promise::Settled(answer),
            Settlement::Failed(code) => Promise::Failed(code),
        }
    }
}

impl Resolution<Kref> {
    fn held(&self) -> Vec<Kref> {
        match self {
            Resolution::Fulfilled(payload) | Resolution::Broken(payload) => payload.caps.clone(),
            Resolution::Forwarded(kref) => vec![*kref],
            Resolution::Failed(_) => Vec::new(),
        }
    }
}

/// A settlement that is still to be carried out.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) promise: PromiseId,
    pub(crate) settlement: Settlement,
    /// The promise of the answer to whoever asked for it by message: was it done, or was the promise settled already?
    pub(crate) asked: Option<PromiseId>,
    /// Who settles it, so that whoever is told knows whom what it brings is from; `None` for the kernel's own word.
    pub(crate) by: Option<Sender>,
}

/// Where a chain of promises ends at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At a promise that is not settled.
    Unsettled(PromiseId),
    /// At an object or a resolver.
    Reference(Kref),
    /// At this promise's data.
    Data(PromiseId),
    /// At this promise's error.
    Broken(PromiseId),
}

impl Kernel {
    /// Puts a settlement on the work list, which holds what it mentions and the promise itself until it is carried out.
    pub(crate) fn push_work(&mut self, promise: PromiseId, settlement: Settlement) {
        self.push(Work { promise, settlement, asked: None, by: None });
    }

    /// The same with somebody who settles it.
    pub(crate) fn push(&mut self, work: Work) {
        self.hold(Kref::Promise(work.promise));
        for kref in work.settlement.held() {
            self.hold(kref);
        }
        self.work.push_back(work);
    }

    /// Carries out every settlement on the work list, and those that follow from them.
    pub(crate) fn drain_work(&mut self) {
        while let Some(Work { promise, settlement, asked, by }) = self.work.pop_front() {
            let held = settlement.held();
            let is_spent = !matches!(self.promises.get(&promise), Some(Promise::Unsettled { .. }));
            self.settler = by;
            self.settle(promise, settlement);
            self.settler = None;
            self.release_all(held);
            self.release(Kref::Promise(promise));
            if let Some(asked) = asked {
                let done = Settlement::By(Answer::Fulfill(Payload::plain(body::null())));
                self.push_work(asked, if is_spent { Settlement::Failed(Code::AlreadySettled) } else { done });
            }
        }
    }

    /// Settles one promise: its state, then its waiting messages in order, then its notices. A settled one stays as it is.
    fn settle(&mut self, promise: PromiseId, settlement: Settlement) {
        if !matches!(self.promises.get(&promise), Some(Promise::Unsettled { .. })) {
            return;
        }
        let settlement = self.normalise(promise, settlement);
        for kref in settlement.held() {
            self.hold(kref);
        }
        let before = self.promises.insert(promise, settlement.into_row());
        let Some(Promise::Unsettled { listeners }) = before else { unreachable!("it was not settled a moment ago") };
        // A spent resolver holds nothing: from here on its count does not matter.
        match self.end_of(promise) {
            End::Unsettled(end) => self.join(promise, end, listeners),
            End::Reference(_) | End::Data(_) | End::Broken(_) => self.let_go(promise, listeners),
        }
        // Nobody may ever have held it.
        if self.count(Kref::Promise(promise)) == 0 {
            self.zeros.insert(Kref::Promise(promise), self.loss);
        }
    }

    /// The end of a chain is known: what waits for it goes on, and whoever wants to know is told.
    fn let_go(&mut self, promise: PromiseId, listeners: Vec<Kref>) {
        for id in self.waiting.remove(&promise).unwrap_or_default() {
            let (message, held) = self.take_message(id);
            self.route(message);
            self.release_all(held);
        }
        for watch in self.watchers.remove(&promise).unwrap_or_default().into_values() {
            self.notify(watch.watcher, promise);
            self.release(Kref::Promise(watch.held));
        }
        for listener in listeners {
            self.tell(listener, Kref::Promise(promise));
            self.release(listener);
        }
    }

    /// What waits for the end of one chain waits for the end of a longer one from now on. The fewer go to the more, so that a chain of
    /// any length costs each of them only a few moves.
    fn join(&mut self, promise: PromiseId, end: PromiseId, listeners: Vec<Kref>) {
        self.join_waiting(promise, end);
        if let Some(mut moved) = self.watchers.remove(&promise) {
            let at_end = self.watchers.entry(end).or_default();
            if at_end.len() < moved.len() {
                std::mem::swap(at_end, &mut moved);
            }
            at_end.extend(moved);
        }
        if !listeners.is_empty()
            && let Some(Promise::Unsettled { listeners: at_end }) = self.promises.get_mut(&end)
        {
            if at_end.is_empty() {
                *at_end = listeners;
            } else {
                at_end.extend(listeners);
            }
        }
    }

    /// A forward to a promise becomes a link to the end of its chain, or a copy of what that chain ended with.
    fn normalise(&mut self, promise: PromiseId, settlement: Settlement) -> Settlement {
        let Settlement::By(Answer::Forward(Kref::Promise(target))) = settlement else { return settlement };
        match self.end_of(target) {
            End::Unsettled(end) if end == promise => Settlement::Failed(Code::ForwardCycle),
            End::Unsettled(end) => Settlement::By(Answer::Forward(Kref::Promise(end))),
            End::Reference(kref) => Settlement::By(Answer::Forward(kref)),
            End::Data(end) | End::Broken(end) => self.settlement_of(end),
        }
    }

    /// How a settled promise was settled, to be copied.
    pub(crate) fn settlement_of(&self, promise: PromiseId) -> Settlement {
        match self.promises.get(&promise) {
            Some(Promise::Settled(answer)) => Settlement::By(answer.clone()),
            Some(Promise::Failed(code)) => Settlement::Failed(*code),
            Some(Promise::Unsettled { .. }) | None => unreachable!("{promise} is settled and held"),
        }
    }

    /// Enters a watcher at the end of a chain, who holds that promise from here on.
    fn add_watcher(&mut self, end: PromiseId, watcher: Watcher) {
        let number = self.next_watch;
        self.next_watch = WatchNo(number.0 + 1);
        self.hold(Kref::Promise(end));
        self.watchers.entry(end).or_default().insert(number, Watch { watcher, held: end });
        if let Watcher::Vat(vat, token) = watcher {
            self.seat(vat).watches.insert(token, Watched::Promise(end, number));
        }
    }

    fn remove_watcher(&mut self, held: PromiseId, number: WatchNo) {
        let End::Unsettled(end) = self.end_of(held) else { unreachable!("a watch ends with its promise") };
        if let Some(watchers) = self.watchers.get_mut(&end) {
            watchers.remove(&number);
            if watchers.is_empty() {
                self.watchers.remove(&end);
            }
        }
        self.release(Kref::Promise(held));
    }

    /// The end of a chain of forwards as it stands; for whoever may not shorten the links.
    pub(crate) fn unsettled_end(&self, promise: PromiseId) -> Option<PromiseId> {
        let mut at = promise;
        loop {
            match self.promises.get(&at)? {
                Promise::Unsettled { .. } => return Some(at),
                Promise::Settled(Answer::Forward(Kref::Promise(next))) => at = *next,
                Promise::Settled(_) | Promise::Failed(_) => return None,
            }
        }
    }

    /// The end of a chain of forwards; the links on the way are shortened (kernel-rules 10).
    pub(crate) fn end_of(&mut self, promise: PromiseId) -> End {
        let mut links = Vec::new();
        let mut at = promise;
        let end = loop {
            match self.promises.get(&at) {
                Some(Promise::Unsettled { .. }) => break End::Unsettled(at),
                Some(Promise::Settled(Answer::Forward(Kref::Promise(next)))) => {
                    links.push(at);
                    at = *next;
                }
                Some(Promise::Settled(Answer::Forward(kref))) => break End::Reference(*kref),
                Some(Promise::Settled(Answer::Fulfill(_))) => break End::Data(at),
                Some(Promise::Settled(Answer::Break(_)) | Promise::Failed(_)) => break End::Broken(at),
                None => unreachable!("{at} is referred to and has a row"),
            }
        };
        // The last link points at the end already.
        links.pop();
        for link in links {
            self.relink(link, at);
        }
        end
    }

    fn relink(&mut self, link: PromiseId, to: PromiseId) {
        let row = Promise::Settled(Answer::Forward(Kref::Promise(to)));
        let Some(Promise::Settled(Answer::Forward(old))) = self.promises.get(&link).cloned() else { return };
        self.hold(Kref::Promise(to));
        self.promises.insert(link, row);
        self.release(old);
    }

    /// Begins a watch, which holds what is watched until the notice has been delivered (kernel-rules 6).
    pub(crate) fn watch(&mut self, vat: VatId, token: u64, kref: Kref) {
        let end = match kref {
            Kref::Promise(promise) => self.end_of(promise),
            Kref::Object(_) | Kref::Resolver(_) => End::Reference(kref),
        };
        match end {
            End::Unsettled(end) => self.add_watcher(end, Watcher::Vat(vat, token)),
            End::Reference(_) | End::Data(_) | End::Broken(_) => {
                self.enqueue_notice(vat, Item::Settled { token, promise: kref, by: None });
            }
        }
    }

    /// A message waits no more on the end of a chain that it was sent to.
    pub(crate) fn leave_waiting(&mut self, promise: PromiseId, id: MessageId) {
        let Some(end) = self.unsettled_end(promise) else { return };
        if let Some(waiting) = self.waiting.get_mut(&end) {
            waiting.remove(&id);
            if waiting.is_empty() {
                self.waiting.remove(&end);
            }
        }
    }

    /// Takes a watch or its queued notice back. An unknown token is ignored.
    pub(crate) fn unwatch(&mut self, vat: VatId, token: u64) {
        match self.seat(vat).watches.remove(&token) {
            Some(Watched::Promise(promise, number)) => {
                self.remove_watcher(promise, number);
            }
            Some(Watched::Notice(id)) => {
                let (_, held) = self.take_from_inbox(vat, id);
                self.release_all(held);
            }
            None => {}
        }
    }

    /// Asks for exactly one message to `listener` when the chain from `kref` has ended.
    pub(crate) fn listen(&mut self, kref: Kref, listener: Kref) {
        let end = match kref {
            Kref::Promise(promise) => self.end_of(promise),
            Kref::Object(_) | Kref::Resolver(_) => End::Reference(kref),
        };
        if let End::Unsettled(end) = end {
            self.hold(listener);
            if let Some(Promise::Unsettled { listeners }) = self.promises.get_mut(&end) {
                listeners.push(listener);
            }
        } else {
            self.tell(listener, kref);
        }
    }

    /// Tells the host when a promise ends.
    pub(crate) fn watch_for_host(&mut self, ask: AskId, promise: PromiseId) {
        self.add_watcher(promise, Watcher::Host(ask));
    }

    fn notify(&mut self, watcher: Watcher, promise: PromiseId) {
        match watcher {
            Watcher::Vat(vat, token) => {
                let by = self.settler;
                self.enqueue_notice(vat, Item::Settled { token, promise: Kref::Promise(promise), by });
            }
            Watcher::Host(ask) => self.tell_host(ask, promise),
        }
    }

    /// The host hears how a chain ended.
    pub(crate) fn tell_host(&mut self, ask: AskId, promise: PromiseId) {
        let resolution = self.resolution_of(Kref::Promise(promise));
        self.lend(resolution.held());
        self.outputs.push(Output::Answered { ask, resolution });
    }

    /// The one message to a listener: how the chain from `kref` ended.
    fn tell(&mut self, listener: Kref, kref: Kref) {
        let (method, args) = match self.resolution_of(kref) {
            Resolution::Fulfilled(payload) => ("fulfill", payload),
            Resolution::Forwarded(kref) => ("forward", Payload { body: body::null(), caps: vec![kref] }),
            Resolution::Broken(payload) => ("break", payload),
            Resolution::Failed(code) => ("break", Payload::plain(body::failure(code))),
        };
        let (through, method) = (Vec::new(), method.to_owned());
        let (sender, settler) = (self.sender_of_answer(listener), self.settler);
        let message = Message { target: listener, through, method, args, answer: None, sender, settler };
        if let Err((Settlement::Failed(Code::MailboxFull), message)) = self.place(message) {
            self.bury_answer(&message);
        }
    }

    /// An answer that an inbox has no room for is a dead letter: nobody would learn of it otherwise (kernel-rules 19).
    fn bury_answer(&mut self, message: &Message) {
        let Kref::Object(object) = message.target else { return };
        if let Some(&Object { owner: Owner::Vat(vat, _), .. }) = self.objects.get(&object) {
            let id = self.new_message_id();
            self.bury(id, vat, message, Why::MailboxFull);
        }
    }

    /// Nobody but the listener's own vat asked for this message, so it is no other sender's (kernel-rules 18).
    fn sender_of_answer(&self, listener: Kref) -> Sender {
        let Kref::Object(object) = listener else { return Sender::Host };
        match self.objects.get(&object).map(|row| &row.owner) {
            Some(Owner::Vat(vat, _)) => Sender::Vat(*vat),
            Some(_) | None => Sender::Host,
        }
    }

    /// How a chain ended.
    ///
    /// # Panics
    /// If it has not.
    pub(crate) fn resolution_of(&mut self, kref: Kref) -> Resolution<Kref> {
        let end = match kref {
            Kref::Promise(promise) => self.end_of(promise),
            Kref::Object(_) | Kref::Resolver(_) => End::Reference(kref),
        };
        let (End::Data(promise) | End::Broken(promise)) = end else {
            return match end {
                End::Reference(kref) => Resolution::Forwarded(kref),
                End::Unsettled(_) | End::Data(_) | End::Broken(_) => unreachable!("the chain has ended"),
            };
        };
        match self.settlement_of(promise) {
            Settlement::By(Answer::Fulfill(payload)) => Resolution::Fulfilled(payload),
            Settlement::By(Answer::Break(payload)) => Resolution::Broken(payload),
            Settlement::By(Answer::Forward(kref)) => Resolution::Forwarded(kref),
            Settlement::Failed(code) => Resolution::Failed(code),
        }
    }
}
