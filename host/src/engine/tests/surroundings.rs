//! What a plain `wasm32-wasip2` program finds around itself.

use super::*;
use crate::engine::{Level, Stream};

#[test]
fn what_is_printed_goes_to_the_log_line_by_line() {
    let mut vat = Vat::new();
    let logs = vat.message("print", "\u{1b}[31m", &[]).logs;
    let lines: Vec<_> = logs.iter().map(|line| (line.stream, line.level, line.message.as_str())).collect();
    assert_eq!(
        lines,
        [
            (Stream::Stdout, Level::Info, "one"),
            (Stream::Stdout, Level::Info, "two \u{1b}[31m"),
            (Stream::Stderr, Level::Warn, "three"),
            (Stream::Stdout, Level::Info, "four"),
        ]
    );
}

#[test]
fn both_clocks_stand_at_the_cranks_time() {
    let mut vat = Vat::new();
    vat.now = CrankTime { wall: Duration::from_millis(1_234_567), monotonic: Duration::from_secs(5) };
    assert_eq!(vat.ask("time", ""), "1234567 0");
}

#[test]
fn random_is_the_same_for_the_same_seed_and_incarnation_only() {
    let random = |seed: u8, incarnation: u64| {
        let mut vat = Vat::seeded(Limits::default(), b"", [seed; 32]);
        for _ in 0..incarnation {
            vat.start();
        }
        vat.message("random", "", &[]).report.syscalls
    };
    assert_eq!(random(1, 1), random(1, 1));
    assert_ne!(random(1, 1), random(2, 1));
    assert_ne!(random(1, 1), random(1, 2));
}

#[test]
fn a_sleep_is_an_error_with_advice() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("sleep", "0"), "");
    let text = vat.trap("sleep", "1");
    assert!(text.starts_with("a vat may not block: return, and go on"), "{text}");
}

#[test]
fn there_is_no_input_no_environment_and_no_file() {
    let mut vat = Vat::new();
    assert_eq!(vat.ask("read", ""), "0");
    assert_eq!(vat.ask("environment", ""), "0");
    assert!(vat.ask("open", "").starts_with("Err("));
}

#[test]
fn exit_ends_the_incarnation_not_the_host() {
    let mut vat = Vat::new();
    let text = vat.trap("quit", "");
    assert!(text.starts_with("Exited with i32 exit status"), "{text}");
}
