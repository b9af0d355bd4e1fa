//! What a person waits for a command with a thousand vats: the whole process, from its start to its end.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Host, Result, ms};

const VATS: usize = 1_000;
const RUNS: usize = 200;
const COMMANDS: [&[&str]; 3] = [&["status"], &["ps"], &["call", "many/c7", "get"]];

/// The calls that never come back in their time, and fail: that is what they are for.
const HOSTILE: [(&str, &str, &str); 2] =
    [("hostile/spinner", "spin", "[]"), ("hostile/hoarder", "grow", "[400000000]")];

/// Measures each command on a host at leisure, beside a vat that spins, and beside that and one that takes memory without end.
pub(super) fn measure(root: &Path, home: &Path, out: &mut impl Write) -> Result<()> {
    fs::create_dir_all(home)?;
    let component = |name: &str| root.join("target/vats").join(name);
    let mut many = "name = \"many\"\nbootstrap = \"c0\"\n".to_owned();
    for vat in 0..VATS {
        many += &format!("[vats.c{vat}]\ncomponent = {:?}\n", component("counter.wasm"));
    }
    let hostile = format!(
        "name = \"hostile\"\nbootstrap = \"spinner\"\n\
         [vats.spinner]\ncomponent = {0:?}\nlimits = {{ crank = \"10s\" }}\n\
         [vats.hoarder]\ncomponent = {0:?}\nlimits = {{ memory = \"512MiB\" }}\n",
        component("misbehaver.wasm")
    );
    let files = [("many.toml", many), ("hostile.toml", hostile)].map(|(name, text)| (home.join(name), text));
    for (file, text) in &files {
        fs::write(file, text)?;
    }
    let host = Host::start(root, &home.join("home"), &[&files[0].0, &files[1].0])?;
    write!(out, "{VATS} vats, {RUNS} runs of each command, median and p99 in ms, at leisure:")?;
    run_all(root, &host, out)?;
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let measured = HOSTILE
            .iter()
            .zip(["beside a vat that spins:", "beside that and one that takes memory:"])
            .try_for_each(|((vat, method, args), title)| {
                let (mut client, ended) = (host.client()?, &ended);
                scope.spawn(move || {
                    let body = format!(r#"{{"target":"{vat}","method":"{method}","args":{args}}}"#);
                    while !ended.load(Ordering::Relaxed) && client.post("/v1/call", &body).is_ok() {}
                });
                std::thread::sleep(Duration::from_millis(300));
                write!(out, "{title}")?;
                run_all(root, &host, out)
            });
        ended.store(true, Ordering::Relaxed);
        // The calls that are under way end with the host.
        host.stop()?;
        measured
    })
}

fn run_all(root: &Path, host: &Host, out: &mut impl Write) -> Result<()> {
    for command in COMMANDS {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let status = Command::new(root.join("target/debug/ocap-host"))
                .args(["--home", &host.home.to_string_lossy()])
                .args(command)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            times.push(began.elapsed());
            if !status.success() {
                return Err(format!("`{}` ended with {status}", command.join(" ")).into());
            }
        }
        times.sort_unstable();
        write!(out, " {} {:.1} {:.1};", command[0], ms(times[RUNS / 2]), ms(times[RUNS * 99 / 100 - 1]))?;
    }
    writeln!(out)?;
    Ok(())
}
