//! Cranks: a vat follows its whims, and what it hears and holds is compared with the model.

use ocap_kernel::*;

use super::model::{Lead, Names, Sent, Wanted, is_notice};
use super::options::Ending;
use super::rule::Killer;
use super::run::World;
use super::witness::named;
use super::{Turn, Worker, forge, number_of, whim};

/// The first numbers that are free when a crank's own work begins.
struct Next {
    slot: Slot,
    object: ObjectId,
}

impl World {
    pub fn begin_one(&mut self) {
        if self.flying.len() >= self.options.workers {
            return;
        }
        if let Some(crank) = self.kernel.begin() {
            self.log(&crank);
            self.check_company(&crank);
            self.check_is_open(&crank);
            if let Some(killer) = self.is_poison(&crank) {
                self.note(match killer {
                    Killer::Message(_) => "a message kills the process",
                    Killer::Code => "new code kills the process",
                });
                return self.die(Some((crank, killer)));
            }
            self.flying.push(crank);
            if self.flying.len() == 6 {
                self.note("six vats are in a crank at once");
            }
        } else if self.flying.is_empty() {
            self.poke();
        }
    }

    /// A lone delivery is handed on when everything before it is durable and nothing else is under way.
    fn check_company(&mut self, crank: &Crank) {
        let alone = self.flying.iter().any(|other| other.company == Company::Alone);
        assert!(!alone, "{} begins beside a lone delivery", crank.id);
        if crank.company == Company::Alone {
            assert!(self.flying.is_empty(), "{} begins alone beside {:?}", crank.id, self.flying);
            self.note("a delivery runs alone");
            self.commit();
        }
    }

    fn check_is_open(&mut self, crank: &Crank) {
        if let Delivery::Message { object, args, method, .. } = &crank.delivery
            && let Some(number) = number_of(&args.body).filter(|number| self.model.is_message(*number, method))
            // A listener may be told of a value that came through what was revoked since.
            && !is_notice(method)
            && let Some((slot, _)) = self.workers[&crank.vat].exports.get(object)
            && let Some((_, kref)) = self.kernel.references(crank.vat).find(|(at, _)| at == slot)
        {
            self.model.check_is_open(number, kref);
        }
    }

    pub fn finish_one(&mut self) {
        if self.flying.is_empty() {
            return self.begin_one();
        }
        let index = usize::try_from(self.chance.below(self.flying.len() as u64)).expect("small");
        let crank = self.flying.swap_remove(index);
        let before = self.workers.get(&crank.vat).cloned().unwrap_or_default();
        let mut names: Names = self.kernel.references(crank.vat).collect();
        let mut worker = before.clone();
        let next = Next { slot: crank.next_slot, object: self.kernel.next_object() };
        let made = next.slot;
        let (ending, report) = self.play(&crank, &mut worker, &names);
        let syscalls = report.syscalls.clone();
        let verdict = self.kernel.finish(crank.vat, crank.id, report);
        self.log(&verdict);
        self.cranks += 1;
        let held: Names = self.kernel.references(crank.vat).collect();
        if let (Delivery::Start(boot), Verdict::Quarantined(_) | Verdict::RolledBack(_)) = (&crank.delivery, &verdict) {
            assert_eq!(held, names, "a start that fails leaves everything as before");
            self.check_the_way_back(crank.vat, boot, &verdict);
        }
        if verdict == Verdict::Applied {
            let new: Names = held.iter().filter(|(slot, _)| !names.contains_key(slot)).map(|(a, b)| (*a, *b)).collect();
            names.extend(&new);
            if ending != Ending::ExitBadly {
                self.believe(&crank, &mut names);
                self.record(crank.vat, syscalls, names, next);
            }
            self.model.check_authority(crank.vat, &new);
            self.check_origins(&crank, &new, made);
        }
        self.judge(&crank, &verdict, ending);
        let after = if verdict == Verdict::Applied { worker } else { before };
        if let Some(of_it) = self.workers.get_mut(&crank.vat) {
            *of_it = after;
        }
        if !matches!(verdict, Verdict::Applied | Verdict::Stale) {
            self.model.forget_watches(crank.vat);
        }
        if matches!(ending, Ending::ExitWell | Ending::ExitBadly) {
            self.meet();
            // With its c-list gone, what it was given last can't be named, so that it is not known what it made of it.
            self.count_promises_anew();
        }
    }

