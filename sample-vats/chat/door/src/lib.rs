//! Lets whoever connects to its socket into the room.

use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Door {}

#[object]
impl Door {
    #[started]
    fn open(this: This<Self>, context: &Context) -> Result<()> {
        context.channel("io.street").map(|street| street.serve(&this.cap()).forget())
    }

    /// Each line of a client. The room gets the connection along: that is its only way to the client.
    fn line(&self, text: String, guest: Connection) -> Result<Promise<()>> {
        Ok(context().grant("vat.room")?.call("hear", (text, guest)))
    }
}

vat!(Door);
