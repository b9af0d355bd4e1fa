//! Suite 17: starts that race, starts that die of anything, and what is said of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Instant;

use ocap_tests::{Background, Done, Pending, Place, eventually};
use rustix::process::Signal;

#[test]
fn of_fifty_starts_at_once_one_wins_and_the_others_are_told_who() {
    let place = Place::new();
    let host = Background::on(&place);
    let counter = place.sample("counter").file();
    let racing: Vec<Pending> = (0..50).map(|_| host.begin(&[&counter])).collect();
    let (won, lost): (Vec<Done>, Vec<Done>) = racing.into_iter().map(Pending::done).partition(|done| done.status == 0);
    assert_eq!(won.len(), 1, "{won:?}");
    let winner = format!("in use by ocap-host 0.1.0, process {}", host.pid().expect("it runs"));
    let only_the_pid = format!("in use by process {}", host.pid().expect("it runs"));
    for done in lost {
        let problem = done.expect(5).problem("ocap::daemon::locked");
        let message = problem["message"].as_str().expect("a message");
        // Whoever came before the winner had written its record was told its number by the system.
        assert!(message.contains(&winner) || message.contains(&only_the_pid), "{message}");
    }
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert_eq!(place.log().iter().filter(|line| line["message"] == "ready").count(), 1);
    place.ocap(&["stop"]).expect(0);
}

/// One way to die.
struct Death {
    name: &'static str,
    /// Prepares a home on which a host has run before.
    prepare: fn(&Place),
    /// What a shell does before it becomes `start`.
    before: &'static str,
    /// What `start` is given.
    files: fn(&Place) -> Vec<String>,
    /// What is done to the host while it waits for its configuration, which it then does.
    during: Option<Signal>,
    /// The codes of which one is told.
    codes: &'static [&'static str],
    /// A word of the cause.
    word: &'static str,
}

const DIES: Death =
    Death { name: "", prepare: |_| (), before: "", files: |_| vec![], during: None, codes: &[], word: "" };

fn overwrite(place: &Place, name: &str, text: &str) {
    fs::write(place.home(name), text).expect("the home is writable");
}

/// Something that is no file in the place of one.
fn directory_instead(place: &Place, name: &str) {
    let _ = fs::remove_file(place.home(name));
    fs::create_dir(place.home(name)).expect("the home is writable");
}

