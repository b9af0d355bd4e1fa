//! Strict CBOR in: bounded in depth and in memory by the length of the input, and without a panic for any of it.

use std::collections::BTreeMap;

use super::{BIG_NEGATIVE, BIG_POSITIVE, DEPTH_MAX, OCAP_TAG, major};
use crate::NotPassable;
use crate::integer::from_argument;
use crate::value::{Failure, Value};

/// The value of these bytes. Whether there are as many capabilities as it mentions is for the caller to check.
///
/// # Errors
/// If the bytes are anything else than exactly one item of the data model.
pub fn decode(bytes: &[u8]) -> Result<Value, NotPassable> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(DEPTH_MAX)?;
    match reader.at == bytes.len() {
        true => Ok(value),
        false => Err(NotPassable::Trailing { at: reader.at }),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The beginning of an item.
struct Head {
    at: usize,
    major: u8,
    /// The low five bits of the first byte.
    minor: u8,
    argument: u64,
}

impl<'a> Reader<'a> {
    fn value(&mut self, levels: usize) -> Result<Value, NotPassable> {
        let head = self.head()?;
        Ok(match head.major {
            major::UNSIGNED => Value::Integer(head.argument.into()),
            major::NEGATIVE => Value::Integer(!i128::from(head.argument)),
            major::BYTES => Value::Bytes(self.take(head.argument)?.to_vec()),
            major::TEXT => Value::String(self.text_of(&head)?),
            major::LIST => self.list(head.argument, levels)?,
            major::STRUCT => self.fields(&head, levels)?,
            major::TAG => self.tagged(&head, levels)?,
            _ => other(&head)?,
        })
    }

    fn head(&mut self) -> Result<Head, NotPassable> {
        let at = self.at;
        let first = self.take(1)?[0];
        let minor = first & 0x1f;
        let argument = match minor {
            0..24 => minor.into(),
            24..=27 => self.take(1 << (minor - 24))?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
            _ => return Err(NotPassable::BadItem { at }),
        };
        Ok(Head { at, major: first >> 5, minor, argument })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], NotPassable> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or(NotPassable::Truncated { at: self.bytes.len() })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn text_of(&mut self, head: &Head) -> Result<String, NotPassable> {
        let bytes = self.take(head.argument)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| NotPassable::BadText { at: head.at })
    }

    /// Text, where nothing else will do: inside the private tag that began at `tag_at`.
    fn text(&mut self, tag_at: usize) -> Result<String, NotPassable> {
        let head = self.head()?;
        match head.major {
            major::TEXT => self.text_of(&head),
            _ => Err(NotPassable::BadTag { at: tag_at }),
        }
    }

    /// No room is set aside on the word of a length: each element is at least one byte that has to be there.
    fn list(&mut self, length: u64, levels: usize) -> Result<Value, NotPassable> {
        let levels = levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.value(levels)?);
        }
        Ok(Value::List(items))
    }

    fn fields(&mut self, head: &Head, levels: usize) -> Result<Value, NotPassable> {
        let levels = levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
        let mut fields = BTreeMap::new();
        for _ in 0..head.argument {
            let key = self.head()?;
            if key.major != major::TEXT {
                return Err(NotPassable::BadKey { at: head.at });
            }
            let key = self.text_of(&key)?;
            if fields.insert(key, self.value(levels)?).is_some() {
                return Err(NotPassable::BadKey { at: head.at });
            }
        }
        Ok(Value::Struct(fields))
    }

    fn tagged(&mut self, head: &Head, levels: usize) -> Result<Value, NotPassable> {
        let bad = NotPassable::BadTag { at: head.at };
        let content = self.head()?;
        match (head.argument, content.major) {
            (BIG_POSITIVE | BIG_NEGATIVE, major::BYTES) => {
                from_argument(head.argument == BIG_NEGATIVE, self.take(content.argument)?)
            }
            (OCAP_TAG, major::UNSIGNED) => usize::try_from(content.argument).map(Value::Cap).map_err(|_| bad),
            (OCAP_TAG, major::LIST) => {
                let shape = self.text(head.at)?;
                match (shape.as_str(), content.argument) {
                    ("symbol", 2) => Ok(Value::Symbol(self.text(head.at)?)),
                    ("error", 3) => {
                        Ok(Value::Error(Failure { name: self.text(head.at)?, message: self.text(head.at)? }))
                    }
                    ("tagged", 3) => {
                        let levels = levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
                        Ok(Value::Tagged(self.text(head.at)?, Box::new(self.value(levels)?)))
                    }
                    _ => Err(bad),
                }
            }
            _ => Err(bad),
        }
    }
}

/// Simple values and floats.
fn other(head: &Head) -> Result<Value, NotPassable> {
    Ok(match head.minor {
        20 => Value::Bool(false),
        21 => Value::Bool(true),
        22 => Value::Null,
        23 => Value::Undefined,
        25 => Value::Float(from_half(head.argument as u16)),
        26 => Value::Float(f32::from_bits(head.argument as u32).into()),
        27 => Value::Float(f64::from_bits(head.argument)),
        _ => return Err(NotPassable::BadItem { at: head.at }),
    })
}

/// The value of an IEEE 754 binary16.
fn from_half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}
