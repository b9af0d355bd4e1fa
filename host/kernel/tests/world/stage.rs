//! A stage for scenes: vats by name, cranks in the order that the scene wants, and the audit after every act.

use std::collections::BTreeMap;

use ocap_kernel::*;

use super::{Disk, Turn, Worker, launch};

pub struct Stage {
    pub kernel: Kernel,
    pub disk: Disk,
    pub outputs: Vec<Output>,
    pub vats: BTreeMap<String, VatId>,
    workers: BTreeMap<VatId, Worker>,
    pub flying: BTreeMap<VatId, Crank>,
}

impl Stage {
    /// Vats of one subcluster that hold each other's roots, all of them started.
    pub fn with(names: &[&str]) -> Stage {
        let mut stage = Stage::of(launch("scene", names));
        for name in names {
            stage.turn(name, |_| {});
        }
        stage
    }

    /// The same as declared, none of them started.
    pub fn of(launch: Launch) -> Stage {
        let mut kernel = Kernel::empty();
        kernel.launch(launch).expect("a launch");
        let vats = kernel.vats().map(|vat| (vat.row.name.clone(), vat.id)).collect();
        let workers = kernel.vats().map(|vat| (vat.id, Worker::default())).collect();
        let (disk, flying) = (Disk::default(), BTreeMap::new());
        Stage { kernel, disk, outputs: Vec::new(), vats, workers, flying }
    }

    /// Another subcluster beside, its vats started too. Names are the scene's: no vat has the name of another.
    pub fn join(&mut self, launch: Launch) -> SubclusterId {
        let names: Vec<String> = launch.vats.iter().map(|vat| vat.name.clone()).collect();
        let subcluster = self.kernel.launch(launch).expect("a launch");
        for vat in self.kernel.vats().filter(|vat| vat.row.subcluster == subcluster) {
            self.vats.insert(vat.row.name.clone(), vat.id);
            self.workers.insert(vat.id, Worker::default());
        }
        for name in &names {
            self.turn(name, |_| {});
        }
        subcluster
    }

    pub fn id(&self, vat: &str) -> VatId {
        self.vats[vat]
    }

    pub fn root(&self, vat: &str) -> Kref {
        self.kernel.root_of(self.id(vat)).expect("a living vat has a root")
    }

    /// A vat's slot for what it was granted under a name.
    pub fn grant(&self, vat: &str, name: &str) -> Slot {
        self.workers[&self.id(vat)].grants[name]
    }

    pub fn subcluster(&self) -> SubclusterId {
        self.kernel.subclusters().next().expect("there is one").0
    }

    pub fn door(&self) -> ObjectId {
        self.kernel.host_objects().next().expect("there is one").0
    }

    /// A message from the host to the root of a vat.
    pub fn ask(&mut self, vat: &str, method: &str) -> AskId {
        let root = self.root(vat);
        let ask = self.kernel.ask(root, method, Payload::plain([])).expect("a root exists");
        self.check();
        ask
    }

    /// Begins the vat's next delivery, together with that of every other vat that is ready.
    pub fn begin(&mut self, vat: &str) -> String {
        let id = self.id(vat);
        self.rest();
        while !self.flying.contains_key(&id) {
            let crank = self.kernel.begin().unwrap_or_else(|| panic!("nothing is delivered to {vat}"));
            self.flying.insert(crank.vat, crank);
        }
        told(&self.flying[&id].delivery)
    }

    /// Vats that trapped have waited long enough.
    fn rest(&mut self) {
        for vat in self.vats.values() {
            self.kernel.rested(*vat);
        }
    }

    /// Whether something is delivered to the vat now.
    pub fn is_told(&mut self, vat: &str) -> bool {
        self.rest();
        self.flying.extend(std::iter::from_fn(|| self.kernel.begin()).map(|crank| (crank.vat, crank)));
        self.flying.contains_key(&self.id(vat))
    }