const DEATHS: &[Death] = &[
    Death {
        name: "the store is something else",
        prepare: |place| fs::write(place.home("store"), [0x5a; 8192]).expect("written"),
        codes: &["ocap::store::not_ours"],
        word: "not a store",
        ..DIES
    },
    Death {
        name: "the store is cut short",
        prepare: |place| {
            let whole = fs::read(place.home("store")).expect("a store");
            fs::write(place.home("store"), &whole[..whole.len() / 2]).expect("written");
        },
        codes: &["ocap::store::damaged", "ocap::store::corrupt", "ocap::store::io"],
        word: "store",
        ..DIES
    },
    Death {
        name: "the store is of a newer version",
        prepare: |place| {
            let store = rusqlite::Connection::open(place.home("store")).expect("a store");
            store.pragma_update(None, "user_version", 4711).expect("updated");
            store.execute("UPDATE meta SET min_writer = 4711", ()).expect("updated");
        },
        codes: &["ocap::store::too_new"],
        word: "4711",
        ..DIES
    },
    Death {
        name: "the store is a directory",
        prepare: |place| directory_instead(place, "store"),
        codes: &["ocap::store::io", "ocap::store::not_ours"],
        word: "store",
        ..DIES
    },
    Death {
        name: "host.toml has an unknown key",
        prepare: |place| overwrite(place, "host.toml", "[channels]\nroot = []\n"),
        codes: &["ocap::host_config::unknown_key"],
        word: "root",
        ..DIES
    },
    Death {
        name: "host.toml can't be read",
        prepare: |place| directory_instead(place, "host.toml"),
        codes: &["ocap::home::unusable"],
        word: "host.toml",
        ..DIES
    },
    Death {
        name: "the key is damaged",
        prepare: |place| overwrite(place, "key", "short"),
        codes: &["ocap::home::key_damaged"],
        word: "32 bytes",
        ..DIES
    },
    Death {
        name: "a file is in the socket's place",
        prepare: |place| overwrite(place, "control.sock", "precious"),
        codes: &["ocap::daemon::socket_taken"],
        word: "is a file",
        ..DIES
    },
    Death {
        name: "a directory is in the socket's place",
        prepare: |place| directory_instead(place, "control.sock"),
        codes: &["ocap::daemon::socket_taken"],
        word: "is a directory",
        ..DIES
    },
    Death {
        name: "a link is in the socket's place",
        prepare: |place| symlink("/nowhere", place.home("control.sock")).expect("the home is writable"),
        codes: &["ocap::daemon::socket_taken"],
        word: "is a symbolic link",
        ..DIES
    },
    Death {
        name: "the status can't be written",
        prepare: |place| directory_instead(place, "status.json.next"),
        codes: &["ocap::home::unwritable"],
        word: "status.json",
        ..DIES
    },
    Death {
        name: "the log can't be written",
        prepare: |place| directory_instead(place, "log"),
        codes: &["ocap::home::unwritable"],
        word: "log",
        ..DIES
    },
    Death {
        name: "the lock is a directory",
        prepare: |place| directory_instead(place, "lock"),
        codes: &["ocap::daemon::lock_unusable"],
        word: "lock",
        ..DIES
    },
    Death {
        name: "the home lets others in",
        prepare: |place| {
            fs::set_permissions(place.home(""), fs::Permissions::from_mode(0o755)).expect("it is ours");
        },
        codes: &["ocap::home::open_to_others"],
        word: "chmod 700",
        ..DIES
    },
    Death {
        name: "the content store is a file",
        prepare: |place| {
            fs::remove_dir_all(place.home("blobs")).expect("it is there");
            overwrite(place, "blobs", "");
        },
        codes: &["ocap::home::unusable"],
        word: "blobs",
        ..DIES
    },
    Death {
        name: "a declaration has an unknown key",
        files: |place| {
            let sample = place.sample("echo");
            sample.replace("bootstrap", "bootsrap");
            vec![sample.word()]
        },
        codes: &["ocap::declaration::unknown_key"],
        word: "bootsrap",
        ..DIES
    },
    Death {
        name: "there is no such declaration",
        files: |place| vec![place.root().join("nowhere.toml").display().to_string()],
        codes: &["ocap::source::missing"],
        word: "nowhere.toml",
        ..DIES
    },
    Death {
        name: "a declaration names a component that is not there",
        files: |place| {
            let sample = place.sample("echo");
            sample.move_away("echo");
            vec![sample.word()]
        },
        codes: &["ocap::component::missing"],
        word: "echo.wasm",
        ..DIES
    },
    Death {
        name: "too few files may be open",
        before: "ulimit -n 17",
        // Whatever it asked for when there were none left.
        codes: &[
            "ocap::boot::no_threads",
            "ocap::daemon::socket_unusable",
            "ocap::store::io",
            "ocap::home::unusable",
            "ocap::engine::unusable",
        ],
        word: "os error",
        ..DIES
    },
    Death {
        name: "files may not grow",
        before: "ulimit -f 2",
        codes: &["ocap::daemon::died"],
        word: "SIGXFSZ",
        ..DIES
    },
    Death {
        name: "there is too little memory",
        before: "ulimit -v 60000",
        files: |place| vec![place.sample("echo").word()],
        // The runtime gives up, or a thread is refused before.
        codes: &["ocap::daemon::died", "ocap::boot::no_threads"],
        word: "log is",
        ..DIES
    },
    Death {
        name: "it is killed",
        during: Some(Signal::KILL),
        codes: &["ocap::daemon::died"],
        word: "was killed by SIGKILL while it was starting (load the kernel)",
        ..DIES
    },
    Death {
        name: "it runs into memory that is not there",
        during: Some(Signal::SEGV),
        // The first may only interrupt what it waits for, which then is its own last word.
        codes: &["ocap::daemon::died", "ocap::home::unusable"],
        word: "log is",
        ..DIES
    },
    Death {
        name: "its memory is not there any more",
        during: Some(Signal::BUS),
        codes: &["ocap::daemon::died", "ocap::home::unusable"],
        word: "log is",
        ..DIES
    },
    Death {
        name: "it aborts",
        during: Some(Signal::ABORT),
        codes: &["ocap::daemon::died"],
        word: "was killed by SIGABRT while it was starting (load the kernel)",
        ..DIES
    },
];

/// A place on which a host with a counter has run and ended.
fn used() -> Place {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert_eq!(host.stop(&place), 0);
    place
}

#[test]
fn of_whatever_a_start_dies_its_cause_is_told_by_start_and_by_the_next_command() {
    assert!(DEATHS.len() >= 20);
    let mut slowest = (0, "");
    let mut wrongs = Vec::new();
    for death in DEATHS {
        let place = used();
        let host = Background::on(&place);
        (death.prepare)(&place);
        let files = (death.files)(&place);
        let pipe = death.during.map(|_| place.hold_at_host_toml());
        let words: Vec<&str> = std::iter::once("start").chain(files.iter().map(String::as_str)).collect();
        let mut began = Instant::now();
        let starting = place.begin_after(death.before, &words);
        if let Some(signal) = death.during {
            eventually(death.name, || (host.record()?["step"] == "load the kernel").then_some(()));
            began = Instant::now();
            // The first of some signals may be taken for a fault of the program, which will come again.
            eventually(death.name, || {
                host.signal(signal);
                host.pid().is_none().then_some(())
            });
        }
        let done = starting.done();
        let took = began.elapsed().as_millis();
        slowest = slowest.max((took, death.name));
        eprintln!("{took:>5} ms  {}", death.name);
        drop(pipe);
        if done.status == 0 {
            // It should not live.
            host.signal(Signal::KILL);
        }
        host.wait_until_gone();
        // The next command knows that nobody is there, and does not wait for anybody.
        let status = place.ocap(&["status"]).status;
        if let Some(wrong) =
            wrongly_told(death, &done).or_else(|| (![1, 4].contains(&status)).then(|| format!("then {status}")))
        {
            wrongs.push(format!("{}: {wrong}\n{}{}", death.name, done.stdout, done.stderr));
        }
    }
    eprintln!("{} deaths, the slowest to be told: {} ms, {}", DEATHS.len(), slowest.0, slowest.1);
    assert!(wrongs.is_empty(), "{} of {}\n{}", wrongs.len(), DEATHS.len(), wrongs.join("\n"));
}

