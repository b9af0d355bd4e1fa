//! The engine with a real guest: the vat of `sample-vats/raw`, which has a method for each thing tried here.

mod components;
mod cranks;
mod hostile;
mod store;
mod surroundings;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use ocap_kernel::{
    Answer, Boot, ClistEntry, Company, Crank, CrankId, Delivery, Exposed, Held, Lifetime, Outcome, Payload, Report,
    Slot, Syscall, VatId,
};

use ocap_worker::VatStore;

use super::{Code, CrankTime, Delivered, Engine, Identity, Instance, Limits};

/// The component, built on first use: these tests never run without it.
fn guest() -> &'static [u8] {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let target = root.join("target/raw-guest");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2", "--manifest-path"])
            .arg(root.join("sample-vats/raw/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(built.success(), "sample-vats/raw does not build");
        std::fs::read(target.join("wasm32-wasip2/release/raw.wasm")).expect("the component")
    })
}

/// The component, compiled once for all tests.
fn code() -> Code {
    static CODE: OnceLock<Code> = OnceLock::new();
    CODE.get_or_init(|| Engine::new(None).expect("an engine").prepare(guest()).expect("a vat")).clone()
}

/// The slot of the vat's own root object.
const ROOT: Slot = Slot(1);
/// The slot of its one grant.
const PEER: Slot = Slot(2);
/// The slot under which each message's resolver is delivered.
const RESOLVER: Slot = Slot(90);

/// A vat, and as much of a kernel as it needs. Crank n hands out slots from 100 n on.
struct Vat {
    instance: Instance,
    cranks: u64,
    incarnation: u64,
    now: CrankTime,
}

impl Vat {
    /// A vat that has started.
    fn new() -> Vat {
        let mut vat = Vat::with(Limits::default(), b"");
        assert_eq!(vat.start().report.outcome, Outcome::Done);
        vat
    }

    /// A vat that has not.
    fn with(limits: Limits, parameters: &[u8]) -> Vat {
        Vat::seeded(limits, parameters, [7; 32])
    }

    fn seeded(limits: Limits, parameters: &[u8], seed: [u8; 32]) -> Vat {
        let identity = Identity {
            vat: VatId(1),
            name: "raw".to_owned(),
            parameters: parameters.into(),
            seed,
            upgraded_from: None,
        };
        let stored = vec![(b"old".to_vec(), Payload { body: b"value"[..].into(), caps: vec![Slot(3)] })];
        let instance = Instance::new(identity, code(), limits, VatStore::whole(stored, limits.store_bytes));
        Vat { instance, cranks: 0, incarnation: 0, now: CrankTime::default() }
    }

    fn start(&mut self) -> Delivered {
        self.incarnation += 1;
        let root = Exposed { object: 0, lifetime: Lifetime::Durable };
        let boot = Boot {
            incarnation: self.incarnation,
            upgraded_from: None,
            clist: vec![
                ClistEntry { slot: ROOT, local: Some(root) },
                ClistEntry { slot: PEER, local: None },
                ClistEntry { slot: Slot(3), local: None },
            ],
            grants: vec![("peer".to_owned(), PEER)],
        };
        self.deliver(Delivery::Start(boot))
    }

    fn deliver(&mut self, delivery: Delivery) -> Delivered {
        self.cranks += 1;
        let (vat, next_slot) = (VatId(1), Slot(100 * self.cranks));
        let company = Company::Among;
        let crank = Crank { id: CrankId(self.cranks), vat, message: None, next_slot, delivery, company };
        self.instance.deliver(&crank, self.now)
    }

    /// A message with references, and what came of it.
    fn message(&mut self, method: &str, body: &str, caps: &[Slot]) -> Delivered {
        let caps = caps.iter().map(|&slot| Held { slot, local: (slot == ROOT).then_some(0) }).collect();
        let args = Payload { body: body.as_bytes().into(), caps };
        let resolver = Some(Held { slot: RESOLVER, local: None });
        self.deliver(Delivery::Message { object: 0, method: method.to_owned(), args, resolver })
    }

    /// The answer to a message that went well.
    fn ask(&mut self, method: &str, body: &str) -> String {
        answer(&self.message(method, body, &[]).report)
    }

    /// Why a message failed.
    fn trap(&mut self, method: &str, body: &str) -> String {
        let report = self.message(method, body, &[]).report;
        match &report.outcome {
            Outcome::Trapped(text) => {
                let nothing = Report {
                    outcome: report.outcome.clone(),
                    syscalls: Vec::new(),
                    store: Vec::new(),
                    taken: Vec::new(),
                    dropped: Vec::new(),
                };
                assert_eq!(report, nothing, "a failed crank has no effect");
                assert!(!self.instance.is_live(), "its heap is gone");
                text.clone()
            }
            other => panic!("it did not trap: {other:?}"),
        }
    }
}

/// What the vat settled its message's resolver with.
fn answer(report: &Report) -> String {
    assert_eq!(report.outcome, Outcome::Done);
    let answers = report.syscalls.iter().filter_map(|syscall| match syscall {
        Syscall::Settle { resolver: RESOLVER, answer: Answer::Fulfill(payload) } => Some(&payload.body),
        _ => None,
    });
    answers.map(|body| String::from_utf8_lossy(body).into_owned()).collect()
}

fn brief(limits: Limits) -> Limits {
    Limits { crank: Duration::from_millis(100), ..limits }
}