    /// The vat's next delivery, handled by a script: what it was told.
    pub fn turn(&mut self, vat: &str, script: impl FnOnce(&mut Turn<'_>)) -> String {
        let (told, verdict) = self.end(vat, |mut turn| {
            script(&mut turn);
            turn.end()
        });
        assert_eq!(verdict, Verdict::Applied, "{vat} breaks no rule");
        told
    }

    /// The same with something to do: the host sends `go` first, which is not answered.
    pub fn act(&mut self, vat: &str, script: impl FnOnce(&mut Turn<'_>)) {
        self.ask(vat, "go");
        let told = self.turn(vat, |turn| {
            script(turn);
            turn.drop(turn.resolver.expect("the host wants an answer"));
        });
        assert_eq!(told, "0.go");
    }

    /// The same for a vat that has no heap.
    pub fn act_after_start(&mut self, vat: &str, script: impl FnOnce(&mut Turn<'_>)) {
        let root = self.root(vat);
        self.kernel.ask(root, "wake up", Payload::plain([])).expect("a root exists");
        assert_eq!(self.turn(vat, |_| {}), "start");
        self.turn(vat, |turn| turn.drop(turn.resolver.expect("the host wants an answer")));
        self.act(vat, script);
    }

    /// The vat's next delivery, which it does not survive.
    pub fn trap(&mut self, vat: &str) -> Verdict {
        self.end(vat, |turn| turn.trap()).1
    }

    /// The vat's next delivery, with whatever report the script makes of it.
    pub fn end(&mut self, vat: &str, script: impl FnOnce(Turn<'_>) -> Report) -> (String, Verdict) {
        let told = self.begin(vat);
        let crank = self.flying.remove(&self.id(vat)).expect("it was begun");
        let worker = self.workers.get_mut(&crank.vat).expect("a worker");
        let report = script(Turn::new(worker, &crank));
        let verdict = self.kernel.finish(crank.vat, crank.id, report);
        self.check();
        (told, verdict)
    }

    /// Every delivery there is, each handled by doing nothing; resolvers are kept.
    pub fn settle_down(&mut self) {
        loop {
            self.rest();
            self.flying.extend(std::iter::from_fn(|| self.kernel.begin()).map(|crank| (crank.vat, crank)));
            let Some(vat) = self.flying.keys().next().copied() else { return };
            let name = self.vats.iter().find(|(_, id)| **id == vat).expect("a vat of the scene").0.clone();
            self.turn(&name, |_| {});
        }
    }

    pub fn commit(&mut self) {
        self.disk.write(self.kernel.take_commit());
        self.outputs.extend(self.kernel.take_outputs());
    }

    /// The process dies and comes back from its last commit.
    pub fn crash(&mut self) {
        self.kernel = Kernel::load(self.disk.state.clone()).expect("what was committed loads");
        self.flying.clear();
        for (vat, worker) in &mut self.workers {
            let own = self.disk.store.iter().filter(|((of, _), _)| of == vat);
            let store = own.map(|((_, key), value)| (key.clone(), value.caps.clone())).collect();
            *worker = Worker { store, ..Worker::default() };
        }
        self.check();
    }

    /// Stops and starts: everything is committed first.
    pub fn restart(&mut self) {
        self.commit();
        self.crash();
        self.commit();
    }

    /// How a question of the host was answered, if it was.
    pub fn answer(&mut self, asked: AskId) -> Option<String> {
        self.outputs.extend(self.kernel.take_outputs());
        self.outputs.iter().find_map(|output| match output {
            Output::Answered { ask, resolution } if *ask == asked => Some(ended(resolution)),
            Output::Answered { .. } | Output::Call(_) | Output::Released(_) | Output::Exited(..) => None,
        })
    }

    /// What the host was asked and has not answered.
    pub fn calls(&self) -> Vec<HostCall> {
        self.kernel.unanswered_calls()
    }

    pub fn check(&self) {
        self.kernel.audit().unwrap_or_else(|discrepancy| panic!("{discrepancy}"));
    }
}

/// A delivery in few words: `0.hello`, `settled 1=failed resolver-dropped`, `dropped 5`, `start`.
pub fn told(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Start(_) => "start".to_owned(),
        Delivery::Message { object, method, .. } => format!("{object}.{method}"),
        Delivery::Settled(all) => {
            let all: Vec<_> = all.iter().map(|(token, resolution)| format!("{token}={}", ended(resolution))).collect();
            format!("settled {}", all.join(" "))
        }
        Delivery::Dropped(objects) => {
            format!("dropped {}", objects.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
        }
    }
}

/// An end in few words: `done`, `forwarded`, `broken: why`, `failed object-gone`.
fn ended<R>(resolution: &Resolution<R>) -> String {
    let text = |payload: &Payload<R>| String::from_utf8_lossy(&payload.body).into_owned();
    match resolution {
        Resolution::Fulfilled(payload) => text(payload),
        Resolution::Forwarded(_) => "forwarded".to_owned(),
        Resolution::Broken(payload) => format!("broken: {}", text(payload)),
        Resolution::Failed(code) => format!("failed {code}"),
    }
}
