//! Paints, once it has been given something to paint on.

use ocap_guest_sdk::idioms;
use ocap_guest_sdk::prelude::*;

/// Has nothing when it begins.
#[derive(Durable, Default)]
pub struct Painter {
    canvas: Option<Cap>,
    refusal: Option<String>,
}

#[object]
impl Painter {
    /// The answer comes whenever somebody decides, also after a restart: it goes to the painter itself.
    fn ask(this: This<Self>, reason: String) -> Result<()> {
        let canvas = idioms::request::<Cap>(&context().grant("vat.window")?, "canvas", &reason);
        canvas.then(&this, Painter::decided);
        Ok(())
    }

    #[answer]
    fn decided(&mut self, canvas: Result<Cap>) {
        match canvas {
            Ok(canvas) => self.canvas = Some(canvas),
            Err(error) => self.refusal = Some(error.to_string()),
        }
    }

    /// Calls a method of what it was given.
    fn paint(&self, method: String, colour: Value) -> Result<Promise<Value>> {
        let canvas = self.canvas.as_ref().ok_or_else(|| Error::new("no-canvas", "it has nothing to paint on"))?;
        Ok(canvas.call(&method, (colour,)))
    }

    fn refusal(&self) -> Option<String> {
        self.refusal.clone()
    }
}

vat!(Painter);
