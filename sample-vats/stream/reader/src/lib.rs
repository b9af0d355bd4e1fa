//! Takes what another vat yields.

use std::cell::RefCell;

use ocap_guest_sdk::prelude::*;

thread_local! {
    /// A stream that is not read at the moment.
    static PAUSED: RefCell<Option<Stream<u64>>> = const { RefCell::new(None) };
}

/// Nothing to remember.
#[derive(Durable, Default)]
struct Reader {}

#[object]
impl Reader {
    /// The sum of the numbers below `end`.
    async fn sum(_this: This<Self>, end: u64) -> Result<u64> {
        let mut numbers: Stream<u64> = source()?.call("numbers", (end,)).await?;
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number?;
        }
        Ok(sum)
    }

    /// What came before the error, and the error.
    async fn until_broken(_this: This<Self>, end: u64) -> Result<(Vec<u64>, String)> {
        let mut numbers: Stream<u64> = source()?.call("broken", (end,)).await?;
        let mut seen = Vec::new();
        loop {
            match numbers.try_next().await {
                Ok(Some(number)) => seen.push(number),
                Ok(None) => return Ok((seen, "no error".to_owned())),
                Err(error) => return Ok((seen, error.name().to_owned())),
            }
        }
    }

    /// Takes so many numbers of very many, then reads no further.
    async fn pause(_this: This<Self>, after: u64, window: u64) -> Result<()> {
        let numbers: Stream<u64> = source()?.call("numbers", (u64::MAX,)).await?;
        let mut numbers = numbers.window(usize::try_from(window)?);
        for _ in 0..after {
            numbers.try_next().await?;
        }
        PAUSED.set(Some(numbers));
        Ok(())
    }

    /// The next number of the stream that was paused.
    async fn resume(_this: This<Self>) -> Result<Option<u64>> {
        let Some(mut numbers) = PAUSED.take() else { return Err(Error::new("not-paused", "nothing was paused")) };
        let number = numbers.try_next().await;
        PAUSED.set(Some(numbers));
        number
    }

    /// Lets the paused stream go.
    fn let_go(&self) {
        PAUSED.take();
    }
}

fn source() -> Result<Cap> {
    context().grant("vat.source")
}

vat!(Reader);
