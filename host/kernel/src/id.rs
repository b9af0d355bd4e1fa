//! Names of things: small numbers, each a type of its own, with a text form for people.

use std::fmt;
use std::str::FromStr;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A vat. Its number is never given again: `v3`.
    VatId, "v");
id!(
    /// A subcluster: `s1`.
    SubclusterId, "s");
id!(
    /// An object anywhere: `ko7`.
    ObjectId, "ko");
id!(
    /// A promise, and the number of its one resolver: `kp9`.
    PromiseId, "kp");
id!(
    /// A message or notice, in the order in which the kernel took it: `m12`.
    MessageId, "m");
id!(
    /// One delivery to one vat, unique within a run of the host: `c40`.
    CrankId, "c");
id!(
    /// A place in one vat's c-list. Ascending, never reused by a committed crank (kernel-rules 14).
    Slot, "slot ");

/// A kernel reference: what a capability refers to, wherever it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kref {
    /// `ko7`
    Object(ObjectId),
    /// `kp9`
    Promise(PromiseId),
    /// `kr9`, the right to settle `kp9`
    Resolver(PromiseId),
}

impl Kref {
    /// One integer for a column: the kind in the two low bits.
    pub const fn to_bits(self) -> u64 {
        match self {
            Kref::Object(id) => id.0 << 2,
            Kref::Promise(id) => id.0 << 2 | 1,
            Kref::Resolver(id) => id.0 << 2 | 2,
        }
    }

    /// The reverse of [`Kref::to_bits`]; `None` for bits that it never yields.
    pub const fn from_bits(bits: u64) -> Option<Kref> {
        let id = bits >> 2;
        match bits & 3 {
            0 => Some(Kref::Object(ObjectId(id))),
            1 => Some(Kref::Promise(PromiseId(id))),
            2 => Some(Kref::Resolver(PromiseId(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Kref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kref::Object(id) => write!(f, "ko{}", id.0),
            Kref::Promise(id) => write!(f, "kp{}", id.0),
            Kref::Resolver(id) => write!(f, "kr{}", id.0),
        }
    }
}

/// The text names no kernel reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a kernel reference is `ko`, `kp` or `kr` and a number")]
pub struct NotAKref;

impl FromStr for Kref {
    type Err = NotAKref;

    fn from_str(text: &str) -> Result<Kref, NotAKref> {
        let (kind, digits) = text.split_at_checked(2).ok_or(NotAKref)?;
        if digits.starts_with('+') {
            return Err(NotAKref);
        }
        let id = digits.parse().map_err(|_| NotAKref)?;
        match kind {
            "ko" => Ok(Kref::Object(ObjectId(id))),
            "kp" => Ok(Kref::Promise(PromiseId(id))),
            "kr" => Ok(Kref::Resolver(PromiseId(id))),
            _ => Err(NotAKref),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kref_survives_its_text_and_its_bits() {
        for kref in [Kref::Object(ObjectId(7)), Kref::Promise(PromiseId(9)), Kref::Resolver(PromiseId(9))] {
            assert_eq!(kref.to_string().parse(), Ok(kref));
            assert_eq!(Kref::from_bits(kref.to_bits()), Some(kref));
        }
        assert_eq!(Kref::from_bits(3), None);
        assert_eq!("ko-1".parse::<Kref>(), Err(NotAKref));
        assert_eq!("ko+1".parse::<Kref>(), Err(NotAKref));
        assert_eq!("matcher".parse::<Kref>(), Err(NotAKref));
    }
}
