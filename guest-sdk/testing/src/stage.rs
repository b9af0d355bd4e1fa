//! The kernel with everything around it: the vats, the test as one more of them, and what stands in for the outside.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ocap_guest_sdk::bindings::play;
use ocap_guest_sdk::prelude::*;
use ocap_kernel::{
    Boot, Change, Crank, CrankId, Delivery, Kernel, Kref, Launch, LaunchVat, Outcome, Output, Payload, Report, Slot,
    SubclusterId, VatId, Verdict, WhenQuarantined,
};
use ocap_worker::VatStore;

use crate::chance::Chance;
use crate::channel::Channels;
use crate::code::Native;
use crate::hands::Hands;
use crate::incarnation::{STORE_BYTES, name_of};
use crate::log::LogLine;
use crate::machine::{Birth, Code, Delivered, Machine};
use crate::story::{Names, Story};
use crate::timer::Timers;

/// When every test begins: 2026-01-01, 00:00 UTC.
const BEGINNING: Duration = Duration::from_secs(1_767_225_600);
/// Deliveries in a row after which a test is taken to go in a circle.
const DELIVERIES_MAX: u64 = 100_000;

/// What the test itself is to the kernel: a vat whose code is the test.
#[derive(Durable, Default)]
struct Test {}

#[object]
impl Test {}

vat!(Test);

pub(crate) struct Stage {
    pub(crate) kernel: Kernel,
    pub(crate) now: Duration,
    pub(crate) timers: Timers,
    pub(crate) channels: Channels,
    pub(crate) story: Story,
    pub(crate) logs: Vec<(VatId, LogLine)>,
    seats: BTreeMap<VatId, Seat>,
    codes: Vec<Rc<dyn Code>>,
    /// What vats have stored, as the kernel committed it.
    disk: BTreeMap<(VatId, Vec<u8>), Payload<Slot>>,
    test: TestSeat,
    flying: VecDeque<Crank>,
    seed: u64,
    chance: Chance,
    /// How much has happened.
    pub(crate) progress: u64,
}

/// A vat's place.
#[derive(Default)]
struct Seat {
    /// While it has a heap.
    machine: Option<Box<dyn Machine>>,
    /// The code that ran last.
    last_code: usize,
}

struct TestSeat {
    id: VatId,
    birth: Birth,
    hands: Hands,
    store: VatStore,
    /// The crank in which the test's own code runs; none while the others do.
    open: Option<CrankId>,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Stage {
        let mut kernel = Kernel::empty();
        kernel.launch(launch("test", Vec::new(), vec![vat("test", 0, [].into(), Vec::new())])).expect("a first launch");
        let crank = kernel.begin().expect("a vat that was launched starts");
        let Delivery::Start(boot) = &crank.delivery else { panic!("the first delivery is the start") };
        let birth = Birth {
            vat: crank.vat,
            name: "test".to_owned(),
            parameters: [].into(),
            upgraded_from: None,
            boot: boot.clone(),
            seed,
            store: Vec::new(),
        };
        let hands = Hands::new(&birth);
        play(Some(Box::new(hands.clone())));
        hands.begin(&crank, VatStore::whole(Vec::new(), STORE_BYTES), BEGINNING);
        let started = hands.deliver(&crank.delivery, Native::of::<Test>(), &birth);
        assert_eq!(started, Ok(Ok(())), "the test starts");
        let test = TestSeat { id: crank.vat, birth, hands, store: VatStore::default(), open: Some(crank.id) };
        Stage {
            kernel,
            now: BEGINNING,
            timers: Timers::default(),
            channels: Channels::default(),
            story: Story::default(),
            logs: Vec::new(),
            seats: BTreeMap::new(),
            codes: vec![Rc::new(Native::of::<Test>())],
            disk: BTreeMap::new(),
            test,
            flying: VecDeque::new(),
            seed,
            chance: Chance::new(seed),
            progress: 0,
        }
    }

    /// The number under which the kernel's rows have this code.
    pub(crate) fn code(&mut self, code: Rc<dyn Code>) -> usize {
        self.codes.push(code);
        self.codes.len() - 1
    }

    /// Launches a subcluster and gives its vats' ids.
    pub(crate) fn launch(&mut self, launch: Launch) -> Vec<VatId> {
        let subcluster =
            self.kernel.launch(launch).unwrap_or_else(|refusal| panic!("the launch is refused: {refusal}"));
        let ids: Vec<VatId> = self.vats_of(subcluster);
        self.seats.extend(ids.iter().map(|id| (*id, Seat::default())));
        ids
    }

    fn vats_of(&self, subcluster: SubclusterId) -> Vec<VatId> {
        self.kernel.vats().filter(|vat| vat.row.subcluster == subcluster).map(|vat| vat.id).collect()
    }

