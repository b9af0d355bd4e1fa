//! Uses the faces of a thermometer that another vat has.

use ocap_guest_sdk::prelude::*;
use thermometer_api::{Dial, Gauge, Thermometer};

/// The face that it was given to look at.
#[derive(Durable, Default)]
struct Display {
    gauge: Option<Remote<dyn Gauge>>,
    dial: Option<Remote<dyn Dial>>,
}

#[object]
impl Display {
    /// Sets the temperature by one face and reads it by another, without waiting for either of them.
    async fn set_fahrenheit(_this: This<Self>, degrees: f64) -> Result<f64> {
        let thermometer = thermometer()?;
        thermometer.fahrenheit().set(degrees).await?;
        thermometer.celsius().degrees().await
    }

    /// Keeps two faces for later.
    async fn mount(this: This<Self>) -> Result<()> {
        let thermometer = thermometer()?;
        let (gauge, dial) = try_join(thermometer.gauge(), thermometer.celsius()).await?;
        this.with(|display| (display.gauge, display.dial) = (Some(gauge), Some(dial)));
        Ok(())
    }

    /// What the gauge shows.
    fn show(&self) -> Result<Promise<f64>> {
        Ok(self.gauge.as_ref().ok_or_else(unmounted)?.degrees())
    }

    /// Turns the dial by so much.
    async fn turn(this: This<Self>, by: f64) -> Result<f64> {
        let dial = this.read(|display| display.dial.clone()).ok_or_else(unmounted)?;
        let degrees = dial.degrees().await? + by;
        dial.set(degrees).await?;
        Ok(degrees)
    }

    /// Tries what a gauge is not for.
    fn tamper(&self) -> Result<Promise<f64>> {
        Ok(self.gauge.as_ref().ok_or_else(unmounted)?.cap().call("set", (99.0,)))
    }
}

fn thermometer() -> Result<Remote<dyn Thermometer>> {
    Ok(context().grant("vat.thermometer")?.into())
}

fn unmounted() -> Error {
    Error::new("unmounted", "call `mount` first")
}

vat!(Display);
