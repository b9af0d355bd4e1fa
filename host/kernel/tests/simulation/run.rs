//! The world of one seed: the kernel, the disk, the hands of the vats, and everybody who watches.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use ocap_kernel::*;

use super::disk::Rows;
use super::events::SOMETIMES;
use super::fates::Fates;
use super::model::{Model, Names, Sent, Wanted};
use super::options::{Act, Audit, Host, Options};
use super::order::Order;
use super::rule::Killer;
use super::witness::named;
use super::{Chance, Worker, body_of, launch, number_of};

pub type Events = BTreeMap<&'static str, u64>;

pub struct World {
    pub chance: Chance,
    pub options: Options,
    pub kernel: Kernel,
    pub disk: Rows,
    pub workers: BTreeMap<VatId, Worker>,
    pub flying: Vec<Crank>,
    pub calls: Vec<HostCall>,
    pub connections: Vec<ObjectId>,
    /// References that the host was shown.
    pub shown: Vec<Kref>,
    /// Questions of the host that wait for their answers.
    pub asked: BTreeMap<AskId, PromiseId>,
    pub model: Model,
    pub order: Order,
    pub fates: Fates,
    pub events: Events,
    pub tokens: u64,
    /// What killed the process last in a lone delivery to each vat, and how often in a row.
    pub deaths: BTreeMap<VatId, (Killer, u32)>,
    pub cranks: u64,
    /// The number that the kernel should give to the next promise.
    next_promise: Option<u64>,
    acts: u64,
    commits: u64,
    /// After which act everything was counted again.
    audited: u64,
    /// Everything that vats were told and what came of it, in one number.
    log: Option<DefaultHasher>,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut chance = Chance::from_seed(seed);
        let options = Options::from_chance(&mut chance);
        World::with(chance, options)
    }

    /// A world whose host asks nothing, and where no mailbox is full: what waits there would depend on the order of things.
    pub fn quiet(seed: u64) -> World {
        let mut chance = Chance::from_seed(seed);
        let mut options = Options::from_chance(&mut chance);
        options.host = Host::Tells;
        options.mailbox_max = 10_000;
        options.references_max = 100_000;
        World::with(chance, options)
    }

    fn with(chance: Chance, options: Options) -> World {
        let mut world = World {
            chance,
            options,
            kernel: Kernel::empty(),
            disk: Rows::default(),
            workers: BTreeMap::new(),
            flying: Vec::new(),
            calls: Vec::new(),
            connections: Vec::new(),
            shown: Vec::new(),
            asked: BTreeMap::new(),
            model: Model::default(),
            order: Order::default(),
            fates: Fates::default(),
            events: BTreeMap::new(),
            tokens: 0,
            deaths: BTreeMap::new(),
            cranks: 0,
            next_promise: Some(Counters::default().promise),
            acts: 0,
            commits: 0,
            audited: 0,
            log: None,
        };
        for number in 0..world.options.subclusters.len() {
            world.launch(number);
        }
        world.commit();
        world
    }

    pub fn keep_a_log(&mut self) {
        self.log = Some(DefaultHasher::new());
    }

    pub fn log(&mut self, what: &impl std::fmt::Debug) {
        if let Some(log) = &mut self.log {
            format!("{what:?}").hash(log);
        }
    }

    pub fn log_so_far(&self) -> u64 {
        self.log.as_ref().map_or(0, Hasher::finish)
    }

    pub fn note(&mut self, event: &'static str) {
        assert!(SOMETIMES.contains(&event), "{event} is not expected");
        *self.events.entry(event).or_insert(0) += 1;
    }

    /// Launches the subcluster of this number: vats that hold each other's roots and one channel.
    pub fn launch(&mut self, number: usize) {
        let names: Vec<String> = (0..self.options.subclusters[number]).map(|vat| format!("{number}{vat}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut launch = launch(&format!("sub{number}"), &names);
        for vat in &mut launch.vats {
            vat.mailbox_max = self.options.mailbox_max;
            vat.references_max = self.options.references_max;
            vat.turns = self.options.turns;
        }
        if let Some(second) = launch.vats.get_mut(1) {
            second.when_quarantined = WhenQuarantined::Reject;
        }
        let subcluster = self.kernel.launch(launch).expect("the name is free");
        self.meet();
        self.introduce(subcluster);
    }

    /// A new vat has its own root, and for each of its peers and the channel a caretaker, and nothing else.
    fn introduce(&mut self, subcluster: SubclusterId) {
        let own: Vec<VatId> =
            self.kernel.vats().filter(|vat| vat.row.subcluster == subcluster).map(|vat| vat.id).collect();
        let roots: BTreeSet<Kref> = own.iter().filter_map(|vat| self.kernel.root_of(*vat)).collect();
        for vat in own.iter().copied() {
            let held: Names = self.kernel.references(vat).collect();
            let grants: Vec<_> = self.kernel.grants(vat).map(|grant| (grant.caretaker, grant.target)).collect();
            let doors = grants.iter().filter(|(_, target)| !roots.contains(target)).count();
            assert!(
                doors == 1 && grants.len() == own.len() && held.len() == own.len() + 1,
                "{vat} is launched with {held:?}"
            );
            for (caretaker, target) in grants {
                self.model.guard(caretaker.expect("each grant is a caretaker of its own"), Some(target), None);
            }
            held.values().for_each(|kref| self.model.give(vat, *kref));
        }
    }

    /// Every living vat has a worker, and nobody else.
    pub fn meet(&mut self) {
        let living: BTreeSet<VatId> = self.kernel.vats().map(|vat| vat.id).collect();
        for gone in self.workers.keys().filter(|vat| !living.contains(vat)).copied().collect::<Vec<_>>() {
            self.workers.remove(&gone);
            self.model.forget_watches(gone);
        }
        for vat in living {
            self.workers.entry(vat).or_default();
        }
    }

    pub fn check(&self) {
        self.kernel.audit().unwrap_or_else(|discrepancy| panic!("{discrepancy}"));
    }

    pub fn commit(&mut self) {
        let commit = self.kernel.take_commit();
        let left = self.fates.check(&commit, &self.disk);
        self.note_rows(&commit);
        self.disk.write(commit);
        let next = self.next_promise.replace(self.disk.counters.promise);
        assert!(next.is_none_or(|next| next == self.disk.counters.promise), "promises are numbered in turn");
        let refused = self.fates.judge(left, &self.model, &self.disk);
        if refused > 0 {
            self.note("a message is answered without a delivery");
        }
        for output in self.kernel.take_outputs() {
            self.log(&output);
            self.let_out(output);
        }
        self.commits += 1;
        if self.commits.is_multiple_of(32) {
            self.check_settled_promises();
        }
        self.model.commit();
        self.order.commit();
        self.fates.commit();
    }

    fn let_out(&mut self, output: Output) {
        match output {
            Output::Call(call) => {
                if let Some(number) = number_of(&call.args.body)
                    && let Some(on) = self.model.sent_on(number, &call.method)
                {
                    self.order.arrived(number, on);
                }
                self.calls.push(call);
            }
            Output::Answered { ask, resolution } => {
                assert!(self.asked.remove(&ask).is_some(), "a question is answered once");
                self.model.end(None, &named(&resolution, |kref| Some(*kref)));
                self.hear(&resolution);
            }
            Output::Released(_) => self.note("a connection is released"),
            Output::Exited(_, Ok(_)) => self.note("a vat exits well"),
            Output::Exited(_, Err(_)) => self.note("a vat exits with an error"),
        }
    }

    fn hear(&mut self, resolution: &Resolution<Kref>) {
        match resolution {
            Resolution::Fulfilled(payload) | Resolution::Broken(payload) => self.shown.extend(&payload.caps),
            Resolution::Forwarded(kref) => self.shown.push(*kref),
            Resolution::Failed(code) => self.note_failure(*code),
        }
    }

    pub fn note_failure(&mut self, code: Code) {
        let event = SOMETIMES.iter().find(|event| event.strip_prefix("failed ") == Some(code.as_str()));
        if let Some(event) = event {
            self.note(event);
        }
    }

    /// The process dies: the world goes on from the last commit.
    pub fn crash(&mut self) {
        let notices = |kernel: &Kernel| kernel.vats().map(|vat| vat.queued).sum::<usize>();
        if !self.flying.is_empty() {
            self.note("a crash loses cranks under way");
        }
        self.kernel = Kernel::load(self.disk.state()).unwrap_or_else(|corrupt| panic!("{corrupt}"));
        if notices(&self.kernel) > self.disk.queue.len() {
            self.note("an object is dropped at a crash");
        }
        self.flying.clear();
        self.connections.clear();
        self.asked.clear();
        self.shown.clear();
        self.calls = self.kernel.unanswered_calls();
        if !self.calls.is_empty() {
            self.note("the host finds calls that it had not answered");
        }
        self.next_promise = Some(self.disk.counters.promise);
        self.model.crash();
        self.order.crash();
        self.fates.crash(&self.disk);
        self.meet();
        for (vat, worker) in &mut self.workers {
            let own = self.disk.store.range((*vat, Vec::new())..).take_while(|((of, _), _)| of == vat);
            let store = own.map(|((_, key), value)| (key.clone(), value.caps.clone())).collect();
            *worker = Worker { store, ..Worker::default() };
        }
    }

    /// One act of whoever: then everything must still be true.
    pub fn step(&mut self) {
        self.kernel.tell_time(self.now());
        let act = if self.workers.is_empty() { Act::Launch } else { self.options.acts.pick(&mut self.chance) };
        match act {
            Act::Begin => self.begin_one(),
            Act::Finish => self.finish_one(),
            act => self.operate(act),
        }
        self.acts += 1;
        // To count a large world again takes long, so that it is done less often there.
        let every = if self.options.audit == Audit::EveryAct { 1 } else { 16 };
        if self.acts >= self.audited + every.max(self.disk.len() / 32) {
            self.audited = self.acts;
            self.check();
        }
    }

    /// The time that the kernel was told last.
    pub fn now(&self) -> u64 {
        self.acts + 1
    }

    /// While nothing fails for good, cranks go on.
    pub fn check_it_moves(&self) {
        let vats: Vec<_> = self
            .kernel
            .vats()
            .map(|vat| (vat.id, vat.row.status.clone(), vat.queued, self.kernel.resting(vat.id)))
            .collect();
        assert!(
            self.acts < 1_000 + 100 * self.cranks,
            "the world stands still: {vats:?}, {} under way",
            self.flying.len()
        );
    }

    pub fn random_vat(&mut self) -> Option<VatId> {
        let vats: Vec<_> = self.workers.keys().copied().collect();
        self.chance.pick(&vats)
    }

    /// `None` if it is not known what was made before; it is after each commit.
    pub fn new_promise(&mut self) -> Option<PromiseId> {
        let next = self.next_promise?;
        self.next_promise = Some(next + 1);
        Some(PromiseId(next))
    }

    /// Perhaps a promise was made, perhaps not.
    pub fn lose_count_of_promises(&mut self) {
        self.next_promise = None;
    }

    /// Somebody may have made promises that the model knows nothing of.
    pub fn count_promises_anew(&mut self) {
        self.next_promise = None;
        self.commit();
    }

    /// A question from outside.
    pub fn ask(&mut self, target: Kref, caps: Vec<Kref>) {
        let body = self.next_body();
        match self.kernel.ask(target, "poke", Payload { body: body.clone(), caps: caps.clone() }) {
            Ok(ask) => {
                let promise =
                    self.new_promise().expect("only a vat that ends is not understood, and its crank is committed");
                self.host_sent(&body, target, caps, Wanted::AtPromise(promise));
                self.asked.insert(ask, promise);
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    /// A message from outside whose answer nobody wants.
    pub fn send(&mut self, target: Kref, caps: Vec<Kref>) {
        let body = self.next_body();
        match self.kernel.send(target, "poke", Payload { body: body.clone(), caps: caps.clone() }) {
            Ok(()) => self.host_sent(&body, target, caps, Wanted::Nowhere),
            Err(refusal) => self.refused(&refusal),
        }
    }

    pub fn next_body(&mut self) -> Body {
        self.model.next += 1;
        body_of(self.model.next)
    }

    fn host_sent(&mut self, body: &Body, target: Kref, caps: Vec<Kref>, wanted: Wanted) {
        let sent = Sent { on: Some(target), method: "poke".to_owned(), wanted };
        self.model.send(body, caps.into_iter().map(Some).collect(), sent);
        self.fates.accepted("poke", self.model.next);
    }

    fn refused(&mut self, refusal: &Refusal) {
        assert!(matches!(refusal, Refusal::NoSuchReference(_)), "{refusal}");
        self.note("the host names what is gone");
    }

    /// A settled promise has a row only as long as somebody names it; to hold its spent resolver is nothing (kernel-rules 9).
    fn check_settled_promises(&self) {
        let mut unnamed = self.disk.settled_promises_that_no_row_names();
        for vat in self.workers.keys() {
            for (_, kref) in self.kernel.references(*vat) {
                unnamed.remove(&kref);
            }
        }
        for kref in &self.shown {
            unnamed.remove(kref);
        }
        if !unnamed.is_empty() && !self.kernel.has_ending() {
            let watched = self.model.reach_of_watches(self.asked.values().map(|promise| Kref::Promise(*promise)));
            let kept: Vec<_> = unnamed.iter().filter(|kref| !watched.contains(kref)).collect();
            assert!(kept.is_empty(), "settled promises have rows that nobody needs: {kept:?}");
        }
    }

    fn note_rows(&mut self, commit: &Commit) {
        for change in &commit.queue {
            match change.value.as_ref().map(|queued| queued.queue) {
                Some(Queue::Promise(_)) => self.note("a message waits on a promise"),
                Some(Queue::Host) => self.note("a message waits for the host"),
                Some(Queue::Inbox(_)) | None => {}
            }
        }
        for change in &commit.dead_letters {
            match change.value.as_ref().map(|letter| letter.why) {
                Some(Why::MailboxFull) => self.note("an answer becomes a dead letter"),
                Some(Why::KilledTheProcess) => self.note("poison becomes a dead letter"),
                Some(Why::Damaged) | None => {}
            }
        }
        for change in &commit.promises {
            match &change.value {
                Some(Promise::Settled(Answer::Forward(Kref::Promise(_)))) => {
                    self.note("a promise is forwarded to a promise")
                }
                Some(Promise::Settled(Answer::Forward(Kref::Resolver(_)))) => {
                    self.note("a promise is forwarded to a resolver")
                }
                Some(Promise::Unsettled { listeners }) if listeners.len() > 1 => self.note("two listen to one promise"),
                Some(_) | None => {}
            }
        }
        for change in &commit.clist {
            match change.value.as_ref().map(|row| row.kref) {
                Some(Kref::Promise(_)) => self.note("a promise is kept in a store"),
                Some(Kref::Resolver(_)) => self.note("a resolver is kept in a store"),
                Some(Kref::Object(_)) | None => {}
            }
        }
    }
}
