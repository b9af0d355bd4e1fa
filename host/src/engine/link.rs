//! All that a vat can import: the ABI, and of WASI what a plain `wasm32-wasip2` component asks for. No sockets, no
//! HTTP.
//!
//! What is in the table is what is linked, and unknown imports are judged against exactly that.

use wasmtime::component::types::{Component as ComponentType, ComponentInstance, ComponentItem};
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::cli::{WasiCli, WasiCliCtxView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::{self as p2, sync};

use super::bindings::ocap::vat;
use super::fault::Fault;
use super::host::Host;
use super::wasi::{Polls, Streams};
use crate::escape::escape_short;

type Add = fn(&mut Linker<Host>) -> wasmtime::Result<()>;

/// Every interface with its full name, and what links it.
const INTERFACES: &[(&str, Add)] = &[
    ("ocap:vat/kernel@0.1.0", |l| vat::kernel::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("ocap:vat/store@0.1.0", |l| vat::store::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("ocap:vat/log@0.1.0", |l| vat::log::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:io/error@0.2.12", |l| sync::io::error::add_to_linker::<_, Streams>(l, |host| &mut host.wasi.table)),
    ("wasi:io/poll@0.2.12", |l| sync::io::poll::add_to_linker::<_, Polls>(l, Host::polls)),
    ("wasi:io/streams@0.2.12", |l| sync::io::streams::add_to_linker::<_, Polls>(l, Host::polls)),
    ("wasi:clocks/wall-clock@0.2.12", |l| p2::clocks::wall_clock::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:clocks/monotonic-clock@0.2.12", |l| {
        p2::clocks::monotonic_clock::add_to_linker::<_, HasSelf<Host>>(l, |host| host)
    }),
    ("wasi:random/random@0.2.12", |l| p2::random::random::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:random/insecure@0.2.12", |l| p2::random::insecure::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:random/insecure-seed@0.2.12", |l| {
        p2::random::insecure_seed::add_to_linker::<_, HasSelf<Host>>(l, |host| host)
    }),
    ("wasi:cli/environment@0.2.12", |l| p2::cli::environment::add_to_linker::<_, WasiCli>(l, cli)),
    ("wasi:cli/exit@0.2.12", |l| p2::cli::exit::add_to_linker::<_, WasiCli>(l, cli)),
    ("wasi:cli/stdin@0.2.12", |l| p2::cli::stdin::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:cli/stdout@0.2.12", |l| p2::cli::stdout::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:cli/stderr@0.2.12", |l| p2::cli::stderr::add_to_linker::<_, HasSelf<Host>>(l, |host| host)),
    ("wasi:cli/terminal-input@0.2.12", |l| p2::cli::terminal_input::add_to_linker::<_, WasiCli>(l, cli)),
    ("wasi:cli/terminal-output@0.2.12", |l| p2::cli::terminal_output::add_to_linker::<_, WasiCli>(l, cli)),
    ("wasi:cli/terminal-stdin@0.2.12", |l| p2::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, cli)),
    ("wasi:cli/terminal-stdout@0.2.12", |l| p2::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, cli)),
    ("wasi:cli/terminal-stderr@0.2.12", |l| p2::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, cli)),
    // Without preopens there is no descriptor, so nothing of this can be used; it is there because libraries import it
    // unasked.
    ("wasi:filesystem/preopens@0.2.12", |l| {
        p2::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, filesystem)
    }),
    ("wasi:filesystem/types@0.2.12", |l| sync::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, filesystem)),
];

fn cli(host: &mut Host) -> WasiCliCtxView<'_> {
    WasiCliCtxView { ctx: &mut host.wasi.cli, table: &mut host.wasi.table }
}

fn filesystem(host: &mut Host) -> WasiFilesystemCtxView<'_> {
    WasiFilesystemCtxView { ctx: &mut host.wasi.filesystem, table: &mut host.wasi.table }
}

/// A linker with everything in it.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    for (_, add) in INTERFACES {
        add(&mut linker)?;
    }
    Ok(linker)
}

