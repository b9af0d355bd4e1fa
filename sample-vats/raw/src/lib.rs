//! A vat written against the bare WIT: one method for each thing that a host does for a guest, and for each way to
//! misbehave.
//!
//! The engine's tests and the benchmark use it. Bodies are plain bytes here, not CBOR: the contract does not care.

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

wit_bindgen::generate!({ path: "../../wit", world: "vat" });

use exports::ocap::vat::lifecycle::{Boot, Guest, Resolution};
use ocap::vat::kernel::{self, Answer, Cap, Lifetime, Parcel, Payload};
use ocap::vat::{log, store};

thread_local! {
    /// Handles that live as long as this incarnation.
    static KEPT: RefCell<Vec<Cap>> = const { RefCell::new(Vec::new()) };
}

struct Raw;

export!(Raw);

impl Guest for Raw {
    fn start(boot: Boot) -> Result<(), String> {
        if boot.parameters == b"fail" {
            store::put(b"started", &parcel(b"half"));
            return Err("told to fail\n\u{1b}[31m".to_owned());
        }
        if boot.parameters == b"keep" {
            keep(boot.grants.into_iter().map(|(_, cap)| cap).collect());
        }
        Ok(())
    }

    fn deliver(_object: u64, method: String, args: Payload, resolver: Option<Cap>) {
        let answer = act(&method, args);
        if method == "exit" {
            return;
        }
        if let Some(resolver) = resolver {
            kernel::settle(resolver, &Answer::Fulfill(parcel(&answer)));
        }
    }

    fn settled(resolutions: Vec<(u64, Resolution)>) {
        for (token, resolution) in resolutions {
            let (word, caps) = match resolution {
                Resolution::Fulfilled(payload) => ("fulfilled".to_owned(), payload.caps),
                Resolution::Forwarded(cap) => ("forwarded".to_owned(), vec![cap]),
                Resolution::Broken(payload) => ("broken".to_owned(), payload.caps),
                Resolution::Failed(code) => (code, Vec::new()),
            };
            log::write(log::Level::Info, &word, &[("token".to_owned(), token.to_string())]);
            keep(caps);
        }
    }

    fn dropped(objects: Vec<u64>) {
        for object in objects {
            log::write(log::Level::Info, &format!("dropped {object}"), &[]);
            if object == 99 {
                // An id is free while its own notice is handled.
                keep(vec![kernel::expose(object, Lifetime::Durable)]);
            }
        }
    }
}

/// What a method does; its answer.
fn act(method: &str, args: Payload) -> Vec<u8> {
    match method {
        "echo" => args.body,
        "count" => count(),
        "increment" => increment(&args.body),
        "call" => {
            keep(vec![kernel::call(&args.caps[0], "ping", &Parcel { body: args.body, caps: vec![&args.caps[0]] })])
        }
        "send" => {
            kernel::send(&args.caps[0], "ping", &parcel(&args.body), None);
            Vec::new()
        }
        "sends" => {
            for _ in 0..number(&args.body) {
                kernel::send(&args.caps[0], "ping", &parcel(b""), None);
            }
            Vec::new()
        }
        "promise" => {
            let (promise, resolver) = kernel::new_promise();
            kernel::watch(&promise, 7);
            kernel::listen(&promise, &args.caps[0]);
            let seen = [promise.slot().to_string(), resolver.slot().to_string()].join(" ");
            kernel::settle(resolver, &Answer::Forward(&promise));
            seen.into_bytes()
        }
        "expose" => expose(number(&args.body), Lifetime::Durable),
        "expose-briefly" => expose(number(&args.body), Lifetime::Incarnation),
        "keep" => keep(args.caps),
        "kept" => KEPT.with_borrow(|kept| {
            let slots: Vec<String> = kept.iter().map(|cap| cap.slot().to_string()).collect();
            slots.join(" ").into_bytes()
        }),
        "duplicate" => {
            keep(args.caps.iter().map(Cap::duplicate).collect());
            Vec::new()
        }
        "hoard" => keep((0..number(&args.body)).map(|_| args.caps[0].duplicate()).collect()),
        "release" => {
            KEPT.take();
            Vec::new()
        }
        "pin" => {
            kernel::pin(true);
            kernel::unwatch(7);
            Vec::new()
        }
        // The caller hears that its resolver was dropped: nothing may follow an exit.
        "exit" | "exit-twice" => {
            kernel::exit(Ok(&parcel(b"bye")));
            Vec::new()
        }
        _ if method.starts_with("store-") => in_store(method, args),
        _ => misbehave(method, &args.body),
    }
}

