//! Money. Who has the mint makes it; coins move between purses of the same mint, and are never more than were made.

use ocap_guest_sdk::prelude::*;

/// The right to make money.
#[derive(Durable, Default)]
pub struct Mint {
    issued: u64,
}

#[object]
impl Mint {
    /// A purse with new coins.
    fn issue(&mut self, coins: u64) -> Result<Cap> {
        self.issued = self.issued.checked_add(coins).ok_or_else(|| Error::new("too-much", "nobody could count it"))?;
        Ok(This::durable(Purse { coins }).cap())
    }

    fn issued(&self) -> u64 {
        self.issued
    }
}

/// Whoever has it has its coins.
#[derive(Durable, Default)]
pub struct Purse {
    coins: u64,
}

#[object]
impl Purse {
    fn coins(&self) -> u64 {
        self.coins
    }

    /// Another purse for coins of this mint, without any.
    fn sprout(&self) -> Cap {
        This::durable(Purse::default()).cap()
    }

    /// Moves coins here. The other purse has to be one of this mint: nobody else can make one, and none can be copied.
    fn deposit(this: This<Self>, coins: u64, from: Cap) -> Result<u64> {
        let from = This::<Purse>::of(&from).ok_or_else(|| Error::new("no-purse", "that is no purse of this mint"))?;
        from.with(|purse| purse.take(coins))?;
        Ok(this.with(|purse| {
            purse.coins += coins;
            purse.coins
        }))
    }
}

impl Purse {
    fn take(&mut self, coins: u64) -> Result<()> {
        let left = self.coins.checked_sub(coins);
        self.coins = left.ok_or_else(|| Error::new("too-poor", format!("there are only {} coins", self.coins)))?;
        Ok(())
    }
}

vat!(Mint, Purse);

#[cfg(test)]
mod tests;
