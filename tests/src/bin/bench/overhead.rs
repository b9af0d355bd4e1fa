//! What guest-sdk costs in each delivery: a counter written with it, and the same by hand against the bare contract (`sample-vats/raw`).
//!
//! Both do the same for the same message: read one number, add it to the one in the store, keep the sum, answer it. They take turns on one
//! thread, in the host's own engine, and what is measured is a delivery in it: neither the kernel nor the disk, a socket or another thread is
//! in it. The median of thousands is what a delivery costs that nothing else of the machine came between.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ocap_engine_testing::Component;
use ocap_guest_testing::machine::{Birth, Code, Delivered, Machine};
use ocap_guest_testing::{Declaration, TestHost};
use ocap_kernel::Crank;

use super::{Result, ms};

/// How often each counts.
const CALLS: usize = 10_000;
/// Before that, with what is compiled and grows at first.
const WARM_UP: usize = 500;

/// How long each delivery took.
type Times = Arc<Mutex<Vec<Duration>>>;

/// Measures both in turn, in one process.
pub(super) fn measure(root: &Path, out: &mut impl Write) -> Result<()> {
    let files = [raw_component(root)?, root.join("target/vats/counter.wasm")];
    let times: [Times; 2] = Default::default();
    let taken = times.clone();
    ocap_guest_testing::run(1, move |host| take_turns(&host, &files, &taken));
    let [raw, sdk] = times.map(|times| {
        let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable();
        let micros = |at: usize| ms(times[at]) * 1_000.0;
        [micros(0), micros(times.len() / 4), micros(times.len() / 2)]
    });
    writeln!(out, "a counter's delivery in the engine, {CALLS} in turn, best, quartile and median:")?;
    for (name, [best, quartile, median]) in [("by hand", raw), ("guest-sdk", sdk)] {
        writeln!(out, "  {name} {best:.2}, {quartile:.2} and {median:.2} us")?;
    }
    writeln!(out, "  guest-sdk adds {:.2} us to a delivery, the difference of the medians", sdk[2] - raw[2])?;
    Ok(())
}

/// After this the times are those of the calls that count.
fn take_turns(host: &TestHost, files: &[PathBuf; 2], times: &[Times; 2]) {
    let timed = |which: usize| Timed { code: Component::load(&files[which]), times: times[which].clone() };
    let vats = host.launch([Declaration::running("raw", timed(0)), Declaration::running("sdk", timed(1))]);
    for call in 0..WARM_UP + CALLS {
        if call == WARM_UP {
            times.iter().for_each(|times| times.lock().unwrap_or_else(PoisonError::into_inner).clear());
        }
        for vat in &vats {
            let sum = host.call(vat, "increment", (1,));
            assert_eq!(sum, Ok(call as u64 + 1), "both count");
        }
    }
}

/// Code whose deliveries are timed.
struct Timed {
    code: Component,
    times: Times,
}

impl Code for Timed {
    fn name(&self) -> String {
        self.code.name()
    }

    fn begin(&self, birth: Birth) -> Box<dyn Machine> {
        Box::new(Running { machine: self.code.begin(birth), times: self.times.clone() })
    }
}

/// An incarnation of it.
struct Running {
    machine: Box<dyn Machine>,
    times: Times,
}

impl Machine for Running {
    fn deliver(&mut self, crank: &Crank, now: Duration) -> Option<Delivered> {
        let began = Instant::now();
        let delivered = self.machine.deliver(crank, now);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
        delivered
    }
}

/// The vat that is written by hand; the engine's tests use it too.
fn raw_component(root: &Path) -> Result<PathBuf> {
    let target = root.join("target/raw-guest");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2", "--manifest-path"])
        .arg(root.join("sample-vats/raw/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    if !built.success() {
        return Err("sample-vats/raw does not build".into());
    }
    Ok(target.join("wasm32-wasip2/release/raw.wasm"))
}
