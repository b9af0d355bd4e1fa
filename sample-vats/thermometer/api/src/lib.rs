//! What a thermometer can be asked. The vat that has one and the vat that uses it both know these traits, and nothing else of each other.

use ocap_guest_sdk::prelude::*;

/// Shows a temperature.
#[interface]
pub trait Gauge {
    /// The temperature, in the gauge's own unit.
    fn degrees(&self) -> f64;
}

/// Shows a temperature, and sets it.
#[interface]
pub trait Dial {
    /// The temperature, in the dial's own unit.
    fn degrees(&self) -> f64;

    /// Sets it, and answers what it was before.
    fn set(&mut self, degrees: f64) -> Result<f64>;
}

/// Has one temperature, and a face of it for each purpose.
#[interface]
pub trait Thermometer {
    /// In degrees Celsius.
    fn celsius(this: This<Self>) -> Remote<dyn Dial>;

    /// In degrees Fahrenheit.
    fn fahrenheit(this: This<Self>) -> Remote<dyn Dial>;

    /// In degrees Celsius, for those who are not to change it.
    fn gauge(this: This<Self>) -> Remote<dyn Gauge>;
}
