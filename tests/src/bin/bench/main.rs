//! What a crank, a durable call, a boot and an idle vat cost, measured through the real binary: `just bench`.
//!
//! Figures of one machine vary from run to run; compare ratios inside one run. "memory" is the same host with its home on a tmpfs, where
//! a sync costs nothing; "disk" syncs every commit (`synchronous=FULL`) before anything is acknowledged. `bench overhead` measures only what
//! guest-sdk costs, which is the one figure that is taken in the engine alone.

mod commands;
mod overhead;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;
const RALLIES: u64 = 20_000;
const CALLS: usize = 1_000;
const CLIENTS: usize = 64;
const VATS: [usize; 3] = [1, 100, 1_000];

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?.to_owned();
    let disk = tempfile::tempdir_in(root.join("target"))?;
    let memory = tempfile::tempdir_in("/dev/shm")?;
    let mut out = std::io::stdout();
    if std::env::args().nth(1).as_deref() == Some("overhead") {
        return overhead::measure(&root, &mut out);
    }
    writeln!(out, "fdatasync of 4 KiB on disk, median: {:.3} ms", ms(sync_cost(disk.path())?))?;
    let mut rallies = [0.0_f64; 2];
    for round in 0..ROUNDS {
        // In turn, so that what else the machine does falls on both; the best of each is the least disturbed.
        for (best, home) in rallies.iter_mut().zip([memory.path(), disk.path()]) {
            *best = best.max(rally(&root, &home.join(format!("rally{round}")))?);
        }
    }
    let [in_memory, on_disk] = rallies;
    writeln!(out, "two vats calling each other one at a time, best of {ROUNDS} rounds:")?;
    writeln!(out, "  memory {in_memory:.0} cranks/s, disk {on_disk:.0} cranks/s ({:.2} of it)", on_disk / in_memory)?;
    for (name, home) in [("memory", memory.path()), ("disk", disk.path())] {
        let (median, p99, together) = calls(&root, &home.join("calls"))?;
        writeln!(out, "{name}: one acknowledged call {:.3} ms median, {:.3} ms p99", ms(median), ms(p99))?;
        writeln!(out, "{name}: {together:.0} acknowledged calls/s from {CLIENTS} clients at once")?;
    }
    overhead::measure(&root, &mut out)?;
    for count in VATS {
        let (boot, idle) = boot(&root, &disk.path().join(format!("boot{count}")), count)?;
        write!(out, "disk: {count} persisted vats ready in {:.0} ms", ms(boot))?;
        writeln!(out, "; {:.1} KiB resident and page tables for each once live and idle", idle)?;
    }
    commands::measure(&root, &disk.path().join("commands"), &mut out)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The median cost of making 4 KiB durable where the homes are.
fn sync_cost(directory: &Path) -> Result<Duration> {
    let mut file = File::create(directory.join("probe"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// A host that is killed when dropped.
struct Host {
    child: Child,
    home: PathBuf,
    ready: Duration,
}

impl Host {
    fn start(root: &Path, home: &Path, files: &[&Path]) -> Result<Host> {
        let began = Instant::now();
        let mut child = Command::new(root.join("target/debug/ocap-host"))
            .args(["--home", &home.to_string_lossy(), "--format", "jsonl", "run"])
            .args(files)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        if !line.contains("\"ready\"") {
            return Err(format!("the host said: {line}").into());
        }
        Ok(Host { child, home: home.to_owned(), ready: began.elapsed() })
    }

    fn client(&self) -> Result<Client> {
        Ok(Client(BufReader::new(UnixStream::connect(self.home.join("control.sock"))?)))
    }

    /// Resident memory and page tables, in KiB.
    fn memory_kib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
        };
        Ok(field("VmRSS:") + field("VmPTE:"))
    }

    fn stop(mut self) -> Result<()> {
        self.client()?.post("/v1/stop", "null")?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection to the control socket.
struct Client(BufReader<UnixStream>);

impl Client {
    fn post(&mut self, path: &str, body: &str) -> Result<String> {
        let head = "Host: h\r\nContent-Type: application/json\r\nContent-Length:";
        write!(self.0.get_mut(), "POST {path} HTTP/1.1\r\n{head} {}\r\n\r\n{body}", body.len())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String> {
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line)?;
            if let Some((_, value)) =
                line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(String::from_utf8(body)?)
    }

    fn call(&mut self, target: &str, method: &str, args: &str) -> Result<String> {
        let body = format!(r#"{{"target":"{target}","method":"{method}","args":{args}}}"#);
        let answer = self.post("/v1/call", &body)?;
        if answer.contains(r#""$type":"value""#) { Ok(answer) } else { Err(answer.into()) }
    }
}

/// Cranks a second of two vats that call each other: each rally is one crank at the callee and one at the caller.
fn rally(root: &Path, home: &Path) -> Result<f64> {
    let host = Host::start(root, home, &[&root.join("sample-vats/pingpong/subcluster.toml")])?;
    let mut client = host.client()?;
    client.call("pingpong", "rally", "[1000]")?;
    let began = Instant::now();
    client.call("pingpong", "rally", &format!("[{RALLIES}]"))?;
    let time = began.elapsed();
    host.stop()?;
    Ok(2.0 * RALLIES as f64 / time.as_secs_f64())
}

/// Median and 99th percentile of one call at a time, and calls a second of many clients.
fn calls(root: &Path, home: &Path) -> Result<(Duration, Duration, f64)> {
    let host = Host::start(root, home, &[&root.join("sample-vats/counter/subcluster.toml")])?;
    let mut client = host.client()?;
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        client.call("counter", "increment", "[1]")?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|_| host.client()).collect::<Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        let ask = |mut client: Client| -> std::result::Result<(), String> {
            (0..CALLS / 4)
                .try_for_each(|_| client.call("counter", "increment", "[1]").map(drop))
                .map_err(|e| e.to_string())
        };
        let running: Vec<_> = clients.into_iter().map(|client| scope.spawn(move || ask(client))).collect();
        running.into_iter().try_for_each(|one| one.join().map_err(|_| "a client panicked".to_owned())?)
    })?;
    let together = (CLIENTS * (CALLS / 4)) as f64 / began.elapsed().as_secs_f64();
    host.stop()?;
    Ok((times[CALLS / 2], times[CALLS * 99 / 100], together))
}

/// The time from the start of the process to its ready line with so many persisted vats, and what one costs once it is live, in KiB.
fn boot(root: &Path, home: &Path, vats: usize) -> Result<(Duration, f64)> {
    fs::create_dir_all(home.join("declared"))?;
    let component = root.join("target/vats/counter.wasm");
    let mut declaration = "name = \"many\"\nbootstrap = \"c0\"\n".to_owned();
    for vat in 0..vats {
        declaration += &format!("[vats.c{vat}]\ncomponent = {component:?}\n");
    }
    let file = home.join("declared/subcluster.toml");
    fs::write(&file, declaration)?;
    let state = home.join("home");
    let first = Host::start(root, &state, &[&file])?;
    let mut client = first.client()?;
    (0..vats).try_for_each(|vat| client.call(&format!("many/c{vat}"), "increment", "[1]").map(drop))?;
    drop(client);
    first.stop()?;
    let host = Host::start(root, &state, &[])?;
    let ready = host.ready;
    let before = host.memory_kib()?;
    let mut client = host.client()?;
    (0..vats).try_for_each(|vat| client.call(&format!("many/c{vat}"), "get", "[]").map(drop))?;
    let idle = (host.memory_kib()? - before) / vats as f64;
    drop(client);
    host.stop()?;
    Ok((ready, idle))
}
