//! How long the pure kernel takes for one crank: `cargo build --workspace --example speed && target/debug/examples/speed`.
//!
//! Scripted vats, no engine and no disk; a commit is taken and thrown away after every 100 cranks, as a busy host would.

use std::fmt;
use std::io::Write;
use std::time::Instant;

use ocap_kernel::*;

const CRANKS: u64 = 200_000;
const CRANKS_PER_COMMIT: u64 = 100;

/// A report that does nothing but what is given.
fn report(syscalls: Vec<Syscall>, dropped: Vec<Slot>) -> Report {
    Report { outcome: Outcome::Done, syscalls, store: Vec::new(), taken: Vec::new(), dropped }
}

fn vat(name: &str, grants: &[&str]) -> LaunchVat {
    LaunchVat {
        name: name.to_owned(),
        code: Body::from([]),
        parameters: Body::from([]),
        grants: grants.iter().map(|peer| ((*peer).to_owned(), Grant::Vat((*peer).to_owned()))).collect(),
        mailbox_max: 100,
        references_max: 1_000,
        turns: 1,
        when_quarantined: WhenQuarantined::Park,
    }
}

fn house() -> (Kernel, Kref) {
    let mut kernel = Kernel::empty();
    let launch = Launch {
        name: "speed".to_owned(),
        bootstrap: "ping".to_owned(),
        declaration: Body::from([]),
        host_objects: Vec::new(),
        vats: vec![vat("ping", &["pong"]), vat("pong", &[])],
    };
    kernel.launch(launch).expect("a launch");
    while let Some(crank) = kernel.begin() {
        kernel.finish(crank.vat, crank.id, report(Vec::new(), Vec::new()));
    }
    let ping = kernel.vats().next().expect("a vat").id;
    let root = kernel.root_of(ping).expect("a root");
    (kernel, root)
}

fn payload() -> Payload<Slot> {
    Payload::plain([1, 2, 3, 4])
}

/// What both vats do: ping calls pong and watches the answer, pong answers, and each answer is the next call.
fn play(crank: &Crank, to_pong: Slot) -> Report {
    match &crank.delivery {
        Delivery::Message { resolver: Some(resolver), .. } => {
            let settle = Syscall::Settle { resolver: resolver.slot, answer: Answer::Fulfill(payload()) };
            report(vec![settle], vec![resolver.slot])
        }
        Delivery::Start(_) | Delivery::Message { .. } | Delivery::Settled(_) | Delivery::Dropped(_) => {
            let promise = crank.next_slot;
            let answer = AnswerTo::Promise(promise);
            let call = Syscall::Send { target: to_pong, method: "ping".to_owned(), args: payload(), answer };
            report(vec![call, Syscall::Watch { promise, token: promise.0 }], vec![promise])
        }
    }
}

/// Cranks in turn, with a commit now and then; the time of one in nanoseconds.
fn measure(kernel: &mut Kernel, mut crank: impl FnMut(&mut Kernel)) -> Nanoseconds {
    let begun = Instant::now();
    for number in 0..CRANKS {
        crank(kernel);
        if number % CRANKS_PER_COMMIT == 0 {
            kernel.take_commit();
            kernel.take_outputs();
        }
    }
    Nanoseconds(begun.elapsed().as_nanos() / u128::from(CRANKS))
}

struct Nanoseconds(u128);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ns per crank", self.0)
    }
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let (mut kernel, root) = house();
    let to_pong = Slot(2);
    kernel.take_commit();
    kernel.ask(root, "begin", Payload::plain([])).expect("the root exists");
    let first = kernel.begin().expect("the question");
    // Instead of an answer to the host: the first call.
    let serve = play(&Crank { delivery: Delivery::Dropped(Vec::new()), ..first.clone() }, to_pong);
    assert_eq!(kernel.finish(first.vat, first.id, serve), Verdict::Applied);
    let pair = measure(&mut kernel, |kernel| {
        let crank = kernel.begin().expect("the ball is in the air");
        let verdict = kernel.finish(crank.vat, crank.id, play(&crank, to_pong));
        assert_eq!(verdict, Verdict::Applied);
    });
    writeln!(out, "ping-pong, answered and watched   {pair}")?;

    let (mut kernel, root) = house();
    let counter = measure(&mut kernel, |kernel| {
        kernel.ask(root, "increment", Payload::plain([1])).expect("the root exists");
        let crank = kernel.begin().expect("the question");
        let mut report = play(&crank, to_pong);
        report.store = vec![StoreWrite { key: b"count".to_vec(), value: Some(payload()) }];
        let verdict = kernel.finish(crank.vat, crank.id, report);
        assert_eq!(verdict, Verdict::Applied);
    });
    writeln!(out, "host asks a counter               {counter}")
}
