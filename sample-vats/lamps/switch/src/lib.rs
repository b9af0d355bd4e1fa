//! Switches one lamp, which its parameters name.

use ocap_guest_sdk::prelude::*;

/// Counts how often it was pressed.
#[derive(Durable, Default)]
struct Switch {
    presses: u64,
}

/// What the declaration says of this switch.
#[derive(Deserialize)]
struct Parameters {
    lamp: String,
    #[serde(default = "full")]
    percent: u64,
}

fn full() -> u64 {
    100
}

#[object]
impl Switch {
    #[started]
    fn announce(&self, context: &Context) -> Result<()> {
        let Parameters { lamp, percent } = context.parameters()?;
        info!(lamp = lamp, percent = percent, "ready, incarnation {}", context.incarnation());
        Ok(())
    }

    fn off(&self) -> Result<Promise<u64>> {
        Ok(lamp()?.call("set", (0,)))
    }

    async fn press(this: This<Self>) -> Result<u64> {
        let lamp = lamp()?;
        let is_dark = lamp.call::<u64>("percent", ()).await? == 0;
        let percent = if is_dark { context().parameters::<Parameters>()?.percent } else { 0 };
        let percent = lamp.call("set", (percent,)).await?;
        this.with(|state| state.presses += 1);
        Ok(percent)
    }

    fn presses(&self) -> u64 {
        self.presses
    }
}

/// The lamp that is to come: messages can be sent to it at once.
fn lamp() -> Result<Promise<Cap>> {
    let name = context().parameters::<Parameters>()?.lamp;
    Ok(context().grant("vat.house")?.call("lamp", (name,)))
}

vat!(Switch);
