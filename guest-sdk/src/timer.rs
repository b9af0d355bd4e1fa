//! The service `timer`, and answers that are waited for only so long.

use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable, Aborted, Either, select};
use serde::de::DeserializeOwned;

use crate::cap::pass_as_cap;
use crate::{Cap, Context, Error, Promise, This, object};

/// The service `timer`, granted by `uses = ["service.timer"]`. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timer(pub Cap);

impl Timer {
    /// Answers with the time, when so much has passed. The wait is the host's and durable: have it come to a durable object with
    /// [`Promise::then`] if it must not be lost with this incarnation.
    pub fn after(&self, span: Duration) -> Promise<u64> {
        self.0.call("after", (milliseconds(span),))
    }

    /// Answers with the time, when that has come; at once if it is past.
    pub fn at(&self, milliseconds: u64) -> Promise<u64> {
        self.0.call("at", (milliseconds,))
    }

    /// Has `tick(time)` sent to `target` when so much has passed, unless nobody holds what this answers by then: dropping it takes the timer back.
    pub fn once(&self, span: Duration, target: &Cap) -> Promise<Cap> {
        self.0.call("once", (milliseconds(span), target))
    }

    /// Has `tick(time)` sent to `target` each period, of at least 100 ms, for as long as somebody holds what this answers.
    pub fn every(&self, period: Duration, target: &Cap) -> Promise<Cap> {
        self.0.call("every", (milliseconds(period), target))
    }
}

pass_as_cap!(Timer, |timer| &timer.0, Timer);

impl Context {
    /// The service `timer`.
    ///
    /// # Errors
    /// If `uses` does not grant `service.timer`.
    pub fn timer(&self) -> Result<Timer, Error> {
        self.grant("service.timer").map(Timer)
    }
}

impl<T: DeserializeOwned> Promise<T> {
    /// Waits for the answer, but only so long: then it fails with `timed-out`. The call itself is not taken back.
    ///
    /// When the answer has come, the host's timer goes. A subcluster has at most 10,000 timers at once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ocap_guest_sdk::prelude::*;
    /// # async fn ask(desk: Cap) -> Result<u64> {
    /// let timer = context().timer()?;
    /// let price = desk.call::<u64>("price", ("tea",)).within(&timer, Duration::from_secs(5)).await?;
    /// # Ok(price)
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the promise is broken with; `timed-out`; or why the timer does not work.
    pub async fn within(self, timer: &Timer, limit: Duration) -> Result<T, Error> {
        let (handle, registration) = AbortHandle::new_pair();
        let alarm = This::ephemeral(Alarm { handle });
        let answer = Abortable::new(self, registration);
        let answer = match select(answer, timer.once(limit, &alarm.cap())).await {
            Either::Left((answer, _)) => answer,
            // The timer lasts as long as it is held.
            Either::Right((Ok(_timer), answer)) => answer.await,
            Either::Right((Err(error), _)) => return Err(error),
        };
        answer.unwrap_or_else(|Aborted| Err(Error::new("timed-out", format!("no answer within {limit:?}"))))
    }
}

/// Ends a wait when it rings.
struct Alarm {
    handle: AbortHandle,
}

#[object]
impl Alarm {
    fn tick(&self, _time: u64) {
        self.handle.abort();
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