    /// The vat of that name.
    pub(crate) fn vat(&self, name: &str) -> VatId {
        let found = self.seats.keys().find(|id| self.kernel.vat(**id).is_some_and(|vat| vat.row.name == name));
        *found.unwrap_or_else(|| panic!("the test launched no vat `{name}`, or it has ended"))
    }

    pub(crate) fn vats(&self) -> impl Iterator<Item = VatId> {
        self.seats.keys().copied()
    }

    pub(crate) fn vat_name(&self, id: VatId) -> String {
        self.kernel.vat(id).map_or_else(|| id.to_string(), |vat| vat.row.name.clone())
    }

    /// What a capability of the test refers to.
    pub(crate) fn kref(&self, cap: &Cap) -> Kref {
        let slot = cap.slot();
        let found = self.kernel.references(self.test.id).find(|(known, _)| known.0 == slot);
        found.expect("the test holds what it names").1
    }

    /// The test stands back: what it did takes effect.
    pub(crate) fn close(&mut self) {
        // What it spawned runs first, as at the end of any delivery.
        ocap_guest_sdk::vat::settled(Vec::new());
        let crank = self.test.open.take().expect("the test does one thing at a time");
        let delivered = self.end_in_test();
        self.progress += delivered.report.syscalls.len() as u64;
        self.finish_test(crank, delivered);
    }

    /// The test goes on, with these references.
    pub(crate) fn resume(&mut self, krefs: Vec<Kref>) -> Vec<Cap> {
        let root = self.kernel.root_of(self.test.id).expect("the test lives");
        let caps = Payload { body: [].into(), caps: krefs };
        self.kernel.send(root, "go on", caps).expect("what the test asks for exists");
        loop {
            let crank = self.next_of_test();
            match &crank.delivery {
                Delivery::Message { object: 0, method, args, .. } if method == "go on" => {
                    self.test.hands.begin(&crank, std::mem::take(&mut self.test.store), self.now);
                    self.test.open = Some(crank.id);
                    let caps = args.caps.iter().map(|held| self.test.hands.cap(*held).expect("room for handles"));
                    return caps.map(Cap::new).collect();
                }
                _ => self.run_in_test(crank),
            }
        }
    }

    fn next_of_test(&mut self) -> Crank {
        loop {
            if let Some(at) = self.flying.iter().position(|crank| crank.vat == self.test.id) {
                return self.flying.remove(at).expect("just found");
            }
            let crank = self.kernel.begin().expect("a message waits for the test");
            self.flying.push_back(crank);
        }
    }

    /// Runs everything until nothing is left to be delivered.
    pub(crate) fn run(&mut self) {
        let begun = self.progress;
        while self.step() {
            if self.progress - begun > DELIVERIES_MAX {
                panic!("{DELIVERIES_MAX} deliveries, and there is still more to do: does something go in a circle?");
            }
        }
    }