    /// New code that fails gives way to the code before; other code stays, and its vat is not served.
    fn check_the_way_back(&self, vat: VatId, boot: &Boot, verdict: &Verdict) {
        let row = self.kernel.vat(vat).expect("a living vat").row;
        match (&boot.upgraded_from, verdict) {
            (Some(before), Verdict::RolledBack(_)) => {
                assert!(
                    row.code == *before && row.upgrade == Upgrade::None && row.status == VatStatus::Active,
                    "{row:?}"
                );
            }
            (None, Verdict::Quarantined(_)) => assert!(matches!(row.status, VatStatus::Quarantined(_)), "{row:?}"),
            (from, verdict) => panic!("{vat} was upgraded from {from:?}, failed, and is {verdict:?}"),
        }
    }

    /// What the vat does with a delivery, and how it ends.
    fn play(&mut self, crank: &Crank, worker: &mut Worker, names: &Names) -> (Ending, Report) {
        let mut turn = Turn::new(worker, crank);
        turn.tag = self.model.next;
        for _ in 0..self.chance.below(self.options.whims_max) {
            let whim = self.options.whims.pick(&mut self.chance);
            whim::follow(whim, &mut self.chance, &mut turn, &mut self.tokens);
        }
        if let Some(resolver) = turn.resolver
            && self.chance.below(4) > 0
            && turn.worker.handles.contains(&resolver)
        {
            let answer = turn.payload(Vec::new());
            turn.settle(resolver, Answer::Fulfill(answer));
        }
        self.model.next = turn.tag;
        turn.worker.handles.extend(unnamed(&crank.delivery));
        let ending = self.options.endings.pick(&mut self.chance);
        match ending {
            Ending::Trap => (ending, turn.trap()),
            Ending::FailToStart if matches!(crank.delivery, Delivery::Start(_)) => {
                (ending, Report { outcome: Outcome::StartFailed("the script says so".to_owned()), ..turn.trap() })
            }
            Ending::BreakARule => {
                let (rule, report) = forge::break_a_rule(&mut self.chance, turn, names);
                self.note(rule);
                (ending, report)
            }
            Ending::ExitWell | Ending::ExitBadly => {
                let reason = Payload::plain([]);
                turn.syscall(Syscall::Exit(if ending == Ending::ExitWell { Ok(reason) } else { Err(reason) }));
                (ending, turn.end())
            }
            Ending::Well | Ending::FailToStart => (Ending::Well, turn.end()),
        }
    }

    /// Compares a delivery with the model, which learns what the vat was given. References that the vat let go of at once have no row
    /// any more: for those the model's word is taken.
    pub fn believe(&mut self, crank: &Crank, names: &mut Names) {
        let name = |held: &Held| names.get(&held.slot).copied();
        let mut given: Vec<(Slot, Option<Kref>)> = Vec::new();
        match &crank.delivery {
            // Nothing new: the c-list is compared as a whole.
            Delivery::Start(_) | Delivery::Dropped(_) => {}
            Delivery::Message { object, method, args, resolver } => {
                let own = self.workers.get(&crank.vat).and_then(|worker| worker.exports.get(object));
                let object = own.and_then(|(slot, _)| names.get(slot)).copied().expect("an object that it exposes");
                let heard = args.map(name);
                let wanted = self.model.receive(object, method, &heard, resolver.as_ref().map(name));
                given.extend(args.caps.iter().map(|held| held.slot).zip(self.model.complete(&heard)));
                given.extend(resolver.map(|held| (held.slot, wanted)));
            }
            Delivery::Settled(ended) => {
                for (token, resolution) in ended {
                    let watched = self.model.unwatch(crank.vat, *token);
                    let watched = watched.unwrap_or_else(|| panic!("{} never watched with token {token}", crank.vat));
                    self.model.end(watched, &named(resolution, name));
                    match resolution {
                        Resolution::Fulfilled(payload) | Resolution::Broken(payload) => {
                            let slots = payload.caps.iter().map(|held| held.slot);
                            given.extend(slots.zip(self.model.complete(&payload.map(name))));
                        }
                        Resolution::Forwarded(held) => given.push((held.slot, name(held))),
                        Resolution::Failed(_) => {}
                    }
                }
            }
        }
        for (slot, kref) in given.into_iter().filter_map(|(slot, kref)| Some((slot, kref?))) {
            names.insert(slot, kref);
            self.model.give(crank.vat, kref);
        }
    }

