//! What guest-sdk costs in each delivery: a counter written with it, and the same by hand against the bare contract (`sample-vats/raw`).
//!
//! Both do the same for the same message: read one number, add it to the one in the store, keep the sum, answer it. What is measured is
//! the time that a delivery occupied a worker, as `ps` has it: neither the kernel nor the disk nor the socket is in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Client, Host, Result};

/// Many and short, so that in some of them nothing else happens on the machine.
const ROUNDS: usize = 100;
/// As many messages as one delivery may send, all but a few.
const CALLS: u64 = 1_000;

/// The vats, in the order in which they take turns, which is that of the grants of the driver.
const VATS: [&str; 2] = ["raw", "sdk"];

/// Measures both in turn, in one host.
pub(super) fn measure(root: &Path, home: &Path, out: &mut impl Write) -> Result<()> {
    fs::create_dir_all(home)?;
    let file = home.join("subcluster.toml");
    let (raw, sdk) = (raw_component(root)?, root.join("target/vats/counter.wasm"));
    fs::write(
        &file,
        format!(
            "name = \"overhead\"\nbootstrap = \"driver\"\n\
             [vats.raw]\ncomponent = {raw:?}\n[vats.sdk]\ncomponent = {sdk:?}\n\
             [vats.driver]\ncomponent = {raw:?}\nuses = [\"vat.raw\", \"vat.sdk\"]\nparameters = {{ keep = true }}\n"
        ),
    )?;
    let host = Host::start(root, &home.join("home"), &[&file])?;
    let mut rounds = [(); 2].map(|()| Vec::new());
    for round in 0..=ROUNDS {
        for (which, rounds) in rounds.iter_mut().enumerate() {
            let micros = micros_per_delivery(&host, which)?;
            // The first warms up.
            if round > 0 {
                rounds.push(micros);
            }
        }
    }
    host.stop()?;
    let [mut raw, mut sdk] = rounds;
    // Two that ran one right after the other had the machine alike.
    let mut added: Vec<f64> = raw.iter().zip(&sdk).map(|(raw, sdk)| sdk - raw).collect();
    [&mut raw, &mut sdk, &mut added].into_iter().for_each(|rounds| rounds.sort_by(f64::total_cmp));
    writeln!(out, "a counter's delivery at its worker, {ROUNDS} rounds of {CALLS} in turn, best and median:")?;
    let middle = ROUNDS / 2;
    for (name, best, median) in [("by hand", raw[0], raw[middle]), ("guest-sdk", sdk[0], sdk[middle])] {
        writeln!(out, "  {name} {best:.2} and {median:.2} us")?;
    }
    writeln!(out, "  guest-sdk adds {:.2} us to each delivery, the median of what it added in a round", added[middle])?;
    Ok(())
}

/// A delivery of the driver sends many messages, so those of the vat come one right after the other.
fn micros_per_delivery(host: &Host, which: usize) -> Result<f64> {
    let (mut client, vat) = (host.client()?, VATS[which]);
    let before = usage(&mut client, vat)?;
    client.call("overhead", "burst", &format!("[{which},{CALLS}]"))?;
    let after = loop {
        let now = usage(&mut client, vat)?;
        if now.1 - before.1 >= CALLS as f64 {
            break now;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ok((after.0 - before.0) / (after.1 - before.1))
}

/// The microseconds that a vat has occupied workers, and its cranks.
fn usage(client: &mut Client, vat: &str) -> Result<(f64, f64)> {
    let answer: serde_json::Value = serde_json::from_str(&client.get("/v1/ps/overhead")?)?;
    let vats = answer["vats"].as_array().ok_or_else(|| format!("no vats in {answer}"))?;
    let usage = vats
        .iter()
        .find(|usage| usage["vat"] == format!("overhead/{vat}"))
        .ok_or_else(|| format!("no {vat} in {answer}"))?;
    let number = |field: &str| usage[field].as_f64().ok_or_else(|| format!("no {field} in {usage}"));
    Ok((number("busy_us")?, number("cranks")?))
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
