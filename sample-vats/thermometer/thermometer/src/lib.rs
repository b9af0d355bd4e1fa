//! One temperature with several faces. Who holds a face can do what that face can do, and no more.

use ocap_guest_sdk::prelude::*;
use thermometer_api::{Dial, Gauge, Thermometer};

/// The temperature that all faces share.
#[derive(Durable, Default)]
struct Mercury {
    celsius: f64,
}

#[object]
impl Thermometer for Mercury {
    fn celsius(this: This<Self>) -> Remote<dyn Dial> {
        This::durable(Celsius { mercury: this }).remote()
    }

    fn fahrenheit(this: This<Self>) -> Remote<dyn Dial> {
        This::durable(Fahrenheit { mercury: this }).remote()
    }

    /// In degrees Celsius, for those who are not to change it.
    fn gauge(this: This<Self>) -> Remote<dyn Gauge> {
        This::durable(Window { mercury: this }).remote()
    }
}

impl Mercury {
    fn set(&mut self, celsius: f64) -> Result<f64> {
        if celsius < -273.15 {
            return Err(Error::new("too-cold", "nothing is colder than -273.15 degrees Celsius"));
        }
        Ok(std::mem::replace(&mut self.celsius, celsius))
    }
}

/// Its face in Celsius.
#[derive(Durable)]
struct Celsius {
    mercury: This<Mercury>,
}

#[object]
impl Dial for Celsius {
    fn degrees(&self) -> f64 {
        self.mercury.read(|mercury| mercury.celsius)
    }

    fn set(&mut self, degrees: f64) -> Result<f64> {
        self.mercury.with(|mercury| mercury.set(degrees))
    }
}

/// Its face in Fahrenheit.
#[derive(Durable)]
struct Fahrenheit {
    mercury: This<Mercury>,
}

#[object]
impl Dial for Fahrenheit {
    fn degrees(&self) -> f64 {
        fahrenheit(self.mercury.read(|mercury| mercury.celsius))
    }

    fn set(&mut self, degrees: f64) -> Result<f64> {
        self.mercury.with(|mercury| mercury.set((degrees - 32.0) / 1.8)).map(fahrenheit)
    }
}

fn fahrenheit(celsius: f64) -> f64 {
    celsius * 1.8 + 32.0
}

/// Its face for those who look only.
#[derive(Durable)]
struct Window {
    mercury: This<Mercury>,
}

#[object]
impl Gauge for Window {
    fn degrees(&self) -> f64 {
        self.mercury.read(|mercury| mercury.celsius)
    }
}

vat!(Mercury, Celsius, Fahrenheit, Window);