    /// The model learns what the vat said and made.
    fn record(&mut self, vat: VatId, syscalls: Vec<Syscall>, mut names: Names, mut next: Next) {
        for syscall in syscalls {
            let name = |slot: &Slot| names.get(slot).copied();
            match syscall {
                Syscall::Send { target, method, args, answer } => {
                    let (on, caps) = (name(&target), args.caps.iter().map(name).collect());
                    let wanted = self.wanted(vat, answer, &mut names);
                    if let Some(number) = number_of(&args.body) {
                        self.fates.accepted(&method, number);
                    }
                    self.model.send(&args.body, caps, Sent { on, method, wanted });
                }
                Syscall::NewPromise { promise, resolver } => {
                    if let Some(id) = self.new_promise() {
                        self.make(vat, &mut names, promise, Kref::Promise(id));
                        self.make(vat, &mut names, resolver, Kref::Resolver(id));
                    }
                }
                Syscall::Guard { target, guarded, revoker } => {
                    let target = name(&target);
                    let (caretaker, right) = (next.object, ObjectId(next.object.0 + 1));
                    for (slot, object) in [(guarded, caretaker), (revoker, right)] {
                        self.make(vat, &mut names, slot, Kref::Object(object));
                        next = Next { slot: Slot(slot.0 + 1), object: ObjectId(object.0 + 1) };
                    }
                    self.model.guard(caretaker, target, Some(right));
                }
                Syscall::Settle { resolver, answer } => {
                    let lead = match &answer {
                        Answer::Fulfill(value) | Answer::Break(value) => {
                            self.model.made(&value.body, value.caps.iter().map(name).collect());
                            number_of(&value.body).map(Lead::Value)
                        }
                        Answer::Forward(slot) => name(slot).map(Lead::To),
                    };
                    self.model.settle(name(&resolver), lead);
                }
                Syscall::Expose { slot, .. } => {
                    // Not the first time: the id was bound before.
                    if slot >= next.slot {
                        self.make(vat, &mut names, slot, Kref::Object(next.object));
                        next = Next { slot: Slot(slot.0 + 1), object: ObjectId(next.object.0 + 1) };
                    }
                }
                Syscall::Watch { promise, token } => self.model.watch(vat, token, name(&promise)),
                Syscall::Unwatch { token } => {
                    if self.model.unwatch(vat, token).is_some() {
                        self.note("a watch is taken back");
                    }
                }
                Syscall::Listen { promise, listener } => self.model.listen(name(&listener), name(&promise)),
                Syscall::Pin(_) | Syscall::Exit(_) => {}
            }
        }
    }

    /// The vat has made this under that slot, which the kernel must agree to.
    fn make(&mut self, vat: VatId, names: &mut Names, slot: Slot, kref: Kref) {
        let known = names.insert(slot, kref);
        assert!(known.is_none_or(|known| known == kref), "{slot} of {vat} should be {kref} and is {known:?}");
        self.model.give(vat, kref);
    }

    fn wanted(&mut self, vat: VatId, answer: AnswerTo, names: &mut Names) -> Wanted {
        match answer {
            AnswerTo::Nobody => Wanted::Nowhere,
            AnswerTo::Promise(slot) => {
                let Some(id) = self.new_promise() else { return Wanted::Somewhere };
                self.make(vat, names, slot, Kref::Promise(id));
                Wanted::AtPromise(id)
            }
            AnswerTo::Reference(slot) => match names.get(&slot) {
                Some(Kref::Resolver(promise)) => Wanted::AtPromise(*promise),
                // The callee gets a resolver of the kernel's, never the listener itself (kernel-rules 7).
                Some(listener) => {
                    let id = self.new_promise();
                    self.model.listen(Some(*listener), id.map(Kref::Promise));
                    id.map_or(Wanted::Somewhere, Wanted::AtPromise)
                }
                // If it is a resolver no promise is made for the answer, else one is.
                None => {
                    self.lose_count_of_promises();
                    Wanted::Somewhere
                }
            },
        }
    }

