//! Which trace a message belongs to, kept beside the kernel by the message's number.
//!
//! A message from outside begins a trace. Each delivery of it is a span, and what a delivery sends or settles belongs to that span: numbers
//! rise, so what an act of the kernel made are the numbers since. A message that waited on a promise gets a new number when it goes on,
//! and is known again by the promise of its answer; one without an answer then belongs to whoever settled the promise. The kernel's rules
//! know nothing of all this. It is bounded, and lost with the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ocap_kernel::{
    AskId, Crank, CrankId, Delivery, Item, Kernel, Kref, MessageId, PromiseId, Resolution, VatId, Verdict,
};
use tokio::sync::mpsc::Sender;

use super::RunLoop;

/// The most messages, and the most promises, whose trace is known: the oldest are forgotten, and what they cause is in no trace.
const KNOWN_MAX: usize = 100_000;

/// A span that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace.
    pub trace: u128,
    /// Itself, in its trace.
    pub span: u64,
    /// The span that caused it; none of the first.
    pub parent: Option<u64>,
    /// The method, or what else was delivered.
    pub name: String,
    /// When it began: time since 1970.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
    /// What it was.
    pub what: What,
    /// How it ended: `applied`, `undone`, `fulfilled`, `accepted`, a code.
    pub outcome: String,
}

/// What a span was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message from outside, until its answer.
    Call,
    /// A delivery.
    Crank {
        /// To whom, as `subcluster/vat`.
        label: String,
        /// To whom.
        vat: VatId,
        /// In which incarnation.
        incarnation: u64,
    },
}

/// Where spans go that are over.
#[derive(Debug, Clone)]
pub struct Spans {
    /// Bounded: what it does not take is counted and gone.
    pub sender: Sender<Span>,
    /// How many it did not take.
    pub lost: Arc<AtomicU64>,
    /// From which the numbers of traces and spans are drawn; unpredictable, so that those of two hosts or two boots differ.
    pub seed: u64,
}

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Context {
    trace: u128,
    span: u64,
}

/// What causes something in the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause {
    /// A delivery that ended.
    Crank(CrankId),
    /// The host's answer to a message.
    Answer(MessageId),
    /// Somebody outside.
    Outside,
}

/// A span that is not over.
struct Open {
    context: Context,
    parent: Option<u64>,
    name: String,
    began: Duration,
    /// What was delivered.
    items: Vec<MessageId>,
}

/// Everything that is known of traces.
pub(super) struct Traces {
    spans: Spans,
    messages: BTreeMap<MessageId, Context>,
    promises: BTreeMap<PromiseId, Context>,
    calls: BTreeMap<AskId, Open>,
    cranks: BTreeMap<CrankId, Open>,
}

impl Traces {
    pub(super) fn new(spans: Spans) -> Traces {
        Traces {
            spans,
            messages: BTreeMap::new(),
            promises: BTreeMap::new(),
            calls: BTreeMap::new(),
            cranks: BTreeMap::new(),
        }
    }

    /// A message from outside was sent, and its numbers begin with `from`.
    pub(super) fn asked(&mut self, kernel: &Kernel, from: MessageId, ask: AskId, method: &str, now: Duration) {
        let open = self.first(kernel, from, method, now);
        self.calls.insert(ask, open);
    }

    /// The same, of which nobody hears the answer here: its own span is over.
    pub(super) fn accepted(&mut self, kernel: &Kernel, from: MessageId, method: &str, now: Duration) {
        let open = self.first(kernel, from, method, now);
        self.end(open, What::Call, "accepted".to_owned(), now);
    }

    /// The first span of a trace.
    fn first(&mut self, kernel: &Kernel, from: MessageId, method: &str, now: Duration) -> Open {
        let trace = u128::from(self.number()) << 64 | u128::from(self.number());
        let context = Context { trace, span: self.number() };
        self.adopt(kernel, from, Some(context));
        Open { context, parent: None, name: method.to_owned(), began: now, items: Vec::new() }
    }

    /// What came of it.
    pub(super) fn answered(&mut self, ask: AskId, resolution: &Resolution<Kref>, now: Duration) {
        let Some(open) = self.calls.remove(&ask) else { return };
        let outcome = match resolution {
            Resolution::Fulfilled(_) => "fulfilled".to_owned(),
            Resolution::Forwarded(_) => "forwarded".to_owned(),
            Resolution::Broken(_) => "broken".to_owned(),
            Resolution::Failed(code) => code.to_string(),
        };
        self.end(open, What::Call, outcome, now);
    }

