//! What a crank asks of the kernel, counted as it goes.

use ocap_kernel::Syscall;

use crate::limits::{BYTES_OUT_MAX, Broken, NEW_PROMISES_MAX, SENDS_MAX, SYSCALLS_MAX};

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
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Broken> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