    fn judge(&mut self, crank: &Crank, verdict: &Verdict, ending: Ending) {
        match verdict {
            Verdict::Stale => return self.note("a crank ends after its vat did"),
            Verdict::Applied => {
                assert!(
                    !matches!(ending, Ending::Trap | Ending::BreakARule | Ending::FailToStart),
                    "{ending:?} is applied"
                );
            }
            Verdict::Undone(cause) | Verdict::Quarantined(cause) | Verdict::RolledBack(cause) => match ending {
                Ending::Trap => self.note("a crank traps"),
                Ending::BreakARule => assert!(cause.starts_with("broke a rule: "), "{cause}"),
                Ending::FailToStart => self.note("a start fails"),
                Ending::Well | Ending::ExitWell | Ending::ExitBadly => {
                    assert!(cause.ends_with(" references"), "an honest worker breaks no rule: {cause}");
                    self.note("a vat takes more references than it may hold");
                }
            },
        }
        match verdict {
            Verdict::Quarantined(_) => self.note("a vat falls into quarantine by itself"),
            Verdict::RolledBack(_) => self.note("an upgrade fails and is rolled back"),
            Verdict::Applied | Verdict::Undone(_) | Verdict::Stale => {}
        }
        if self.kernel.resting(crank.vat).is_some() {
            self.note("a vat rests after its traps");
        }
        // With an exit that is an error the crank is undone, and its message is answered with all others, perhaps in a later slice.
        if ending != Ending::ExitBadly {
            self.note_delivery(crank);
        }
    }

    pub fn note_delivery(&mut self, crank: &Crank) {
        match &crank.delivery {
            Delivery::Start(boot) => {
                if boot.upgraded_from.is_some() {
                    self.note("new code starts");
                }
                if boot.incarnation > 1 {
                    self.note("a vat starts again");
                }
            }
            Delivery::Message { method, args, .. } => {
                if let Some(number) = number_of(&args.body)
                    && self.model.is_message(number, method)
                    && !is_notice(method)
                {
                    self.fates.delivered(number);
                    let on = self.model.sent_on(number, method);
                    on.into_iter().for_each(|on| self.order.arrived(number, on));
                    if matches!(on, Some(Kref::Promise(_))) {
                        self.note("a message reaches the end of a promise");
                    }
                }
                self.note("a message is delivered");
                match method.as_str() {
                    "fulfill" => self.note("a listener is told of data"),
                    "forward" => self.note("a listener is told of a reference"),
                    "break" => self.note("a listener is told of an error"),
                    _ => {}
                }
            }
            Delivery::Settled(ended) => {
                self.note("a watch fires");
                if ended.len() > 1 {
                    self.note("several watches fire at once");
                }
                for (_, resolution) in ended {
                    match resolution {
                        Resolution::Failed(code) => self.note_failure(*code),
                        Resolution::Forwarded(_) => self.note("a watch ends with a reference"),
                        Resolution::Broken(_) => self.note("a watch ends with an error of a vat"),
                        Resolution::Fulfilled(_) => {}
                    }
                }
            }
            Delivery::Dropped(objects) => {
                self.note("an object is dropped");
                if objects.len() > 1 {
                    self.note("several objects are dropped at once");
                }
            }
        }
    }
}

/// References of which the model can't know what they are, unless the vat keeps them beyond the crank.
fn unnamed(delivery: &Delivery) -> Vec<Slot> {
    match delivery {
        Delivery::Message { args, .. } if number_of(&args.body).is_none() => {
            args.caps.iter().map(|held| held.slot).collect()
        }
        Delivery::Settled(ended) => ended
            .iter()
            .filter_map(|(_, resolution)| match resolution {
                Resolution::Forwarded(held) => Some(held.slot),
                Resolution::Fulfilled(_) | Resolution::Broken(_) | Resolution::Failed(_) => None,
            })
            .collect(),
        Delivery::Start(_) | Delivery::Message { .. } | Delivery::Dropped(_) => Vec::new(),
    }
}
