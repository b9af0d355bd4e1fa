//! Words that stand for a power, and the places that may use it.

use crate::sources::{Source, mentions};

/// A word, where it may be used, and why there.
struct Power {
    word: &'static str,
    places: &'static [(&'static str, &'static str)],
}

const POWERS_ALONE: (&str, &str) = ("host/src/powers.rs", "the ambient authority");

/// What only some files of the host may say.
const POWERS: &[Power] = &[
    Power { word: "ambient_authority", places: &[POWERS_ALONE] },
    Power {
        word: "std::fs",
        places: &[
            POWERS_ALONE,
            ("host/src/component/source.rs", "files that a user named"),
            ("host/src/daemon/lock.rs", "the type of a file that was opened in the home: cap-std has no locks"),
            ("host/src/store/settings.rs", "SQLite opens by path; its file is made before, for its owner alone"),
            ("host/src/store/witness.rs", "it lies beside the file that SQLite opens by path"),
        ],
    },
    Power { word: "std::env", places: &[POWERS_ALONE, ("host/src/main.rs", "the words of the command line")] },
    Power { word: "SystemTime", places: &[POWERS_ALONE] },
    Power {
        word: "Instant",
        places: &[
            POWERS_ALONE,
            ("host/src/daemon/log/flood.rs", "how fast a vat logs; no vat sees it"),
            ("host/src/daemon/log/mod.rs", "how fast a vat logs; no vat sees it"),
            ("host/src/daemon/log/stderr.rs", "how long a host that ends waits for its reader; no vat sees it"),
            ("host/src/engine/instance.rs", "what a crank cost; no vat sees it"),
            ("host/src/run_loop/mod.rs", "how long a batch has gathered; no vat sees it"),
            ("host/src/run_loop/turn.rs", "how long a batch has gathered; no vat sees it"),
            ("host/src/run_loop/rests.rs", "until when a vat waits after traps; no vat sees it"),
        ],
    },
    Power {
        word: "std::os::unix::net",
        places: &[
            ("host/src/daemon/activation.rs", "the control socket, passed by a service manager"),
            ("host/src/daemon/socket.rs", "the control socket"),
            ("host/src/daemon/token_socket.rs", "the control socket for tokens"),
            ("host/src/io/bind.rs", "a channel's listener"),
            ("host/src/io/channel.rs", "a channel's listener"),
            ("host/src/io/unix_listen.rs", "a channel's listener"),
        ],
    },
    Power {
        word: "thread::Builder",
        places: &[
            ("host/src/run_loop/mod.rs", "the kernel's thread"),
            ("host/src/run_loop/workers.rs", "the workers"),
            ("host/src/store/mod.rs", "the store's writer"),
            ("host/src/engine/ticker.rs", "the clock of deadlines"),
            ("host/src/daemon/log/stderr.rs", "who waits for the reader of stderr"),
        ],
    },
    Power {
        word: "allow(unsafe_code)",
        places: &[
            ("host/src/engine/mod.rs", "compiled code from the cache, authenticated"),
            ("host/src/engine/memory.rs", "vats' memories, which the engine owns"),
        ],
    },
    // Other programs, a thread that nobody can name when it panics, the network, files behind tokio's back, a hash's order.
    Power { word: "thread::spawn", places: &[] },
    Power { word: "std::net", places: &[] },
    Power { word: "tokio::fs", places: &[] },
    Power { word: "tokio::process", places: &[] },
    Power {
        word: "process::Command",
        places: &[
            ("host/src/cli/dev.rs", "the host of a package"),
            ("host/src/daemon/background.rs", "this program once more, in the background"),
            ("host/src/develop/build.rs", "the compiler, for whoever writes a vat"),
        ],
    },
    Power { word: "HashSet", places: &[] },
    Power { word: "HashMap", places: &[("host/src/bundle/layout.rs", "one entry, as the OCI crate wants it")] },
];

/// What the kernel may not say: no IO, clock, thread, async, format, float, and no order that changes from run to run.
const NOT_IN_THE_KERNEL: &[&str] = &[
    "HashMap",
    "HashSet",
    "std::fs",
    "std::io",
    "std::env",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time",
    "Instant",
    "SystemTime",
    "async",
    "await",
    "serde",
    "f32",
    "f64",
    "println",
    "eprintln",
];

#[test]
fn each_power_is_used_where_the_table_says() {
    let sources = Source::all("host/src", &[".rs"]);
    for Power { word, places } in POWERS {
        let uses = |source: &&Source| source.shipped().iter().any(|(_, line)| mentions(line, word));
        let users: Vec<&str> =
            sources.iter().filter(|source| !source.is_test()).filter(uses).map(|source| source.path.as_str()).collect();
        for user in &users {
            assert!(places.iter().any(|(place, _)| place == user), "{user} says `{word}`, and may not");
        }
        for (place, reason) in *places {
            assert!(users.contains(place), "{place} no longer says `{word}` ({reason}): take it out of the table");
        }
    }
}

#[test]
fn the_kernel_is_pure() {
    for source in Source::all("host/kernel/src", &[".rs"]) {
        for (number, line) in source.shipped() {
            for word in NOT_IN_THE_KERNEL {
                assert!(!mentions(line, word), "{}:{number} says `{word}`", source.path);
            }
        }
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    // In two parts, so that this file may be looked at too.
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    for source in Source::all("", &[".rs", ".toml", ".wit", ".py", ".md", ".sql", "justfile"]) {
        for (index, line) in source.text.lines().enumerate() {
            let note = notes.iter().find(|note| mentions(line, note));
            assert!(note.is_none(), "{}:{}: {line}", source.path, index + 1);
        }
    }
}