/// What is wrong with how a death was told.
fn wrongly_told(death: &Death, told: &Done) -> Option<String> {
    let found = told.problems().into_iter().find(|problem| death.codes.iter().any(|code| problem["code"] == *code));
    match found {
        _ if told.status != 1 => Some(format!("status {}", told.status)),
        _ if !told.stdout.is_empty() => Some("an answer".to_owned()),
        None => Some("no diagnostic".to_owned()),
        Some(problem) if !problem.to_string().contains(death.word) => Some(format!("no `{}`", death.word)),
        Some(problem) if problem["help"].is_null() && problem["span"].is_null() => Some("no help".to_owned()),
        Some(_) => None,
    }
}

#[test]
fn a_foreign_listener_in_the_sockets_place_is_left_alone() {
    let place = used();
    let listener = UnixListener::bind(place.home("control.sock")).expect("the home is writable");
    let host = Background::on(&place);
    let problem = host.start(&[]).expect(1).problem("ocap::daemon::socket_taken");
    assert!(problem["message"].as_str().is_some_and(|message| message.contains("is served by")), "{problem}");
    assert!(place.home("control.sock").exists());
    drop(listener);
    // Now it is a dead socket.
    host.start(&[]).expect(0);
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn a_disk_that_is_full_is_named_by_start() {
    let place = Place::new();
    let host = Background::on(&place);
    // A file system of 64 KiB, for this process and its children alone.
    let home = place.home("");
    fs::create_dir(&home).expect("made");
    let mount = format!("mount -t tmpfs -o size=64k,mode=700 none '{}'", home.display());
    let alone = format!(
        "unshare --mount --map-root-user true 2>/dev/null || exit 77; exec unshare --mount --map-root-user sh -c \"{mount} && exec \\\"\\$0\\\" \\\"\\$@\\\"\" \"$0\" \"$@\""
    );
    let starting = place.begin_after(&alone, &["start", &place.sample("counter").word()]);
    let done = starting.done();
    drop(host);
    if done.status == 77 {
        eprintln!("this user may not mount anything, also not for itself: not shown");
        return;
    }
    let told = done.expect(1).problems().remove(0);
    let text = told.to_string();
    assert!(text.contains("full") || text.contains("No space left"), "{told:#}");
    assert!(told["help"].is_string(), "{told:#}");
}

#[test]
fn killed_at_any_step_of_its_start_a_host_starts_again() {
    let place = used();
    let files = ["pingpong", "matcher"].map(|name| place.sample(name).file());
    let files: Vec<&Path> = files.iter().map(std::path::PathBuf::as_path).collect();
    let host = Background::on(&place);
    let steps =
        ["open the store", "load the kernel", "open the channels", "check the components", "launch what is new"];
    let mut killed: BTreeMap<String, u32> = BTreeMap::new();
    eventually("each step was the last of some host", || {
        let missing = *steps.iter().find(|step| !killed.contains_key(**step))?;
        // With nothing in the cache of compiled code a start takes a while.
        for name in place.listing("cache") {
            fs::remove_file(place.home("cache").join(name)).expect("losing the cache costs time only");
        }
        let before = host.record().map(|record| record["pid"].clone());
        let starting = host.begin(&files);
        let new = || host.record().filter(|record| Some(&record["pid"]) != before.as_ref());
        eventually("it comes to the step, or past it", || {
            let record = new()?;
            (record["step"] == missing || record["phase"] != "starting").then_some(())
        });
        host.signal(Signal::KILL);
        let done = starting.done();
        host.wait_until_gone();
        if done.status == 0 {
            return None;
        }
        let record = new().expect("it said who it is");
        let step = record["step"].as_str().unwrap_or_default().to_owned();
        let told = done.expect(1).problem("ocap::daemon::died");
        assert!(told["message"].as_str().is_some_and(|message| message.contains("was killed by SIGKILL")), "{told}");
        // What the pipe brought last, and what the file has, may be one step apart.
        *killed.entry(step).or_default() += 1;
        steps.iter().all(|step| killed.contains_key(*step)).then_some(())
    });
    eprintln!("killed at: {killed:?}");
    host.start(&files).expect(0);
    assert_eq!(place.call("counter", "increment", &["1"]), 2);
    assert_eq!(place.call("pingpong", "rally", &["2"]), 2);
    place.ocap(&["stop"]).expect(0);
}
