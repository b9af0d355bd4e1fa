//! Every setting of wasmtime, in one place, with its reason. All of them are part of the key of the code cache.
//!
//! There is one engine in the process: a component, a linker or a store of another one can then not be mixed up with
//! it.

use std::num::NonZeroUsize;

use wasmtime::{Config, OptLevel, Strategy};

use super::limits::{STACK_BYTES_MAX, TRAP_FRAMES_MAX};
use super::memory;

/// The configuration of the engine.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    speed_and_safety(&mut config);
    determinism(&mut config);
    memories(&mut config);
    language(&mut config);
    config
}

fn speed_and_safety(config: &mut Config) {
    // The only compiler in wasmtime's first tier of support, where a bug in the sandbox is treated as a vulnerability.
    config.strategy(Strategy::Cranelift);
    config.cranelift_opt_level(OptLevel::Speed);
    // Vats are called synchronously, one delivery at a time; the machinery for concurrent calls doubles the cost of a
    // crank.
    config.concurrency_support(false);
    // A crank that does not end is cut by the ticker. (No fuel: it costs a quarter of a tight loop and nothing meters
    // yet.)
    config.epoch_interruption(true);
    // Deep recursion of a guest is its trap, far from the end of the worker's own stack.
    config.max_wasm_stack(STACK_BYTES_MAX);
    // As many frames as an operator is shown.
    config.wasm_backtrace_max_frames(NonZeroUsize::new(TRAP_FRAMES_MAX));
    // No debugger looks at guests here.
    config.debug_info(false);
    // Nothing outside wasmtime unwinds through compiled code, but a panic of a host function passes through it.
    config.native_unwind_info(true);
}

/// What a vat computes is a function of its deliveries (design section 11).
fn determinism(config: &mut Config) {
    // The bits of a NaN would otherwise differ between machines.
    config.cranelift_nan_canonicalization(true);
    // The same for the instructions whose result may depend on the machine.
    config.relaxed_simd_deterministic(true);
}

fn memories(config: &mut Config) {
    // The engine owns memory creation, see there. It needs the on-demand allocator, which is the default.
    config.with_host_memory(memory::creator());
    // Copy-on-write images are mapped into memories of wasmtime's own making only; with a creator of our own it would
    // panic.
    config.memory_init_cow(false);
    // The whole range of 32-bit addresses is reserved, so that compiled code needs no bounds checks and the base never
    // moves.
    config.memory_reservation(4 << 30);
    config.memory_may_move(false);
    // Static offsets up to this size need no check either.
    config.memory_guard_size(32 << 20);
    // Nothing lies before the base: offsets are never negative.
    config.guard_before_linear_memory(false);
}

/// What of the language is accepted: what today's toolchains emit, and nothing that is new or that nobody has asked
/// for.
///
/// Threads, the collector with exceptions and typed function references, and asynchronous components are not even built
/// in: threads and tasks would let a vat observe time, and state of theirs in the host could not be captured.
fn language(config: &mut Config) {
    // A vat is single-threaded: shared memory would let it count time.
    config.wasm_shared_everything_threads(false);
    config.shared_memory(false);
    // No toolchain for components emits these, and each is code that could have a bug.
    config.wasm_memory64(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_stack_switching(false);
    // The same of the component model.
    config.wasm_component_model_error_context(false);
    config.wasm_component_model_gc(false);
    config.wasm_component_model_map(false);
    config.wasm_component_model_memory64(false);
    config.wasm_component_model_fixed_length_lists(false);
    config.wasm_component_model_implements(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasmtime_accepts_the_settings_together() {
        wasmtime::Engine::new(&config()).expect("a usable configuration");
    }
}
