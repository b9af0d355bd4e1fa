//! Where the linear memory of every vat comes from.
//!
//! The engine owns it instead of leaving it to wasmtime because a heap is one day to be captured and put back (design
//! section 11), and that begins with whoever makes the memory. Today it does no more than wasmtime would: an address
//! range that is reserved whole and made usable page by page, with a guard behind it.
//!
//! Compiled code relies on three promises: the base never moves, every byte below `byte_size` can be read and written,
//! and an access between there and the end of the reservation and its guard faults instead of touching something else.
#![allow(unsafe_code)] // mmap and wasmtime's two unsafe traits; each use says why it is sound.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::mm::{self, MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// What [`wasmtime::Config::with_host_memory`] wants.
pub(crate) fn creator() -> Arc<dyn MemoryCreator> {
    Arc::new(Reserving)
}

/// Reserves what it is asked for.
struct Reserving;

// SAFETY: `Mapping::new` reserves at least the bytes that it is asked to, with `guard` inaccessible bytes behind them,
// zeroed by the kernel.
unsafe impl MemoryCreator for Reserving {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved.or(maximum).unwrap_or(minimum).max(minimum);
        let mut mapping = Mapping::new(capacity, guard)
            .map_err(|error| format!("{capacity} bytes of address space cannot be reserved: {error}"))?;
        mapping.grow(minimum).map_err(|error| format!("{minimum} bytes of memory cannot be had: {error}"))?;
        Ok(Box::new(mapping))
    }
}

/// One linear memory: `size` usable bytes, then inaccessible ones up to `capacity + guard`.
struct Mapping {
    base: NonNull<c_void>,
    size: usize,
    capacity: usize,
    guard: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread, and `base` is only used through `&mut self` or by compiled
// code, which wasmtime lets run on one thread at a time.
unsafe impl Send for Mapping {}
// SAFETY: `&self` gives out numbers and the address only.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(capacity: usize, guard: usize) -> rustix::io::Result<Mapping> {
        let length = capacity.checked_add(guard).ok_or(rustix::io::Errno::OVERFLOW)?.max(1);
        // Not counted as used until it is touched: thousands of vats reserve far more than there is.
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let base = unsafe { mm::mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::empty(), flags) }?;
        let base = NonNull::new(base).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Mapping { base, size: 0, capacity, guard })
    }

    /// Makes the bytes up to `size` usable.
    fn grow(&mut self, size: usize) -> rustix::io::Result<()> {
        if size > self.capacity {
            return Err(rustix::io::Errno::NOMEM);
        }
        let added = size.saturating_sub(self.size);
        if added > 0 {
            // SAFETY: the range lies within the mapping (`size <= capacity`) and was inaccessible, so nobody refers to
            // it. `self.size` is always a multiple of 64 KiB, hence of the page size.
            unsafe {
                let from = self.base.as_ptr().byte_add(self.size);
                mm::mprotect(from, added, MprotectFlags::READ | MprotectFlags::WRITE)?;
            }
            self.size = size;
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `new` mapped, and whoever drops the memory has no code left that could use it.
        let unmapped = unsafe { mm::munmap(self.base.as_ptr(), (self.capacity + self.guard).max(1)) };
        debug_assert_eq!(unmapped, Ok(()), "a whole mapping can always be unmapped");
    }
}

// SAFETY: the base is fixed, `byte_size` bytes are readable and writable, and what lies behind them faults.
unsafe impl LinearMemory for Mapping {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        self.grow(new_size).map_err(|error| wasmtime::Error::new(std::io::Error::from(error)))
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_grows_in_place_and_not_past_its_reservation() {
        let mut mapping = Mapping::new(1 << 20, 1 << 16).expect("address space");
        mapping.grow(1 << 16).expect("one page");
        let base = mapping.as_ptr();
        // SAFETY: within the 64 KiB that were made usable.
        unsafe {
            assert_eq!(base.add((1 << 16) - 1).read(), 0);
            base.write(7);
        }
        mapping.grow(1 << 17).expect("two pages");
        assert_eq!((mapping.as_ptr(), mapping.byte_size()), (base, 1 << 17));
        // SAFETY: as above, and within the second page.
        unsafe {
            assert_eq!((base.read(), base.add(1 << 16).read()), (7, 0));
        }
        assert!(mapping.grow((1 << 20) + (1 << 16)).is_err());
    }
}
