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

/// Bytes, and how far they are read.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// The beginning of an item.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) at: usize,
    pub(crate) major: u8,
    /// The low five bits of the first byte.
    pub(crate) minor: u8,
    pub(crate) argument: u64,
}

/// What a tag means. The parts of the last three come next, and are of the right kinds.
pub(crate) enum Tagged {
    /// An integer of more than 64 bits.
    Integer(Value),
    Cap(usize),
    Symbol,
    Error,
    Labelled,
}

impl<'a> Reader<'a> {
    fn value(&mut self, levels: usize) -> Result<Value, NotPassable> {
        let head = self.head()?;
        Ok(match head.major {
            major::UNSIGNED => Value::Integer(head.argument.into()),
            major::NEGATIVE => Value::Integer(!i128::from(head.argument)),
            major::BYTES => Value::Bytes(self.take(head.argument)?.to_vec()),
            major::TEXT => self.text_of(&head)?.into(),
            major::LIST => self.list(head.argument, levels)?,
            major::STRUCT => self.fields(&head, levels)?,
            major::TAG => self.tagged(&head, levels)?,
            _ => other(&head)?,
        })
    }

    #[inline]
    pub(crate) fn head(&mut self) -> Result<Head, NotPassable> {
        let at = self.at;
        let Some(first) = self.bytes.get(at) else { return Err(NotPassable::Truncated { at }) };
        self.at += 1;
        let minor = first & 0x1f;
        let argument = if minor < 24 { minor.into() } else { self.argument(at, minor)? };
        Ok(Head { at, major: first >> 5, minor, argument })
    }

    fn argument(&mut self, at: usize, minor: u8) -> Result<u64, NotPassable> {
        match minor {
            24..=27 => Ok(self.take(1 << (minor - 24))?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))),
            _ => Err(NotPassable::BadItem { at }),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], NotPassable> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or(NotPassable::Truncated { at: self.bytes.len() })?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(crate) fn text_of(&mut self, head: &Head) -> Result<&'a str, NotPassable> {
        let bytes = self.take(head.argument)?;
        std::str::from_utf8(bytes).map_err(|_| NotPassable::BadText { at: head.at })
    }

    /// Text, where nothing else will do: inside the private tag that began at `tag_at`.
    fn text(&mut self, tag_at: usize) -> Result<&'a str, NotPassable> {
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
            let key = self.text_of(&key)?.to_owned();
            if fields.insert(key, self.value(levels)?).is_some() {
                return Err(NotPassable::BadKey { at: head.at });
            }
        }
        Ok(Value::Struct(fields))
    }

    fn tagged(&mut self, head: &Head, levels: usize) -> Result<Value, NotPassable> {
        Ok(match self.tag(head)? {
            Tagged::Integer(it) => it,
            Tagged::Cap(index) => Value::Cap(index),
            Tagged::Symbol => Value::Symbol(self.text(head.at)?.to_owned()),
            Tagged::Error => {
                let (name, message) = (self.text(head.at)?.to_owned(), self.text(head.at)?.to_owned());
                Value::Error(Failure { name, message })
            }
            Tagged::Labelled => {
                let levels = levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
                Value::Tagged(self.text(head.at)?.to_owned(), Box::new(self.value(levels)?))
            }
        })
    }

    /// What a tag with this head means, read up to the parts of it.
    pub(crate) fn tag(&mut self, head: &Head) -> Result<Tagged, NotPassable> {
        let bad = NotPassable::BadTag { at: head.at };
        let content = self.head()?;
        match (head.argument, content.major) {
            (BIG_POSITIVE | BIG_NEGATIVE, major::BYTES) => {
                from_argument(head.argument == BIG_NEGATIVE, self.take(content.argument)?).map(Tagged::Integer)
            }
            (OCAP_TAG, major::UNSIGNED) => usize::try_from(content.argument).map(Tagged::Cap).map_err(|_| bad),
            (OCAP_TAG, major::LIST) => {
                let (tagged, texts) = match (self.text(head.at)?, content.argument) {
                    ("symbol", 2) => (Tagged::Symbol, 1),
                    ("error", 3) => (Tagged::Error, 2),
                    ("tagged", 3) => (Tagged::Labelled, 1),
                    _ => return Err(bad),
                };
                let parts = self.at;
                for _ in 0..texts {
                    self.text(head.at)?;
                }
                self.at = parts;
                Ok(tagged)
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
        25..=27 => Value::Float(float(head)),
        _ => return Err(NotPassable::BadItem { at: head.at }),
    })
}

/// The float of a head with one of its three widths.
pub(crate) fn float(head: &Head) -> f64 {
    match head.minor {
        25 => from_half(head.argument as u16),
        26 => f32::from_bits(head.argument as u32).into(),
        _ => f64::from_bits(head.argument),
    }
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
