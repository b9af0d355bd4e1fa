//! Waits for several things at once, and for none too long.

use std::time::Duration;

use ocap_guest_sdk::prelude::*;

/// Nothing to remember.
#[derive(Durable, Default)]
struct Hurry {}

#[object]
impl Hurry {
    /// The desk's answer, if it comes in time.
    async fn ask(_this: This<Self>, what: String, milliseconds: u64) -> Result<Value> {
        let timer = context().timer()?;
        desk()?.call::<Value>("ask", (what,)).within(&timer, Duration::from_millis(milliseconds)).await
    }

    /// The first answer of two. The other one is not waited for any more.
    async fn first(_this: This<Self>, one: String, other: String) -> Result<Value> {
        let desk = desk()?;
        let (mut one, mut other) = (desk.call::<Value>("ask", (one,)), desk.call::<Value>("ask", (other,)));
        select! {
            answer = one => answer,
            answer = other => answer,
        }
    }

    /// All answers, in the order of the questions.
    async fn all(_this: This<Self>, questions: Vec<String>) -> Result<Vec<Value>> {
        let desk = desk()?;
        try_join_all(questions.into_iter().map(|question| desk.call("ask", (question,)))).await
    }
}

fn desk() -> Result<Cap> {
    context().grant("vat.desk")
}

vat!(Hurry);
