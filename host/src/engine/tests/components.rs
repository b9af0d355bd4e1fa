//! What can be wrong with a component, and what is kept of a compiled one.

use std::fs;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::*;
use crate::engine::{CodeCache, Fault};

fn engine() -> Engine {
    Engine::new(None).expect("an engine")
}

fn fault(component: &[u8]) -> Fault {
    match engine().prepare(component) {
        Ok(_) => panic!("it was taken"),
        Err(fault) => fault,
    }
}

/// The component with one word replaced by another of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    rename(guest().to_vec(), from, to)
}

fn rename(mut component: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = component[at..].windows(from.len()).position(|window| window == from.as_bytes()) {
        at += found;
        component[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    component
}

#[test]
fn all_unknown_imports_are_named() {
    let component = renamed("wasi:cli/environment@", "wasi:cli/environmint@");
    let component = rename(component, "listen", "lisben");
    let component = rename(component, "wasi:cli/exit@", "wasi:cli/evil@");
    let unknown = fault(&component);
    assert_eq!(unknown.code(), "ocap::component::unknown_import");
    let Fault::UnknownImports { names } = unknown else { panic!("{unknown}") };
    let mut interfaces: Vec<_> = names.iter().filter_map(|name| name.split("@0.").next()).collect();
    interfaces.sort_unstable();
    assert_eq!(interfaces, ["ocap:vat/kernel", "wasi:cli/environmint", "wasi:cli/evil"], "{names:?}");
}

#[test]
fn an_unknown_function_of_a_known_interface_is_named() {
    let Fault::UnknownImports { names } = fault(&renamed("new-promise", "old-promise")) else {
        panic!("another fault")
    };
    assert_eq!(names, ["ocap:vat/kernel@0.1.0#old-promise"]);
}

#[test]
fn a_missing_export_is_named() {
    let Fault::MissingExport { name } = fault(&renamed("ocap:vat/lifecycle@", "ocap:vat/lifecyclo@")) else {
        panic!("another fault")
    };
    assert_eq!(name, "ocap:vat/lifecycle@0.1.0");
}

#[test]
fn a_truncated_component_and_a_core_module_are_told_apart() {
    let whole = guest();
    assert!(matches!(fault(&whole[..whole.len() / 2]), Fault::Truncated { .. }));
    assert_eq!(fault(b"\0asm\x01\0\0\0"), Fault::CoreModule);
}

#[test]
fn damaged_code_does_not_compile() {
    let mut component = guest().to_vec();
    let middle = component.len() / 2;
    component[middle..middle + 64].fill(0xff);
    let fault = fault(&component);
    assert_eq!(fault.code(), "ocap::component::does_not_compile");
    assert!(!fault.to_string().contains('\n'), "{fault}");
}

/// A directory for compiled code that is gone with the test.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Cache {
        Cache(tempfile::tempdir().expect("a directory"))
    }

    fn open(&self, key: u8) -> CodeCache {
        let dir = Dir::open_ambient_dir(self.0.path(), ambient_authority()).expect("the directory");
        CodeCache { dir, key: [key; 32] }
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        fs::read_dir(self.0.path()).expect("the directory").map(|entry| entry.expect("an entry").path()).collect()
    }

    /// The one file, and the name that it has.
    fn only(&self) -> (String, Vec<u8>) {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        let name = files[0].file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(&files[0]).expect("the file"))
    }
}

#[test]
fn compiled_code_is_kept_and_runs() {
    let cache = Cache::new();
    Engine::new(Some(cache.open(1))).expect("an engine").prepare(guest()).expect("a vat");
    let (name, file) = cache.only();
    assert_eq!(cache.open(1).load(&name).map(|code| code.len()), Some(file.len() - 32), "the tag comes first");
    let code = Engine::new(Some(cache.open(1))).expect("an engine").prepare(guest()).expect("a vat");
    let mut vat = Vat::new();
    vat.instance = Instance::new(
        Identity { vat: VatId(1), name: String::new(), parameters: b""[..].into(), seed: [0; 32], upgraded_from: None },
        code,
        Limits::default(),
        VatStore::default(),
    );
    vat.start();
    assert_eq!(vat.ask("echo", "from the cache"), "from the cache");
}

#[test]
fn a_file_that_is_not_exactly_what_was_stored_is_a_miss() {
    let cache = Cache::new();
    let engine = Engine::new(Some(cache.open(1))).expect("an engine");
    engine.prepare(guest()).expect("a vat");
    let (name, file) = cache.only();
    let path = cache.0.path().join(&name);
    let load = |key: u8, name: &str| cache.open(key).load(name).is_some();
    assert!(load(1, &name));
    assert!(!load(2, &name), "another home's key");
    for bit in [0, 31 * 8, 32 * 8, 8 * (file.len() / 2), 8 * file.len() - 1] {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).expect("written");
        assert!(!load(1, &name), "bit {bit}");
    }
    fs::write(&path, &file[..20]).expect("written");
    assert!(!load(1, &name), "shorter than a tag");
    fs::write(cache.0.path().join("other.code"), &file).expect("written");
    assert!(!load(1, "other.code"), "under another name");
    engine.prepare(guest()).expect("it is compiled again");
    assert!(load(1, &name), "and kept again");
}
