//! What a test has in hand.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ocap_guest_sdk::Arguments;
use ocap_guest_sdk::prelude::{Cap, Result, This, Value};
use ocap_guest_sdk::vat::Vat;
use ocap_kernel::{Kref, Unrest, VatStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::code::Native;
use crate::declaration::Declaration;
use crate::log::LogLine;
use crate::machine::Code;
use crate::peer::Script;
use crate::stage::Stage;

/// The host of a test: the real kernel, and everything else in the hand of the test.
///
/// The test itself is a vat. It holds [`Cap`]s, awaits [promises](ocap_guest_sdk::Promise) and can have objects of its own ([`This::ephemeral`]), and what it
/// does takes effect when it stands back: at every function here that says so, and at an await. Then all vats run, one delivery after
/// another, until there is nothing left to deliver; only then the test goes on. Clones are the same host.
#[derive(Clone)]
pub struct TestHost(Rc<RefCell<Stage>>);

impl TestHost {
    /// A host for the test that runs on this thread. `#[vat_test]` makes it.
    pub(crate) fn new(seed: u64) -> TestHost {
        TestHost(Rc::new(RefCell::new(Stage::new(seed))))
    }

    /// Launches a vat that uses nothing, starts it, and gives a capability to its root.
    ///
    /// # Panics
    /// If the test has launched one of that name.
    pub fn vat<R: Vat>(&self, name: &str) -> Cap {
        let [cap] = self.launch([Declaration::of::<R>(name)]);
        cap
    }

    /// Launches vats as one subcluster, starts them, and gives capabilities to their roots.
    ///
    /// # Panics
    /// If a declaration names what is not there, or the test has launched a vat of that name.
    pub fn launch<const N: usize>(&self, vats: [Declaration; N]) -> [Cap; N] {
        let names: Vec<String> = vats.iter().map(|vat| vat.name.clone()).collect();
        // A handle may only end while the test runs.
        let _granted: Vec<Cap> = vats.iter().flat_map(Declaration::granted).cloned().collect();
        self.say(format!("the test launches {}", names.join(", ")));
        let caps = self.act(|stage| {
            let ids = crate::declaration::launch(stage, vats.into());
            stage.settle();
            stage.run();
            ids.iter().map(|id| stage.kernel.root_of(*id).expect("it was launched")).collect()
        });
        <[Cap; N]>::try_from(caps).expect("one for each")
    }

    /// Sends a message, runs everything, and gives the answer.
    ///
    /// # Errors
    /// The answer's, or that it does not fit `T`.
    ///
    /// # Panics
    /// If there is no answer when nothing is left to be delivered.
    pub fn call<T: DeserializeOwned>(&self, target: &Cap, method: &str, args: impl Arguments) -> Result<T> {
        self.wait(target.call(method, args))
    }

    /// Runs everything until a future is ready: a promise, or anything made of them.
    ///
    /// # Panics
    /// If it is not ready when nothing is left to be delivered.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(it) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return it;
            }
            let before = self.0.borrow().progress;
            self.run();
            let stage = self.0.borrow();
            if stage.progress == before {
                let timers = match stage.timers.waiting() {
                    0 => String::new(),
                    some => format!(" {some} timers wait: `host.advance(..)` lets time pass."),
                };
                drop(stage);
                panic!("the test waits for what does not come: nothing is left to be delivered.{timers}");
            }
        }
    }

    /// Lets everything run until nothing is left to be delivered.
    pub fn run(&self) {
        self.act(|stage| {
            stage.run();
            Vec::new()
        });
    }

    /// Lets one delivery be made, and says whether there was one.
    pub fn step(&self) -> bool {
        let mut stepped = false;
        self.act(|stage| {
            stepped = stage.step();
            Vec::new()
        });
        stepped
    }

    /// An object of the test that answers as a script says: a peer for the vat under test. The script gets the method's name and the
    /// arguments. What it returns is the answer; a promise is a late one.
    pub fn peer<T: Serialize>(&self, script: impl FnMut(&str, Vec<Value>) -> Result<T> + 'static) -> Cap {
        This::ephemeral(Script::new(script)).cap()
    }

    /// A new client of a channel that a vat uses.
    ///
    /// # Panics
    /// If there is no channel of that name.
    pub fn connect(&self, channel: &str) -> Client {
        let mut stage = self.0.borrow_mut();
        let stage = &mut *stage;
        let channel = stage.channels.find(channel);
        let client = stage.channels.connect(&mut stage.kernel);
        Client::new(self.clone(), channel, client)
    }

    /// What the clocks say, since 1970. A test begins with the year 2026.
    pub fn now(&self) -> Duration {
        self.0.borrow().now
    }

    /// Lets time pass: every timer fires at its moment, and everything runs before the next one does.
    pub fn advance(&self, span: Duration) {
        self.say(format!("{span:?} pass"));
        self.act(|stage| {
            stage.run();
            let end = stage.now + span;
            while let Some(due) = stage.timers.next().filter(|due| *due <= end) {
                stage.now = due.max(stage.now);
                stage.timers.fire(&mut stage.kernel, stage.now);
                stage.settle();
                stage.run();
            }
            stage.now = end;
            Vec::new()
        });
    }

    /// Gives a vat a new heap, as a restart, an upgrade, a trap or the end of the host's process do. What it kept in its store and its
    /// durable objects stay; promises that it had to settle break, and objects of its incarnation are gone.
    ///
    /// # Panics
    /// If it is quarantined, or the test has launched no vat of that name.
    pub fn restart(&self, vat: &str) {
        self.say(format!("the test restarts {vat}"));
        self.act(|stage| {
            stage.run();
            let id = stage.vat(vat);
            stage.lose_heap(id);
            stage.kernel.restart(id).unwrap_or_else(|refusal| panic!("`{vat}` can't be restarted: {refusal}"));
            stage.settle();
            stage.run();
            Vec::new()
        });
    }

    /// Gives a vat other code for what it keeps. Should the new code fail to start, the vat goes on with the old one.
    ///
    /// # Errors
    /// That the new code did not start.
    ///
    /// # Panics
    /// If the test has launched no vat of that name.
    pub fn upgrade<R: Vat>(&self, vat: &str) -> std::result::Result<(), NotStarted> {
        self.upgrade_to(vat, Native::of::<R>())
    }

    /// The same with any code.
    ///
    /// # Errors
    /// That the new code did not start.
    ///
    /// # Panics
    /// If the test has launched no vat of that name.
    pub fn upgrade_to(&self, vat: &str, code: impl Code + 'static) -> std::result::Result<(), NotStarted> {
        self.say(format!("the test upgrades {vat} to {}", code.name()));
        let mut outcome = Ok(());
        self.act(|stage| {
            stage.run();
            let id = stage.vat(vat);
            let code = stage.code(Rc::new(code)).to_le_bytes();
            stage.lose_heap(id);
            stage.kernel.upgrade(id, code.as_slice().into()).expect("the vat lives");
            stage.settle();
            stage.run();
            if stage.kernel.vat(id).is_none_or(|vat| *vat.row.code != code) {
                outcome = Err(NotStarted);
            }
            Vec::new()
        });
        outcome
    }

    /// Takes a grant back, wherever it was passed on.
    ///
    /// # Panics
    /// If the vat has no such grant.
    pub fn revoke(&self, vat: &str, grant: &str) {
        self.say(format!("the test revokes {grant} of {vat}"));
        self.act(|stage| {
            let id = stage.vat(vat);
            let revoked = stage.kernel.revoke_grant(id, grant);
            revoked.unwrap_or_else(|refusal| panic!("`{grant}` can't be revoked: {refusal}"));
            stage.settle();
            stage.run();
            Vec::new()
        });
    }

    /// What a vat has logged, from its first incarnation on, also in deliveries that failed.
    pub fn logs(&self, vat: &str) -> Vec<LogLine> {
        let stage = self.0.borrow();
        let id = stage.vat(vat);
        stage.logs.iter().filter(|(of, _)| *of == id).map(|(_, line)| line.clone()).collect()
    }

    /// Why a vat is quarantined, if it is.
    pub fn quarantine(&self, vat: &str) -> Option<String> {
        let stage = self.0.borrow();
        match &stage.kernel.vat(stage.vat(vat))?.row.status {
            VatStatus::Quarantined(reason) => Some(String::from_utf8_lossy(reason).into_owned()),
            _ => None,
        }
    }

    /// Which incarnation of a vat lives: 1 is the first.
    pub fn incarnation(&self, vat: &str) -> u64 {
        let stage = self.0.borrow();
        stage.kernel.vat(stage.vat(vat)).map_or(0, |vat| vat.incarnation)
    }

    /// Runs everything, and checks that every vat could leave memory with nothing lost: it waits for nothing, holds nothing but what it
    /// keeps, and nobody holds an object of its incarnation.
    ///
    /// # Panics
    /// If one could not; the message says what holds it.
    pub fn assert_at_rest(&self) {
        self.run();
        let stage = self.0.borrow();
        let restless = stage.vats().filter_map(|id| {
            let unrest: Vec<String> = stage.kernel.unrest(id).iter().map(in_words).collect();
            (!unrest.is_empty()).then(|| format!("`{}` {}", stage.vat_name(id), unrest.join(", ")))
        });
        let restless: Vec<String> = restless.collect();
        drop(stage);
        assert!(restless.is_empty(), "not at rest: {}", restless.join("; "));
    }

    /// What happened so far: every delivery, and what came of it. A test that fails prints it.
    pub fn story(&self) -> String {
        match self.0.try_borrow() {
            Ok(stage) => stage.story.to_string(),
            Err(_) => "(the host is in the middle of something)\n".to_owned(),
        }
    }

    /// The test stands back while `act` is done, and then goes on with the references that it gives.
    pub(crate) fn act(&self, act: impl FnOnce(&mut Stage) -> Vec<Kref>) -> Vec<Cap> {
        let mut stage = self.0.borrow_mut();
        stage.close();
        let krefs = act(&mut stage);
        stage.resume(krefs)
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Stage) -> R) -> R {
        look(&mut self.0.borrow_mut())
    }

    pub(crate) fn say(&self, text: String) {
        self.0.borrow_mut().story.act(text);
    }
}

/// New code failed to start: the vat goes on with the code before. Its log and the story of the run say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotStarted;

impl std::fmt::Display for NotStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the new code did not start")
    }
}

impl std::error::Error for NotStarted {}

fn in_words(unrest: &Unrest) -> String {
    match unrest {
        Unrest::InCrank => "is in a delivery".to_owned(),
        Unrest::Queued(count) => format!("has {count} deliveries waiting"),
        Unrest::Pinned => "has pinned itself".to_owned(),
        Unrest::Watches(count) => format!("waits for {count} promises"),
        Unrest::Handles(count) => format!("holds {count} references that it does not keep"),
        Unrest::Objects(count) => format!("has {count} objects of its incarnation that others hold"),
    }
}
