//! Nor can it be carried out of one.
use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Notes {
    text: String,
}

#[object]
impl Notes {
    async fn send_to(this: This<Self>, other: Cap) -> Result<()> {
        let text = this.read(|notes| notes.text.as_str());
        other.call::<()>("take", (text,)).await
    }
}

fn main() {}
