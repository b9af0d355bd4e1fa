//! The items of a list, one by one.

use serde::de::DeserializeOwned;

use super::source::{Order, Source};
use crate::cbor::{DEPTH_MAX, decode, major};
use crate::typed::key::Field;
use crate::{NotPassable, Value};

/// The items of a list, each into a type of its own.
///
/// An error in the bytes shows when it is come to; there is none when the last item has been taken.
#[derive(Debug)]
pub struct Items {
    bytes: Vec<u8>,
    at: usize,
    left: usize,
}

impl Items {
    /// The items of the list of `count` that these bytes are.
    ///
    /// # Errors
    /// As [`decode`], and if it is no such list.
    pub fn new(bytes: Vec<u8>, count: usize) -> Result<Items, NotPassable> {
        let mut source = Source::new(&bytes, 0, Order::Written);
        match source.reader.head() {
            Ok(head) if head.major == major::LIST && head.argument == count as u64 => {
                let at = source.reader.at;
                match count == 0 && at < bytes.len() {
                    true => Err(NotPassable::Trailing { at }),
                    false => Ok(Items { bytes, at, left: count }),
                }
            }
            _ => Err(not_a_list_of(count, &bytes)),
        }
    }

    /// The next one.
    ///
    /// # Errors
    /// As [`super::from_bytes`], of all the bytes; and if none is left.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, NotPassable> {
        self.read(Order::Written).or_else(|_| {
            decode(&self.bytes)?;
            self.read(Order::ByName)
        })
    }

    fn read<T: DeserializeOwned>(&mut self, order: Order) -> Result<T, NotPassable> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(NotPassable::Mismatch("there are no more items".to_owned()));
        };
        let mut source = Source::new(&self.bytes, self.at, order);
        let it = T::deserialize(source.item(DEPTH_MAX - 1)?)?;
        match left {
            0 => source.finish()?,
            _ => source.pause()?,
        }
        (self.at, self.left) = (source.reader.at, left);
        Ok(it)
    }
}

#[cold]
fn not_a_list_of(count: usize, bytes: &[u8]) -> NotPassable {
    match decode(bytes) {
        Ok(Value::List(items)) => NotPassable::Mismatch(format!("got {} instead of {count}", items.len())),
        Ok(other) => NotPassable::Mismatch(format!("got {} instead of a list", other.kind())),
        Err(error) => error,
    }
}

/// The bytes of the first item, and what comes after it.
///
/// # Errors
/// If no item ends in these bytes.
pub fn split_item(bytes: &[u8]) -> Result<(&[u8], &[u8]), NotPassable> {
    let mut source = Source::new(bytes, 0, Order::Written);
    source.pass_next(DEPTH_MAX)?;
    Ok(bytes.split_at(source.reader.at))
}

/// The `count` fields of a struct that stand from `start` on. The key of each is as it stands there, with its length.
pub(in crate::typed) fn split_fields(bytes: &[u8], start: usize, count: usize) -> Result<Vec<Field<'_>>, NotPassable> {
    let mut source = Source::new(bytes, start, Order::Written);
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let start = source.reader.at;
        source.key(None)?;
        let key = &bytes[start..source.reader.at];
        source.pass_next(DEPTH_MAX)?;
        fields.push((key, start, source.reader.at));
    }
    Ok(fields)
}
