//! The room where components run: the only wasmtime in the project.
//!
//! A component's bytes become [`Code`] once ([`Engine::prepare`]); an [`Instance`] is one vat that runs it, crank by
//! crank. Everything that a guest can observe is a function of its deliveries, its store, its seed and the time that
//! each crank is given.
//!
//! It knows what passes between the kernel and a vat ([`ocap_kernel::Crank`], [`ocap_kernel::Report`]) and nothing else
//! of the house: no database, no files but its cache, no sockets.

mod bindings;
mod cache;
mod config;
mod fault;
mod heap;
mod host;
mod instance;
pub mod limits;
mod link;
mod log;
mod memory;
mod syscalls;
mod ticker;
mod trap;
mod wasi;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Linker};

use bindings::VatPre;
pub use cache::CodeCache;
pub use fault::Fault;
use host::Host;
pub use instance::{CrankTime, Delivered, Identity, Instance, Size};
pub use limits::Limits;
pub use log::{Level, LogLine, Stream};
use ticker::Ticker;

/// Compiles components and runs what was compiled. One is enough for a process; clones are the same one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<Host>,
    cache: Option<CodeCache>,
    /// Ends with the last clone of the engine and the last [`Code`] of it.
    _ticker: Ticker,
}

/// The engine could not be set up: this machine lacks something.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EngineError {
    /// The compiler or the sandbox does not work here.
    #[error("WebAssembly cannot run on this machine: {0:#}")]
    #[diagnostic(
        code(ocap::engine::unsupported),
        help("use a machine that wasmtime compiles for: x86-64, AArch64, RISC-V 64 or s390x")
    )]
    Unsupported(wasmtime::Error),
    /// No thread could be had.
    #[error("the clock that limits cranks cannot start: {0}")]
    #[diagnostic(code(ocap::engine::no_clock), help("raise the limit of threads for this user, then try again"))]
    NoClock(#[source] std::io::Error),
}

/// A component, compiled and linked. Cheap to clone; any number of vats may run it, on any threads.
#[derive(Clone)]
pub struct Code {
    engine: Engine,
    pre: VatPre<Host>,
}

impl Code {
    fn engine(&self) -> &wasmtime::Engine {
        &self.engine.0.engine
    }

    /// Makes it later for every crank of every vat of its engine, by so much.
    pub fn let_time_pass(&self, time: Duration) {
        for _ in 0..ticker::ticks(time) {
            self.engine().increment_epoch();
        }
    }

    fn pre(&self) -> &VatPre<Host> {
        &self.pre
    }
}

impl Engine {
    /// Sets the engine up and starts the thread that cuts cranks which do not end.
    ///
    /// # Errors
    /// If this machine cannot run WebAssembly, or has no thread to spare.
    pub fn new(cache: Option<CodeCache>) -> Result<Engine, EngineError> {
        let engine = wasmtime::Engine::new(&config::config()).map_err(EngineError::Unsupported)?;
        let linker = link::linker(&engine).map_err(EngineError::Unsupported)?;
        let ticker = Ticker::start(&engine).map_err(EngineError::NoClock)?;
        Ok(Engine(Arc::new(Inner { engine, linker, cache, _ticker: ticker })))
    }

    /// Makes a component ready to run: checks that it is one and fits world `ocap:vat/vat`, compiles it or takes what
    /// was compiled before from the cache, and links it. This takes a second per ten megabytes, and is not for the
    /// thread that runs the kernel.
    ///
    /// # Errors
    /// What is wrong with the component.
    pub fn prepare(&self, component: &[u8]) -> Result<Code, Fault> {
        fault::inspect(component)?;
        let component = match catch_unwind(AssertUnwindSafe(|| self.compile(component))) {
            Ok(compiled) => compiled?,
            Err(panic) => return Err(Fault::DoesNotCompile { reason: trap::describe_panic(&*panic) }),
        };
        let Inner { engine, linker, .. } = &*self.0;
        link::check_imports(linker, &component.component_type())?;
        link::check_exports(engine, &component.component_type())?;
        let linked = linker.instantiate_pre(&component).map_err(|error| Fault::wrong_type(&error))?;
        let pre = VatPre::new(linked).map_err(|error| Fault::wrong_type(&error))?;
        Ok(Code { engine: self.clone(), pre })
    }

    /// The name of the file in which the cache keeps the compiled code of a component, by its SHA-256 in hexadecimal.
    pub fn cached_as(&self, digest: &str) -> String {
        cache::file_name(&self.0.engine, digest)
    }

    /// Whether a file in the cache has the name of finished compiled code, of this engine or another.
    pub fn is_cached_code(name: &str) -> bool {
        name.ends_with(cache::SUFFIX)
    }

    fn compile(&self, component: &[u8]) -> Result<Component, Fault> {
        let engine = &self.0.engine;
        let compile = || Component::from_binary(engine, component).map_err(|error| Fault::does_not_compile(&error));
        let Some(cache) = &self.0.cache else { return compile() };
        let name = cache::file_name(engine, &cache::digest_of(component));
        if let Some(loaded) = cache.load(&name).and_then(|code| load(engine, &code)) {
            return Ok(loaded);
        }
        let compiled = compile()?;
        if let Err(error) =
            compiled.serialize().map_err(std::io::Error::other).and_then(|code| cache.store(&name, &code))
        {
            tracing::warn!(%error, "compiled code could not be kept; it will be compiled again at the next start");
        }
        Ok(compiled)
    }
}

/// Compiled code from the cache; `None` if this wasmtime did not make it.
#[allow(unsafe_code)]
fn load(engine: &wasmtime::Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` is the very buffer whose tag `CodeCache::load` has verified under this home's key, so these are
    // bytes that `Component::serialize` gave to this program, and nobody can change them between the check and this
    // use.
    unsafe { Component::deserialize(engine, code) }.ok()
}