    /// A delivery is handed out: a span, if what is delivered is in a trace. A start belongs to the message that it is for.
    pub(super) fn begun(&mut self, kernel: &Kernel, crank: &Crank, now: Duration) {
        let heads = |count: usize| kernel.inbox_of(crank.vat).take(count).map(|(id, _)| id).collect::<Vec<_>>();
        let (name, items, delivered) = match &crank.delivery {
            Delivery::Start(_) => ("start".to_owned(), heads(1), Vec::new()),
            Delivery::Message { method, .. } => {
                (method.clone(), Vec::from_iter(crank.message), Vec::from_iter(crank.message))
            }
            Delivery::Settled(promises) => ("settled".to_owned(), heads(promises.len()), heads(promises.len())),
            Delivery::Dropped(objects) => ("dropped".to_owned(), heads(objects.len()), heads(objects.len())),
        };
        let Some(parent) = items.iter().find_map(|id| self.messages.get(id).copied()) else { return };
        let context = Context { span: self.number(), ..parent };
        let open = Open { context, parent: Some(parent.span), name, began: now, items: delivered };
        self.cranks.insert(crank.id, open);
    }

    /// Something was done in the kernel, and the numbers of what it made begin with `from`.
    pub(super) fn caused(&mut self, kernel: &Kernel, from: MessageId, cause: Cause) {
        let context = match cause {
            Cause::Crank(crank) => self.cranks.get(&crank).map(|open| open.context),
            Cause::Answer(call) => self.messages.remove(&call),
            Cause::Outside => None,
        };
        self.adopt(kernel, from, context);
    }

    /// A delivery is over.
    pub(super) fn finished(&mut self, crank: CrankId, what: What, verdict: &Verdict, now: Duration) {
        let Some(open) = self.cranks.remove(&crank) else { return };
        let outcome = match verdict {
            Verdict::Applied => "applied",
            Verdict::Undone(_) => "undone",
            Verdict::Quarantined(_) => "quarantined",
            Verdict::RolledBack(_) => "rolled-back",
            // It is delivered again.
            Verdict::Stale => "stale",
        };
        if *verdict != Verdict::Stale {
            for id in &open.items {
                self.messages.remove(id);
            }
        }
        self.end(open, what, outcome.to_owned(), now);
    }

