//! Built components in the tests of [`ocap_guest_testing`]: the host's own engine, in the process of the test, without a home, a database
//! or a socket.
//!
//! ```no_run
//! # use ocap_guest_testing::{Declaration, TestHost};
//! # use ocap_engine_testing::Component;
//! # fn test(host: TestHost) {
//! let [counter] = host.launch([Declaration::running("counter", Component::load("target/vats/counter.wasm"))]);
//! assert_eq!(host.call(&counter, "increment", (5,)), Ok(5));
//! # }
//! ```
//!
//! Everything else is as there: the test's clock, its random, its channels and peers, so that one scenario can be run with both and compared.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use ocap_guest_testing::machine::{Birth, Code, Delivered, Machine};
use ocap_guest_testing::{Level, LogLine};
use ocap_host::engine::{self, CrankTime, Engine, Identity, Instance, Limits};
use ocap_kernel::Crank;
use ocap_worker::VatStore;

/// A component that was compiled by the host's engine.
#[derive(Clone)]
pub struct Component {
    name: String,
    code: engine::Code,
}

impl Component {
    /// Compiles the component in a file.
    ///
    /// # Panics
    /// If it can not be read, or is none that the host would run; the message is the host's.
    pub fn load(file: impl AsRef<Path>) -> Component {
        // The thread of its clock is one for the whole process.
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| Engine::new(None).unwrap_or_else(|error| panic!("{error}")));
        let file = file.as_ref();
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{} can't be read: {error}", file.display()));
        let code = engine.prepare(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
        Component { name: file.display().to_string(), code }
    }
}

impl Code for Component {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&self, birth: Birth) -> Box<dyn Machine> {
        let identity = Identity {
            vat: birth.vat,
            name: birth.name,
            parameters: birth.parameters,
            seed: seed_of(birth.seed),
            upgraded_from: birth.upgraded_from,
        };
        let limits = Limits::default();
        let store = VatStore::whole(birth.store, limits.store_bytes);
        Box::new(Running(Instance::new(identity, self.code.clone(), limits, store)))
    }
}

/// The engine's seeds are longer.
fn seed_of(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}

/// One incarnation in the engine.
struct Running(Instance);

impl Machine for Running {
    fn deliver(&mut self, crank: &Crank, now: Duration) -> Option<Delivered> {
        let delivered = self.0.deliver(crank, CrankTime { wall: now, monotonic: now });
        Some(Delivered { report: delivered.report, log: delivered.logs.into_iter().map(line).collect() })
    }
}

fn line(line: engine::LogLine) -> LogLine {
    let level = match line.level {
        engine::Level::Trace => Level::Trace,
        engine::Level::Debug => Level::Debug,
        engine::Level::Info => Level::Info,
        engine::Level::Warn => Level::Warn,
        engine::Level::Error => Level::Error,
    };
    LogLine { level, message: line.message, fields: line.fields }
}
