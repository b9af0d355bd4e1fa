//! The host as a service of systemd: `Type=notify`, a watchdog, and a socket that was there before it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::{Duration, Instant};

use ocap_tests::{Halted, Http, Pending, Place, eventually};
use rustix::process::{Pid, Signal, kill_process};

/// The time of [`WATCHED`].
const WATCHDOG: Duration = Duration::from_millis(200);

/// What systemd says to a service of `WatchdogSec=200ms`.
const WATCHED: &str = "export NOTIFY_SOCKET=\"$PWD/notify\" WATCHDOG_USEC=200000 WATCHDOG_PID=$$";

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn on(place: &Place) -> Manager {
        let socket = UnixDatagram::bind(place.root().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket");
        Manager { socket, heard: Vec::new() }
    }

    /// Hears until a message has this line.
    fn wait_for(&mut self, line: &str) {
        let mut seen = 0;
        eventually(line, || {
            let mut bytes = [0; 4096];
            if let Ok(length) = self.socket.recv(&mut bytes) {
                self.heard.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
            let found = self.heard[seen..].iter().any(|message| message.lines().any(|said| said == line));
            seen = self.heard.len();
            found.then_some(())
        });
    }

    /// Hears until several times the watchdog's time have gone by without a sign of life, after which systemd would have ended the host.
    fn wait_for_silence(&mut self) {
        let mut silent = Instant::now();
        eventually("silence", || {
            let mut bytes = [0; 4096];
            if self.socket.recv(&mut bytes).is_ok() {
                silent = Instant::now();
            }
            (silent.elapsed() > WATCHDOG * 5).then_some(())
        });
    }

    fn count(&self, line: &str) -> usize {
        self.heard.iter().flat_map(|message| message.lines()).filter(|said| *said == line).count()
    }
}

fn signal(process: &Pending, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(process.pid()).expect("a pid")).expect("a pid"), signal).expect("it runs");
}

#[test]
fn a_service_manager_is_told_each_step_readiness_signs_of_life_and_the_end() {
    let place = Place::new();
    let mut manager = Manager::on(&place);
    let counter = place.sample("counter");
    let mut host = place.begin_after(WATCHED, &["run", &counter.word()]);
    manager.wait_for("STATUS=starting: open the store");
    manager.wait_for("READY=1");
    assert_eq!(manager.count("WATCHDOG=1"), 0, "it has nothing to show before it serves");
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");
    assert!(host.runs());
    signal(&host, Signal::TERM);
    manager.wait_for("STOPPING=1");
    manager.wait_for("STATUS=stopped");
    assert_eq!(manager.count("READY=1"), 1);
    host.done().expect(0);
}

#[test]
fn a_run_loop_that_hangs_gives_no_sign_of_life_though_the_rest_of_the_host_goes_on() {
    let place = Place::new();
    let mut manager = Manager::on(&place);
    let mut host = place.begin_after(WATCHED, &["run", &place.sample("counter").word()]);
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    let halted = Halted::thread(host.pid(), "kernel");
    manager.wait_for_silence();
    // The threads that could have feigned life run as ever.
    let answer = Http::connect(&place.home("control.sock")).ask("GET", "/v1/openapi.json", "", "");
    assert_eq!((answer.status, host.runs()), (200, true));
    drop(halted);
    manager.wait_for("WATCHDOG=1");
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    signal(&host, Signal::TERM);
    host.done().expect(0);
}

#[test]
fn a_service_manager_is_told_the_systems_number_for_what_kept_a_host_from_its_start() {
    let place = Place::new();
    place.run(&[]).kill9();
    fs::create_dir(place.home("host.toml")).expect("made");
    let mut manager = Manager::on(&place);
    let host = place.begin_after("export NOTIFY_SOCKET=\"$PWD/notify\"", &["run"]);
    // EISDIR.
    manager.wait_for("ERRNO=21");
    let problem = host.done().expect(1).problem("ocap::home::unusable");
    assert_eq!(problem["errno"], 21, "{problem}");
}

#[test]
fn a_service_manager_is_told_why_a_start_failed() {
    let place = Place::new();
    place.run(&[]).kill9();
    fs::write(place.home("key"), "short").expect("written");
    let mut manager = Manager::on(&place);
    let host = place.begin_after("export NOTIFY_SOCKET=\"$PWD/notify\"", &["run"]);
    manager.wait_for("STATUS=failed: ocap::home::key_damaged: the home's key does not have 32 bytes");
    assert_eq!(manager.count("READY=1"), 0);
    host.done().expect(1);
}

/// The shell's part of socket activation: its stdin is the listener.
const PASS_ON: &str = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$";

fn home_of_its_own(place: &Place) {
    fs::create_dir(place.home("")).expect("made");
    fs::set_permissions(place.home(""), fs::Permissions::from_mode(0o700)).expect("it is ours");
}

fn private(place: &Place, path: &str) -> UnixListener {
    let path = place.home(path);
    let listener = UnixListener::bind(&path).expect("the home is writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    listener
}

#[test]
fn a_control_socket_that_was_passed_is_served_and_left_where_it_is() {
    let place = Place::new();
    home_of_its_own(&place);
    let listener = private(&place, "control.sock");
    let kept = listener.try_clone().expect("a socket");
    let host = place.begin_with(listener.into(), PASS_ON, &["run", &place.sample("counter").word()]);
    // Whoever comes before the host is up waits in the socket's queue.
    eventually("it serves", || (place.status()["phase"] == "ready").then_some(()));
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    place.ocap(&["stop"]).expect(0);
    host.done().expect(0);
    assert!(place.home("control.sock").exists(), "it is the manager's, who listens still");
    drop(kept);
}

#[test]
fn a_socket_that_was_passed_and_is_not_what_it_should_be_is_refused() {
    let refused = |what: &str, make: fn(&Place) -> std::os::fd::OwnedFd| {
        let place = Place::new();
        home_of_its_own(&place);
        let passed = make(&place);
        let done = place.begin_with(passed, PASS_ON, &["run"]).done().expect(1);
        let problem = done.problem("ocap::daemon::activation");
        assert!(problem["message"].as_str().is_some_and(|message| message.contains(what)), "{what}: {problem}");
        assert!(problem["help"].as_str().is_some_and(|help| help.contains("SocketMode=0600")), "{problem}");
    };
    refused("is no socket", |_| fs::File::open("/dev/null").expect("a file").into());
    refused("is no Unix socket", |_| std::net::TcpListener::bind("127.0.0.1:0").expect("a socket").into());
    refused("is no stream socket", |place| UnixDatagram::bind(place.home("control.sock")).expect("a socket").into());
    refused("does not listen", |_| std::os::unix::net::UnixStream::pair().expect("two").0.into());
    refused("lies elsewhere", |place| UnixListener::bind(place.root().join("control.sock")).expect("a socket").into());
    refused("lies elsewhere", |place| private(place, "other.sock").into());
    refused("lets other users in", |place| {
        let listener = private(place, "control.sock");
        fs::set_permissions(place.home("control.sock"), fs::Permissions::from_mode(0o660)).expect("it is ours");
        listener.into()
    });
    refused("is not there", |place| {
        let listener = private(place, "control.sock");
        fs::remove_file(place.home("control.sock")).expect("it is there");
        listener.into()
    });
}