    fn end(&self, open: Open, what: What, outcome: String, now: Duration) {
        let Open { context: Context { trace, span }, parent, name, began, .. } = open;
        let span = Span { trace, span, parent, name, began, ended: now.max(began), what, outcome };
        if self.spans.sender.try_send(span).is_err() {
            self.spans.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What has these numbers or later ones belongs to a context, but for messages that were known before.
    fn adopt(&mut self, kernel: &Kernel, from: MessageId, cause: Option<Context>) {
        for number in from.0..kernel.next_message().0 {
            let id = MessageId(number);
            let Some(queued) = kernel.queued_as(id) else { continue };
            let answer = match &queued.item {
                Item::Message(message) => message.answer,
                Item::Dropped(_) | Item::Settled { .. } => None,
            };
            let known = answer.and_then(|promise| self.promises.get(&promise).copied());
            let Some(context) = known.or(cause) else { continue };
            self.messages.insert(id, context);
            if let Some(promise) = answer {
                self.promises.insert(promise, context);
            }
        }
        while self.messages.len() > KNOWN_MAX {
            self.messages.pop_first();
        }
        while self.promises.len() > KNOWN_MAX {
            self.promises.pop_first();
        }
    }

    /// An unpredictable number that is not 0 (splitmix64).
    fn number(&mut self) -> u64 {
        self.spans.seed = self.spans.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.spans.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1)
    }
}

impl RunLoop {
    /// Does something in the kernel that belongs to a trace, if what causes it does.
    pub(super) fn traced<T>(&mut self, cause: Cause, act: impl FnOnce(&mut Kernel) -> T) -> T {
        let from = self.kernel.next_message();
        let done = act(&mut self.kernel);
        if let Some(traces) = &mut self.traces {
            traces.caused(&self.kernel, from, cause);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::{
        Answer, AnswerTo, Body, Grant, Held, Launch, LaunchVat, Outcome, Payload, Report, Slot, Syscall,
        WhenQuarantined,
    };
    use tokio::sync::mpsc;

    use super::*;

    fn vat(name: &str, peer: &str) -> LaunchVat {
        LaunchVat {
            name: name.to_owned(),
            code: Body::from([]),
            parameters: Body::from([]),
            grants: vec![("peer".to_owned(), Grant::Vat(peer.to_owned()))],
            mailbox_max: 10,
            references_max: 100,
            turns: 1,
            when_quarantined: WhenQuarantined::Park,
        }
    }

    fn report(syscalls: Vec<Syscall>, dropped: Vec<Slot>) -> Report {
        Report { outcome: Outcome::Done, syscalls, store: Vec::new(), taken: Vec::new(), dropped }
    }

    /// A kernel of two vats with its traces, driven as the loop does; a delivery a second.
    struct House {
        kernel: Kernel,
        traces: Traces,
        ended: mpsc::Receiver<Span>,
        now: Duration,
    }

    impl House {
        fn new() -> House {
            let mut kernel = Kernel::empty();
            let launch = Launch {
                name: "scene".to_owned(),
                bootstrap: "alice".to_owned(),
                declaration: Body::from([]),
                host_objects: Vec::new(),
                vats: vec![vat("alice", "bob"), vat("bob", "alice")],
            };
            kernel.launch(launch).expect("a launch");
            let (sender, ended) = mpsc::channel(100);
            let traces = Traces::new(Spans { sender, lost: Arc::default(), seed: 7 });
            House { kernel, traces, ended, now: Duration::ZERO }
        }

        fn ask(&mut self, method: &str) {
            let root = self.kernel.root_of(VatId(1)).expect("alice");
            let from = self.kernel.next_message();
            let ask = self.kernel.ask(root, method, Payload::plain([])).expect("it exists");
            self.traces.asked(&self.kernel, from, ask, method, self.now);
        }

        /// The next delivery, which the vat answers as `does` says.
        fn crank(&mut self, does: impl FnOnce(&Crank) -> Report) {
            let crank = self.kernel.begin().expect("something to deliver");
            self.traces.begun(&self.kernel, &crank, self.now);
            self.now += Duration::from_secs(1);
            let report = does(&crank);
            let from = self.kernel.next_message();
            let verdict = self.kernel.finish(crank.vat, crank.id, report);
            self.traces.caused(&self.kernel, from, Cause::Crank(crank.id));
            let what = What::Crank { label: crank.vat.to_string(), vat: crank.vat, incarnation: 1 };
            self.traces.finished(crank.id, what, &verdict, self.now);
        }

        fn ended(&mut self) -> Vec<Span> {
            std::iter::from_fn(|| self.ended.try_recv().ok()).collect()
        }
    }

    fn answers(crank: &Crank) -> Report {
        let Delivery::Message { resolver: Some(Held { slot, .. }), .. } = &crank.delivery else {
            panic!("a message that wants an answer: {crank:?}")
        };
        let answer = Answer::Fulfill(Payload::plain([]));
        report(vec![Syscall::Settle { resolver: *slot, answer }], vec![*slot])
    }

    #[test]
    fn what_a_delivery_sends_and_settles_continues_its_trace() {
        let mut house = House::new();
        let mut peers = BTreeMap::new();
        for _ in 0..2 {
            house.crank(|crank| {
                let Delivery::Start(boot) = &crank.delivery else { panic!("a start: {crank:?}") };
                peers.insert(crank.vat, boot.grants[0].1);
                report(Vec::new(), Vec::new())
            });
        }
        assert_eq!(house.ended(), [], "nobody outside has asked for the starts");
        house.ask("go");
        let mut resolver = None;
        house.crank(|alice| {
            let Delivery::Message { resolver: wanted, .. } = &alice.delivery else { panic!("a message: {alice:?}") };
            resolver = wanted.map(|held| held.slot);
            let (target, promise) = (peers[&alice.vat], alice.next_slot);
            let (method, args) = ("work".to_owned(), Payload::plain([]));
            let send = Syscall::Send { target, method, args, answer: AnswerTo::Promise(promise) };
            report(vec![send, Syscall::Watch { promise, token: 1 }], Vec::new())
        });
        house.crank(answers);
        house.crank(|alice| {
            assert!(matches!(alice.delivery, Delivery::Settled(_)), "{alice:?}");
            let resolver = resolver.expect("she was asked");
            let settle = Syscall::Settle { resolver, answer: Answer::Fulfill(Payload::plain([])) };
            report(vec![settle], vec![resolver])
        });
        for output in house.kernel.take_outputs() {
            if let ocap_kernel::Output::Answered { ask, resolution } = output {
                house.traces.answered(ask, &resolution, house.now);
            }
        }
        let spans = house.ended();
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["go", "work", "settled", "go"]);
        let [go, work, settled, call] = spans.try_into().expect("four");
        assert_eq!((call.parent, &call.what, call.outcome.as_str()), (None, &What::Call, "fulfilled"));
        let parents = [go.parent, work.parent, settled.parent];
        assert_eq!(parents, [call.span, go.span, work.span].map(Some));
        assert!([&go, &work, &settled].iter().all(|span| span.trace == call.trace && span.outcome == "applied"));
        assert_eq!((call.began, call.ended), (Duration::from_secs(2), Duration::from_secs(5)));
        assert!(house.traces.messages.is_empty() && house.traces.cranks.is_empty(), "nothing is kept of what is done");
    }

    #[test]
    fn each_call_is_a_trace_of_its_own() {
        let mut house = House::new();
        (0..2).for_each(|_| house.crank(|_| report(Vec::new(), Vec::new())));
        (0..2).for_each(|_| house.ask("go"));
        (0..2).for_each(|_| house.crank(answers));
        let spans = house.ended();
        assert_eq!(spans.len(), 2);
        assert_ne!(spans[0].trace, spans[1].trace);
    }

    #[test]
    fn spans_that_nobody_takes_are_counted_and_gone() {
        let mut house = House::new();
        let (sender, _taken) = mpsc::channel(1);
        house.traces.spans.sender = sender;
        (0..2).for_each(|_| house.crank(|_| report(Vec::new(), Vec::new())));
        (0..3).for_each(|_| house.ask("go"));
        (0..3).for_each(|_| house.crank(answers));
        assert_eq!(house.traces.spans.lost.load(Ordering::Relaxed), 2);
    }
}
