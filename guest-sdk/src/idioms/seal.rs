//! Rights amplification: what one half has sealed only the other half can open.

use serde::{Deserialize, Serialize};

use crate::{Cap, Durable, Error, Result, This, Value, object, random};

/// Seals values. Name the kinds [`Sealer`], [`Unsealer`] and [`SealedBox`] in `vat!`.
#[derive(Durable)]
pub struct Sealer {
    brand: Brand,
}

/// Opens what the other half of its pair has sealed.
#[derive(Durable)]
pub struct Unsealer {
    brand: Brand,
}

/// A value that was sealed: it can be passed through anybody's hands, and has no methods.
#[derive(Durable)]
pub struct SealedBox {
    brand: Brand,
    content: Value,
}

/// What the halves of a pair have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand(u64, u64);

impl Brand {
    /// A new pair: an object with the method `seal(value)`, which answers a box, and one with the method `open(box)`, which answers the
    /// value.
    pub fn pair() -> (Cap, Cap) {
        let brand = Brand(random::number(), random::number());
        (This::durable(Sealer { brand }).cap(), This::durable(Unsealer { brand }).cap())
    }
}

#[object]
impl Sealer {
    fn seal(&self, content: Value) -> Cap {
        This::durable(SealedBox { brand: self.brand, content }).cap()
    }
}

#[object]
impl Unsealer {
    fn open(&self, sealed: Cap) -> Result<Value> {
        let mine = |sealed: &SealedBox| (sealed.brand == self.brand).then(|| sealed.content.clone());
        let content = This::<SealedBox>::of(&sealed).and_then(|sealed| sealed.read(mine));
        content.ok_or_else(|| Error::new("not-sealed", "this was not sealed by the other half of this pair"))
    }
}

#[object]
impl SealedBox {}
