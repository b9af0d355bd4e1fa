//! Clocks that stand still during a crank: what a vat sees of time is part of its delivery.

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::engine::host::Host;

/// What both clocks say they can tell apart: a crank is much shorter.
const RESOLUTION: Duration = Duration::from_millis(1);

impl wall_clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(self.now.wall))
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(RESOLUTION))
    }
}

fn datetime(time: Duration) -> wall_clock::Datetime {
    wall_clock::Datetime { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
}

impl monotonic_clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(nanoseconds(self.now.monotonic))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(nanoseconds(RESOLUTION))
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.deadline(when <= nanoseconds(self.now.monotonic))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.deadline(when == 0)
    }
}

impl Host {
    fn deadline(&mut self, is_past: bool) -> wasmtime::Result<Resource<DynPollable>> {
        let deadline = self.wasi.table.push(if is_past { Deadline::Past } else { Deadline::Later })?;
        subscribe(&mut self.wasi.table, deadline)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A point in time, which in a crank is either past or will not come.
enum Deadline {
    Past,
    Later,
}

#[async_trait]
impl Pollable for Deadline {
    async fn ready(&mut self) {
        match self {
            Deadline::Past => {}
            Deadline::Later => std::future::pending().await,
        }
    }
}
