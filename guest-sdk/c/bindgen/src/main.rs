//! Writes the bindings in C of the contract in `wit/` into a directory: `cargo run -- ../bindings`.

use std::path::Path;

use anyhow::Context;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).context("the directory to write to is missing")?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../wit"))?;
    let world = resolve.select_world(&[package], Some("vat"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    for (name, contents) in files.iter() {
        std::fs::write(Path::new(&directory).join(name), contents)?;
    }
    Ok(())
}