/// Methods on the store; the key is the body.
fn in_store(method: &str, Payload { body: key, caps }: Payload) -> Vec<u8> {
    match method {
        "store-put" => {
            store::put(&key, &Parcel { body: key.clone(), caps: caps.iter().collect() });
            Vec::new()
        }
        "store-put-trap" => {
            store::put(&key, &parcel(b"never"));
            assert!(store::get_body(&key).is_some_and(|body| body == b"never"), "a crank reads its own writes");
            panic!("after a write");
        }
        "store-get" => store::get(&key).map_or_else(Vec::new, |value| keep(value.caps)),
        "store-look" => store::get(&key).map_or_else(Vec::new, |value| value.body),
        "store-remove" => vec![u8::from(store::remove(&key))],
        "store-keys" => store::keys(&key, None, 100).concat(),
        "store-entries" => store::entries(&key, None, 100).len().to_string().into_bytes(),
        "store-big" => {
            for n in 0..number(&key) {
                store::put(&n.to_be_bytes(), &parcel(&vec![7; 1 << 19]));
            }
            Vec::new()
        }
        "store-too-big" => {
            store::put(b"key", &parcel(&vec![7; (1 << 20) + 1]));
            Vec::new()
        }
        _ => panic!("no such method"),
    }
}

/// What a good guest does not do, or does seldom.
fn misbehave(method: &str, body: &[u8]) -> Vec<u8> {
    match method {
        "spin" => loop {
            std::hint::black_box(body);
        },
        "panic" => panic!("told to\u{1b}[2J"),
        "grow" => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            for _ in 0..number(body) {
                held.push(vec![1; 1 << 20]);
            }
            held.len().to_string().into_bytes()
        }
        "recurse" => recurse(1).to_string().into_bytes(),
        "print" => {
            println!("one\ntwo {}", String::from_utf8_lossy(body));
            eprintln!("three");
            print!("four");
            let _ = std::io::stdout().flush();
            Vec::new()
        }
        "flood" => {
            for n in 0..number(body) {
                log::write(log::Level::Debug, &format!("line {n} {}", "x".repeat(100)), &[]);
            }
            Vec::new()
        }
        "time" => {
            let (wall, start) = (SystemTime::now(), Instant::now());
            let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("{} {}", since.as_millis(), start.elapsed().as_nanos()).into_bytes()
        }
        "random" => random(),
        "sleep" => {
            std::thread::sleep(Duration::from_secs(number(body)));
            Vec::new()
        }
        "read" => {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line).map_or(99, |bytes| bytes);
            read.to_string().into_bytes()
        }
        "open" => format!("{:?}", std::fs::read("/etc/passwd").map(|_| ()).map_err(|error| error.kind())).into_bytes(),
        "environment" => (std::env::vars().count() + std::env::args().count()).to_string().into_bytes(),
        "quit" => std::process::exit(3),
        _ => panic!("no such method"),
    }
}

fn count() -> Vec<u8> {
    let count = store::get_body(b"count").map_or(0, |body| number(&body)) + 1;
    let count = count.to_string().into_bytes();
    store::put(b"count", &parcel(&count));
    count
}

/// What the counter that is written with guest-sdk does, as shortly as it can be written by hand: one argument, a number, is added to the
/// one that is kept, and the sum is kept and answered. All in CBOR.
fn increment(args: &[u8]) -> Vec<u8> {
    const KEPT: &[u8] = b"\x82\x67Counter\xa1\x65count";
    let by = args.strip_prefix(b"\x81").map_or(0, cbor_number);
    let sum = store::get_body(b"object").map_or(0, |kept| kept.strip_prefix(KEPT).map_or(0, cbor_number)) + by;
    let answer = cbor(sum);
    store::put(b"object", &parcel(&[KEPT, &answer].concat()));
    answer
}

fn cbor_number(bytes: &[u8]) -> u64 {
    match bytes {
        [small @ 0..24] => u64::from(*small),
        [24..28, rest @ ..] => rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        _ => 0,
    }
}

fn cbor(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    match number {
        0..24 => vec![bytes[7]],
        0..0x100 => vec![24, bytes[7]],
        0..0x1_0000 => [&[25], &bytes[6..]].concat(),
        0..0x1_0000_0000 => [&[26], &bytes[4..]].concat(),
        _ => [&[27], &bytes[..]].concat(),
    }
}

fn expose(object: u64, lifetime: Lifetime) -> Vec<u8> {
    let cap = kernel::expose(object, lifetime);
    let seen = format!("{} {:?}", cap.slot(), cap.local());
    keep(vec![cap]);
    seen.into_bytes()
}

/// Random of every kind that a Rust program comes by: hash tables seed themselves with it.
fn random() -> Vec<u8> {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(7).to_be_bytes().to_vec()
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(std::hint::black_box(depth + 1)) + depth)
}

fn keep(caps: Vec<Cap>) -> Vec<u8> {
    KEPT.with_borrow_mut(|kept| kept.extend(caps));
    Vec::new()
}

fn number(body: &[u8]) -> u64 {
    std::str::from_utf8(body).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn parcel(body: &[u8]) -> Parcel<'static> {
    Parcel { body: body.to_vec(), caps: Vec::new() }
}
