//! Calls pong, over and over; and waits for an answer that outlives it.

use ocap_guest_sdk::prelude::*;

/// Remembers who listens for the late answer.
#[derive(Durable, Default)]
struct Ping {
    ear: Option<This<Ear>>,
}

#[object]
impl Ping {
    /// Calls pong `n` times, each after the answer to the one before.
    async fn rally(_this: This<Self>, n: u64) -> Result<u64> {
        let pong = context().grant("vat.pong")?;
        for _ in 0..n {
            pong.call::<()>("pong", ()).await?;
        }
        Ok(n)
    }

    /// Asks pong for an answer that it keeps to itself. It is to go to a durable object, whatever becomes of this incarnation.
    fn ask_later(&mut self) -> Result<()> {
        let ear = This::durable(Ear::default());
        context().grant("vat.pong")?.call::<Value>("hold", ()).then(&ear, Ear::hear);
        self.ear = Some(ear);
        Ok(())
    }

    /// What came of it so far.
    fn heard(&self) -> Option<Heard> {
        self.ear.as_ref()?.read(|ear| ear.heard.clone())
    }
}

/// Listens for one answer.
#[derive(Durable, Default)]
struct Ear {
    heard: Option<Heard>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Heard {
    Fulfilled(Value),
    Broken { name: String, message: String },
}

#[object]
impl Ear {
    #[answer]
    fn hear(&mut self, answer: Result<Value>) {
        self.heard = Some(match answer {
            Ok(value) => Heard::Fulfilled(value),
            Err(error) => Heard::Broken { name: error.name().to_owned(), message: error.to_string() },
        });
    }
}

vat!(Ping, Ear);
