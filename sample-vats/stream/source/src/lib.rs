//! Yields numbers to whoever takes them, as fast as they are taken.

use std::cell::Cell;

use ocap_guest_sdk::prelude::*;

thread_local! {
    /// Of this incarnation: how many numbers were given, and how many streams still run.
    static GIVEN: Cell<u64> = const { Cell::new(0) };
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Nothing to remember: a stream lives as long as its incarnation.
#[derive(Durable, Default)]
struct Source {}

#[object]
impl Source {
    /// The numbers from 0, below `end`.
    fn numbers(&self, end: u64) -> Stream<u64> {
        stream(async move |mut sink| {
            let _running = Running::new();
            for number in 0..end {
                sink.send(number).await?;
                GIVEN.set(GIVEN.get() + 1);
            }
            Ok(())
        })
    }

    /// The same, but instead of an end there is an error.
    fn broken(&self, end: u64) -> Stream<u64> {
        stream(async move |mut sink| {
            for number in 0..end {
                sink.send(number).await?;
            }
            Err(Error::new("out-of-numbers", format!("there is no {end}")))
        })
    }

    fn given(&self) -> u64 {
        GIVEN.get()
    }

    fn running(&self) -> u64 {
        RUNNING.get()
    }
}

/// Counts the streams that run.
struct Running;

impl Running {
    fn new() -> Running {
        RUNNING.set(RUNNING.get() + 1);
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get() - 1);
    }
}

vat!(Source);
