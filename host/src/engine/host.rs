//! What the host functions of one vat work on while a crank runs, and what they have gathered at its end.

use ocap_kernel::{Payload, Slot, Syscall};
use wasmtime::ResourceLimiter;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::cli::WasiCliCtx;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;

use super::bindings::Cap;
use super::instance::CrankTime;
use super::limits::{
    BODY_BYTES_MAX, BYTES_OUT_MAX, Broken, CAPS_MAX, INSTANCES_MAX, MEMORIES_MAX, METHOD_BYTES_MAX, NEW_PROMISES_MAX,
    SENDS_MAX, SYSCALLS_MAX, TABLE_ELEMENT_BYTES, TABLE_ELEMENTS_MAX, TABLES_MAX, WASI_RESOURCES_MAX,
};
use super::log::Log;
use super::mirror::{Handle, Mirror};
use super::vat_store::VatStore;
use super::wasi::Random;

/// The data of a vat's wasmtime store.
pub(crate) struct Host {
    pub(crate) mirror: Mirror,
    /// Lent for the crank.
    pub(crate) store: VatStore,
    pub(crate) out: Out,
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

/// The syscalls of one crank, and what they cost so far.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) syscalls: Vec<Syscall>,
    /// After an exit there is nothing left to ask for.
    has_exited: bool,
    sends: usize,
    new_promises: usize,
    bytes: usize,
}

impl Out {
    /// Adds a syscall.
    ///
    /// # Errors
    /// If it is one too many.
    pub(crate) fn push(&mut self, syscall: Syscall) -> Result<(), Broken> {
        if self.has_exited {
            return Err(Broken::AfterExit);
        }
        match syscall {
            Syscall::Send { .. } => count(&mut self.sends, SENDS_MAX, Broken::Sends)?,
            Syscall::NewPromise { .. } => count(&mut self.new_promises, NEW_PROMISES_MAX, Broken::NewPromises)?,
            Syscall::Guard { .. }
            | Syscall::Settle { .. }
            | Syscall::Expose { .. }
            | Syscall::Watch { .. }
            | Syscall::Unwatch { .. }
            | Syscall::Listen { .. }
            | Syscall::Pin(_) => {}
            Syscall::Exit(_) => self.has_exited = true,
        }
        if self.syscalls.len() == SYSCALLS_MAX {
            return Err(Broken::Syscalls);
        }
        self.syscalls.push(syscall);
        Ok(())
    }

    /// Counts bytes that leave the vat.
    fn spend(&mut self, bytes: usize) -> Result<(), Broken> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > BYTES_OUT_MAX { Err(Broken::BytesOut) } else { Ok(()) }
    }
}

fn count(counter: &mut usize, max: usize, broken: Broken) -> Result<(), Broken> {
    if *counter == max {
        return Err(broken);
    }
    *counter += 1;
    Ok(())
}

impl Host {
    /// A method's name, if it is not too long.
    pub(crate) fn method(&mut self, method: String) -> Result<String, Broken> {
        if method.len() > METHOD_BYTES_MAX {
            return Err(Broken::Method { bytes: method.len() });
        }
        self.out.spend(method.len())?;
        Ok(method)
    }

    /// What the guest sends, with slots for handles.
    pub(crate) fn outgoing(&mut self, body: Vec<u8>, caps: &[Resource<Cap>]) -> Result<Payload<Slot>, Broken> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Broken::Body { bytes: body.len() });
        }
        self.out.spend(body.len())?;
        self.payload(body, caps)
    }

    /// A body of the guest with slots for handles, whatever its size.
    pub(crate) fn payload(&self, body: Vec<u8>, caps: &[Resource<Cap>]) -> Result<Payload<Slot>, Broken> {
        if caps.len() > CAPS_MAX {
            return Err(Broken::Caps { caps: caps.len() });
        }
        let caps = caps.iter().map(|cap| self.slot_of(cap)).collect::<Result<_, _>>()?;
        Ok(Payload { body: body.into(), caps })
    }

    /// What a handle of the guest is on.
    pub(crate) fn slot_of(&self, cap: &Resource<Cap>) -> Result<Slot, Broken> {
        self.mirror.slot(cap.rep())
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

    #[test]
    fn a_crank_cannot_send_without_end() {
        let mut out = Out::default();
        for token in 0..SYSCALLS_MAX as u64 {
            out.push(Syscall::Unwatch { token }).expect("within the limit");
        }
        assert_eq!(out.push(Syscall::Pin(true)), Err(Broken::Syscalls));
        assert_eq!(out.spend(BYTES_OUT_MAX), Ok(()));
        assert_eq!(out.spend(1), Err(Broken::BytesOut));
    }
}
