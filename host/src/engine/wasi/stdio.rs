//! Standard streams: input is at its end, output and error are the vat's log, line by line.

use bytes::Bytes;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::cli::{stderr, stdin, stdout};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, OutputStream, Pollable, StreamResult};

use crate::engine::host::Host;
use crate::engine::limits::LOG_BYTES_MAX;
use crate::engine::log::Log;

impl stdin::Host for Host {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.wasi.table.push(stream)?)
    }
}

impl stdout::Host for Host {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer(Log::stdout)
    }
}

impl stderr::Host for Host {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer(Log::stderr)
    }
}

impl Host {
    fn printer(&mut self, print: fn(&Log, &[u8])) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(Printer { log: self.log.clone(), print });
        Ok(self.wasi.table.push(stream)?)
    }
}

/// An output stream that is always ready: the log drops what is too much.
struct Printer {
    log: Log,
    print: fn(&Log, &[u8]),
}

impl OutputStream for Printer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        (self.print)(&self.log, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LOG_BYTES_MAX)
    }
}

#[async_trait]
impl Pollable for Printer {
    async fn ready(&mut self) {}
}
