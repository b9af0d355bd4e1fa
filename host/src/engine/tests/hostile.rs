//! What a guest does to harm others, and gets for it.

use super::*;

#[test]
fn a_guest_that_never_returns_is_cut() {
    let mut vat = Vat::with(brief(Limits::default()), b"");
    vat.start();
    let text = vat.trap("spin", "");
    assert!(text.starts_with("the vat spent its time budget of 100 ms"), "{text}");
    vat.start();
    assert_eq!(vat.ask("echo", "still here"), "still here");
}

#[test]
fn memory_ends_at_its_limit() {
    let mut vat = Vat::with(Limits { memory_bytes: 8 << 20, ..Limits::default() }, b"");
    vat.start();
    assert_eq!(vat.ask("grow", "4"), "4");
    let text = vat.trap("grow", "16");
    assert!(text.contains("; it had asked for ") && text.contains("its limit is 8388608"), "{text}");
}

#[test]
fn a_component_that_needs_more_memory_than_it_may_have_fails_at_its_start() {
    let mut vat = Vat::with(Limits { memory_bytes: 64 << 10, ..Limits::default() }, b"");
    let Outcome::Trapped(text) = vat.start().report.outcome else { panic!("it started") };
    assert!(text.contains("its limit is 65536"), "{text}");
}

#[test]
fn endless_recursion_is_a_trap_of_the_guest() {
    let mut vat = Vat::new();
    let text = vat.trap("recurse", "");
    assert!(text.starts_with("call stack exhausted"), "{text}");
    assert!(text.lines().count() <= 9 && text.len() <= 2_048, "{text}");
}

#[test]
fn a_panic_is_told_with_its_place_and_its_words_are_in_the_log() {
    let mut vat = Vat::new();
    let delivered = vat.message("panic", "", &[]);
    let Outcome::Trapped(text) = &delivered.report.outcome else { panic!("it did not trap") };
    assert!(text.starts_with("wasm `unreachable` instruction executed\n  at "), "{text}");
    assert!(delivered.logs.iter().any(|line| line.message.contains("told to\u{1b}[2J")), "{:?}", delivered.logs);
}

#[test]
fn a_crank_cannot_send_more_than_its_share() {
    let mut vat = Vat::new();
    assert_eq!(vat.message("sends", "1024", &[PEER]).report.syscalls.len(), 1_025);
    let Outcome::Trapped(text) = vat.message("sends", "1025", &[PEER]).report.outcome else { panic!("it was not cut") };
    assert!(text.starts_with("the vat broke a rule: more than 1024 messages sent in one crank"), "{text}");
}

#[test]
fn a_body_that_is_too_large_is_refused_by_name() {
    let mut vat = Vat::new();
    let Outcome::Trapped(text) = vat.message("send", &"x".repeat((1 << 20) + 1), &[PEER]).report.outcome else {
        panic!("it was sent")
    };
    assert!(text.starts_with("the vat broke a rule: a body of 1048577 bytes; at most 1048576 are allowed"), "{text}");
}

#[test]
fn what_a_guest_hands_over_is_bounded_before_it_is_copied() {
    let mut vat = Vat::new();
    let text = vat.trap("echo", &"x".repeat(3 << 20));
    assert!(text.starts_with("too much data is being copied between the host and the guest"), "{text}");
}

#[test]
fn handles_cannot_be_hoarded() {
    let mut vat = Vat::new();
    assert_eq!(vat.message("hoard", "9000", &[PEER]).report.outcome, Outcome::Done);
    let Outcome::Trapped(text) = vat.message("hoard", "1000", &[PEER]).report.outcome else { panic!("it has them") };
    assert!(text.contains("handle limit exceeded"), "{text}");
}

#[test]
fn nothing_follows_an_exit() {
    let mut vat = Vat::new();
    let text = vat.trap("exit-twice", "");
    assert!(text.starts_with("the vat broke a rule: a syscall after `exit`"), "{text}");
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let mut vat = Vat::new();
    let logs = vat.message("flood", "2000", &[]).logs;
    assert!(logs.len() < 700, "{}", logs.len());
    let last = logs.last().map(|line| line.message.as_str()).unwrap_or_default();
    assert!(last.ends_with("more lines dropped: one crank may log 65536 bytes"), "{last}");
}

#[test]
fn a_delivery_to_a_vat_that_never_started_is_the_hosts_fault_and_harms_nothing() {
    let mut vat = Vat::with(Limits::default(), b"");
    assert!(vat.trap("echo", "").starts_with("a bug of the host"));
    vat.start();
    assert_eq!(vat.ask("echo", "well"), "well");
}

#[test]
fn a_panic_of_a_host_function_is_not_the_end_of_the_process() {
    let mut vat = Vat::new();
    // No crank of a real kernel can do this: the next slot is the last one, so taking one more overflows.
    let crank = Crank {
        id: CrankId(9),
        vat: VatId(1),
        message: None,
        company: Company::Among,
        next_slot: Slot(u64::MAX),
        delivery: Delivery::Message {
            object: 0,
            method: "promise".to_owned(),
            args: Payload { body: b""[..].into(), caps: vec![Held { slot: PEER, local: None }] },
            resolver: None,
        },
    };
    let Outcome::Trapped(text) = vat.instance.deliver(&crank, CrankTime::default()).report.outcome else {
        panic!("it went well")
    };
    assert!(text.starts_with("a bug of the host: 64 bits of slots do not run out"), "{text}");
    vat.start();
    assert_eq!(vat.ask("store-look", "old"), "value", "the store came back");
}

#[test]
fn many_idle_vats_take_little_memory() {
    const VATS: u64 = 1_000;
    let before = resident_bytes();
    let vats: Vec<Vat> = (0..VATS)
        .map(|_| {
            let mut vat = Vat::new();
            vat.ask("count", "");
            vat
        })
        .collect();
    let each = (resident_bytes() - before) / VATS;
    println_to_test_output(&format!("{} bytes of memory for each of {} idle vats", each, vats.len()));
    assert!(each < 256 << 10, "{each} bytes for each vat");
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the size of this process");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().expect("a number") << 10
}

#[allow(clippy::print_stdout)]
fn println_to_test_output(text: &str) {
    println!("{text}");
}
