//! What the host functions of one vat work on while a crank runs, and what they have gathered at its end.

use ocap_worker::{Handle, Worker};
use wasmtime::ResourceLimiter;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::cli::WasiCliCtx;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;

use super::bindings::Cap;
use super::instance::CrankTime;
use super::limits::{
    INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENT_BYTES, TABLE_ELEMENTS_MAX, TABLES_MAX, WASI_RESOURCES_MAX,
};
use super::log::Log;
use super::wasi::Random;

/// The data of a vat's wasmtime store.
pub(crate) struct Host {
    pub(crate) worker: Worker,
    pub(crate) log: Log,
    pub(crate) now: CrankTime,
    pub(crate) random: Random,
    pub(crate) memory: Memory,
    pub(crate) wasi: Wasi,
}

/// What is left of WASI when clocks, random and streams are the host's own.
pub(crate) struct Wasi {
    pub(crate) table: ResourceTable,
    pub(crate) cli: WasiCliCtx,
    pub(crate) filesystem: WasiFilesystemCtx,
}

impl Wasi {
    /// No environment, no arguments, no directories.
    pub(crate) fn empty() -> Wasi {
        let mut table = ResourceTable::new();
        table.set_max_capacity(WASI_RESOURCES_MAX);
        Wasi { table, cli: WasiCliCtx::default(), filesystem: WasiFilesystemCtx::default() }
    }
}

/// A handle on its way into the guest.
pub(crate) fn own(handle: Handle) -> Resource<Cap> {
    Resource::new_own(handle)
}

/// Counts the memory of one incarnation, over all its instances.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: u64,
    bytes_max: u64,
    table_elements: usize,
    /// What the last growth asked for that was refused, in bytes over all memories.
    refused: Option<u64>,
    /// What the last growth added, to be taken back if it fails after all.
    last: u64,
}

impl Memory {
    pub(crate) fn new(bytes_max: u64) -> Memory {
        Memory { bytes: 0, bytes_max, table_elements: 0, refused: None, last: 0 }
    }

    /// Bytes of its linear memories and tables, as large as the guest made them.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes + (self.table_elements * TABLE_ELEMENT_BYTES) as u64
    }

    /// What an operator should know when the guest gave up: most allocators trap when memory is refused.
    pub(crate) fn take_refusal(&mut self) -> Option<String> {
        let refused = self.refused.take()?;
        Some(format!("it had asked for {refused} bytes of memory; its limit is {}", self.bytes_max))
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let added = desired.saturating_sub(current) as u64;
        let wanted = self.bytes.saturating_add(added);
        let granted = wanted <= self.bytes_max;
        (self.last, self.refused) = if granted { (added, self.refused) } else { (0, Some(wanted)) };
        self.bytes += self.last;
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.bytes -= std::mem::take(&mut self.last);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements + desired.saturating_sub(current);
        let granted = wanted <= TABLE_ELEMENTS_MAX;
        if granted {
            self.table_elements = wanted;
        }
        Ok(granted)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories_and_a_failed_growth_is_given_back() {
        let mut memory = Memory::new(300);
        assert!(memory.memory_growing(0, 100, None).expect("an answer"));
        assert!(memory.memory_growing(0, 200, None).expect("an answer"));
        memory.memory_grow_failed(wasmtime::format_err!("no memory")).expect("no trap");
        assert!(memory.memory_growing(100, 300, None).expect("an answer"));
        assert!(!memory.memory_growing(300, 301, None).expect("an answer"));
        memory.memory_grow_failed(wasmtime::format_err!("refused")).expect("no trap");
        assert_eq!(memory.bytes, 300);
        assert_eq!(memory.take_refusal().as_deref(), Some("it had asked for 301 bytes of memory; its limit is 300"));
    }
}