/// Checks that everything a component imports is there; types are checked when it is linked.
///
/// # Errors
/// [`Fault::UnknownImports`] with all that is not.
pub(crate) fn check_imports(linker: &Linker<Host>, component: &ComponentType) -> Result<(), Fault> {
    // Defining what is defined already is an error, and nothing else tells what a linker holds: so it is tried, on a
    // copy.
    let mut probe = linker.clone();
    let mut names = Vec::new();
    for (import, item) in component.imports(linker.engine()) {
        let interface = INTERFACES.iter().map(|row| row.0).find(|known| answers_to(known, import));
        match (interface, item.ty) {
            (Some(interface), ComponentItem::ComponentInstance(instance)) => {
                let unknown = unknown_items(&mut probe, interface, &instance);
                names.extend(unknown.into_iter().map(|item| format!("{import}#{item}")));
            }
            (Some(_) | None, _) => names.push(import.to_owned()),
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    Err(Fault::UnknownImports { names: names.iter().map(|name| escape_short(name, 200)).collect() })
}

/// Checks that a component offers every function of `lifecycle`; their types are checked when it is linked.
///
/// # Errors
/// [`Fault::MissingExport`] with the first that it does not.
pub(crate) fn check_exports(engine: &wasmtime::Engine, component: &ComponentType) -> Result<(), Fault> {
    const LIFECYCLE: &str = "ocap:vat/lifecycle@0.1.0";
    let Some(ComponentItem::ComponentInstance(lifecycle)) =
        component.get_export(engine, LIFECYCLE).map(|export| export.ty)
    else {
        return Err(Fault::MissingExport { name: LIFECYCLE.to_owned() });
    };
    for function in ["start", "deliver", "settled", "dropped"] {
        if lifecycle.get_export(engine, function).is_none() {
            return Err(Fault::MissingExport { name: format!("{LIFECYCLE}#{function}") });
        }
    }
    Ok(())
}

/// The functions of an imported interface that the linker does not have.
fn unknown_items(probe: &mut Linker<Host>, interface: &str, wanted: &ComponentInstance) -> Vec<String> {
    let engine = probe.engine().clone();
    let Ok(mut known) = probe.instance(interface) else { return vec![interface.to_owned()] };
    let mut unknown = Vec::new();
    for (name, item) in wanted.exports(&engine) {
        let was_free = match item.ty {
            ComponentItem::ComponentFunc(_) => known.func_new(name, |_, _, _, _| Ok(())).is_ok(),
            // Types are not linked, and resources only where they are defined, not where they are used again. Where one
            // differs a function's type does.
            ComponentItem::Type(_) | ComponentItem::Resource(_) => false,
            ComponentItem::CoreFunc(_)
            | ComponentItem::Module(_)
            | ComponentItem::Component(_)
            | ComponentItem::ComponentInstance(_) => true,
        };
        if was_free {
            unknown.push(name.to_owned());
        }
    }
    unknown
}

/// Whether an interface serves an import: the same, or another version on the same compatible track (`0.2.x`).
fn answers_to(known: &str, import: &str) -> bool {
    known == import || track(known).is_some_and(|known| Some(known) == track(import))
}

/// `wasi:io/poll@0.2` of `wasi:io/poll@0.2.12`. The rule is wasmtime's, for versions whose first number that is not 0
/// is the second, which all of ours are.
fn track(name: &str) -> Option<&str> {
    let (at, version) = (name.find('@')?, name.split('@').nth(1)?);
    let minor = version.strip_prefix("0.")?;
    let (minor, patch) = minor.split_once('.')?;
    let is_plain = minor != "0" && patch.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| &name[..at + "@0.".len() + minor.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_links_the_interface_that_it_names() {
        let engine = wasmtime::Engine::new(&super::super::config::config()).expect("an engine");
        for (name, add) in INTERFACES {
            let mut linker = Linker::new(&engine);
            add(&mut linker).expect("it links");
            // A name that is linked already cannot be linked as something else.
            assert!(linker.root().func_new(name, |_, _, _, _| Ok(())).is_err(), "{name} is not what its row links");
        }
    }

    #[test]
    fn an_interface_answers_to_versions_of_its_track_only() {
        assert!(answers_to("wasi:io/poll@0.2.12", "wasi:io/poll@0.2.0"));
        assert!(answers_to("wasi:io/poll@0.2.12", "wasi:io/poll@0.2.99"));
        assert!(!answers_to("wasi:io/poll@0.2.12", "wasi:io/poll@0.3.0"));
        assert!(!answers_to("wasi:io/poll@0.2.12", "wasi:io/poll@0.2.0-rc-1"));
        assert!(!answers_to("wasi:io/poll@0.2.12", "wasi:io/polls@0.2.12"));
        assert!(!answers_to("wasi:io/poll@0.2.12", "wasi:io/poll"));
    }
}