    /// Runs one delivery, and says whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        for vat in self.seats.keys() {
            self.kernel.rested(*vat);
        }
        // Without a seed there is one order, the simplest. With one, any that the host might choose.
        while self.flying.is_empty() || self.seed != 0 {
            let Some(crank) = self.kernel.begin() else { break };
            self.flying.push_back(crank);
        }
        let at = if self.seed == 0 || self.flying.is_empty() { 0 } else { self.chance.below(self.flying.len()) };
        let Some(crank) = self.flying.remove(at) else { return false };
        match crank.vat == self.test.id {
            true => self.run_in_test(crank),
            false => self.run_at(crank),
        }
        true
    }

    /// A delivery to an object of the test. If that panics, the test has failed.
    fn run_in_test(&mut self, crank: Crank) {
        self.story.delivery("test", &crank.delivery);
        self.test.hands.begin(&crank, std::mem::take(&mut self.test.store), self.now);
        let told = self.test.hands.deliver(&crank.delivery, Native::of::<Test>(), &self.test.birth);
        told.unwrap_or_else(|broken| panic!("the test broke a rule of the ABI: {}", broken.0)).expect("no start");
        let delivered = self.end_in_test();
        self.progress += 1;
        self.finish_test(crank.id, delivered);
    }

    fn end_in_test(&mut self) -> Delivered {
        let (store, delivered) = self.test.hands.end(Outcome::Done);
        self.test.store = store;
        delivered
    }

    fn finish_test(&mut self, crank: CrankId, delivered: Delivered) {
        let verdict = self.finish(self.test.id, crank, delivered);
        assert_eq!(verdict, Verdict::Applied, "the test breaks no rule");
    }

    fn run_at(&mut self, crank: Crank) {
        self.progress += 1;
        let (id, name) = (crank.vat, self.vat_name(crank.vat));
        self.story.delivery(&name, &crank.delivery);
        if let Delivery::Start(boot) = &crank.delivery {
            self.give_birth(id, boot);
        }
        let seat = self.seats.get_mut(&id).expect("a vat of the test");
        let machine = seat.machine.as_mut().expect("the kernel starts a vat first");
        let Some(delivered) = machine.deliver(&crank, self.now) else {
            panic!("`{name}` does not come back from {}", name_of(&crank.delivery));
        };
        if delivered.report.outcome != Outcome::Done {
            seat.machine = None;
        }
        self.finish(id, crank.id, delivered);
    }

    /// A new incarnation, of what the vat has stored.
    fn give_birth(&mut self, vat: VatId, boot: &Boot) {
        let row = self.kernel.vat(vat).expect("a vat in a crank lives").row;
        let code = number(&row.code);
        let stored = self.disk.range((vat, Vec::new())..).take_while(|((of, _), _)| *of == vat);
        let seat = self.seats.get_mut(&vat).expect("a vat of the test");
        let birth = Birth {
            vat,
            name: row.name.clone(),
            parameters: row.parameters.clone(),
            upgraded_from: boot.upgraded_from.is_some().then(|| self.codes[seat.last_code].name()),
            boot: boot.clone(),
            seed: self.seed,
            store: stored.map(|((_, key), value)| (key.clone(), value.clone())).collect(),
        };
        (seat.machine, seat.last_code) = (Some(self.codes[code].begin(birth)), code);
    }

    fn finish(&mut self, vat: VatId, crank: CrankId, Delivered { report, log }: Delivered) -> Verdict {
        // What the vat held before, and what this delivery gave it.
        let mut names = Names::default();
        names.learn(&self.kernel, vat);
        let verdict = self.kernel.finish(vat, crank, report.clone());
        names.learn(&self.kernel, vat);
        self.story.effects(&names, &report, &log);
        self.logs.extend(log.into_iter().map(|line| (vat, line)));
        self.story.verdict(&verdict);
        self.settle();
        verdict
    }

    /// After each act on the kernel: what it says to the host is done, and everything is counted again.
    pub(crate) fn settle(&mut self) {
        loop {
            // Of the rows only the stores are kept: a test has no second boot.
            for Change { key, value } in self.kernel.take_commit().store {
                match value {
                    Some(value) => self.disk.insert(key, value),
                    None => self.disk.remove(&key),
                };
            }
            let outputs = self.kernel.take_outputs();
            if outputs.is_empty() {
                break;
            }
            outputs.into_iter().for_each(|output| self.output(output));
        }
        self.kernel.audit().unwrap_or_else(|wrong| panic!("a bug of the kernel: {wrong}"));
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Call(call) => {
                let call = match self.timers.take(&mut self.kernel, call, self.now) {
                    Ok(()) => return,
                    Err(call) => call,
                };
                self.channels.take(&mut self.kernel, call);
            }
            Output::Answered { ask, resolution } => self.timers.answered(&mut self.kernel, ask, &resolution),
            Output::Released(object) => self.timers.forget(object),
            Output::Exited(vat, reason) => {
                let how = if reason.is_ok() { "well" } else { "with an error" };
                self.story.note(format!("{vat} ended itself {how}"));
            }
        }
    }

    /// Lets go of the vat's heap and of what is being delivered to it: the kernel has begun, or will begin, anew.
    pub(crate) fn lose_heap(&mut self, vat: VatId) {
        let (lost, rest) = std::mem::take(&mut self.flying).into_iter().partition(|crank| crank.vat == vat);
        self.flying = rest;
        let lost: VecDeque<Crank> = lost;
        for crank in lost {
            let outcome = Outcome::Trapped("its incarnation is over".to_owned());
            let nothing = Report { outcome, syscalls: vec![], store: vec![], taken: vec![], dropped: vec![] };
            self.kernel.finish(vat, crank.id, nothing);
        }
        if let Some(seat) = self.seats.get_mut(&vat) {
            seat.machine = None;
        }
    }
}

/// A subcluster of these vats; the first answers for it.
pub(crate) fn launch(name: &str, host_objects: Vec<(String, String)>, vats: Vec<LaunchVat>) -> Launch {
    let bootstrap = vats.first().expect("a launch has a vat").name.clone();
    Launch { name: name.to_owned(), bootstrap, declaration: [].into(), host_objects, vats }
}

/// A vat with the limits of a declaration that says nothing.
pub(crate) fn vat(
    name: &str,
    code: usize,
    parameters: ocap_kernel::Body,
    grants: Vec<(String, ocap_kernel::Grant)>,
) -> LaunchVat {
    LaunchVat {
        name: name.to_owned(),
        code: code.to_le_bytes().as_slice().into(),
        parameters,
        grants,
        mailbox_max: ocap_kernel::limits::MAILBOX_MESSAGES_DEFAULT,
        references_max: ocap_kernel::limits::REFERENCES_DEFAULT,
        turns: 1,
        when_quarantined: WhenQuarantined::Park,
    }
}

/// The reverse of what [`vat`] writes.
fn number(code: &[u8]) -> usize {
    usize::from_le_bytes(code.try_into().expect("codes are numbers"))
}
