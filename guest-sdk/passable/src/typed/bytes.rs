//! Octets by serde, which takes a `Vec<u8>` for a list of numbers.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Octets, passed as such.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        struct Octets;

        impl<'de> Visitor<'de> for Octets {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, it: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(it.to_vec()))
            }

            fn visit_byte_buf<E: Error>(self, it: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(it))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
                let mut octets = Vec::new();
                while let Some(octet) = items.next_element()? {
                    octets.push(octet);
                }
                Ok(Bytes(octets))
            }
        }

        deserializer.deserialize_byte_buf(Octets)
    }
}
