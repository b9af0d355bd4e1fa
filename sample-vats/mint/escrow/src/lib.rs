//! An exchange between two who do not trust each other, but both trust this vat: both get what they want, or both keep what they have.

use ocap_guest_sdk::prelude::*;

/// Keeps nothing: what is being exchanged lies in purses of its own for a moment.
#[derive(Durable, Default)]
pub struct Escrow {}

/// What one side puts on the table.
#[derive(Deserialize)]
struct Offer {
    /// A purse with the coins.
    gives: Cap,
    coins: u64,
    /// A purse for the coins of the other side. Its mint is the one that this side believes in.
    gets: Cap,
}

#[object]
impl Escrow {
    async fn exchange(_this: This<Self>, left: Offer, right: Offer) -> Result<()> {
        let (from_left, from_right) = join(take(&left, &right), take(&right, &left)).await;
        match (from_left, from_right) {
            (Ok(from_left), Ok(from_right)) => {
                let (given, got) =
                    join(pay(&right.gets, &from_left, &left), pay(&left.gets, &from_right, &right)).await;
                given.and(got)
            }
            (Ok(from_left), Err(error)) => pay(&left.gives, &from_left, &left).await.and(Err(error)),
            (Err(error), Ok(from_right)) => pay(&right.gives, &from_right, &right).await.and(Err(error)),
            (Err(error), Err(_)) => Err(error),
        }
    }
}

/// The coins of an offer in a purse that nobody else has: one of the mint that the other side believes in, so that they are real.
async fn take(offer: &Offer, other: &Offer) -> Result<Cap> {
    let purse: Cap = other.gets.call("sprout", ()).await?;
    pay(&purse, &offer.gives, offer).await?;
    Ok(purse)
}

async fn pay(purse: &Cap, from: &Cap, offer: &Offer) -> Result<()> {
    purse.call::<u64>("deposit", (offer.coins, from)).await?;
    Ok(())
}

vat!(Escrow);
