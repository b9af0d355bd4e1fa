//! From Rust values straight to canonical bytes, without a [`Value`] in between: most of what a vat says and keeps goes this way.

use std::ops::Range;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::ser::{ValueSerializer, key_of, shape};
use super::{BIG, CAP, ERROR, SYMBOL, TAGGED, to_value};
use crate::NotPassable;
use crate::cbor::{FALSE, NULL, TRUE, major, write, write_float, write_head, write_integer, write_text};
use crate::value::Value;

/// Writes one item.
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// How many containers may still be inside each other.
    pub(super) levels: usize,
}

impl<'a> Writer<'a> {
    fn value(self, value: &Value) -> Result<(), NotPassable> {
        if !value.fits(self.levels) {
            return Err(NotPassable::TooDeep);
        }
        write(value, self.out);
        Ok(())
    }

    /// Inside a container.
    fn deeper(self) -> Result<Writer<'a>, NotPassable> {
        let levels = self.levels.checked_sub(1).ok_or(NotPassable::TooDeep)?;
        Ok(Writer { out: self.out, levels })
    }

    /// The content of a variant: the only field of a struct.
    fn variant(self, variant: &str) -> Result<Writer<'a>, NotPassable> {
        let writer = self.deeper()?;
        write_head(major::STRUCT, 1, writer.out);
        write_text(variant, writer.out);
        Ok(writer)
    }

    fn list(self, length: Option<usize>) -> Result<Items<'a>, NotPassable> {
        let Writer { out, levels } = self.deeper()?;
        let head = Head::begin(major::LIST, length.unwrap_or(0), out);
        Ok(Items { out, levels, head, count: 0 })
    }

    fn fields(self, length: Option<usize>) -> Result<Entries<'a>, NotPassable> {
        let Writer { out, levels } = self.deeper()?;
        let head = Head::begin(major::STRUCT, length.unwrap_or(0), out);
        Ok(Entries { out, levels, head, keys: Vec::with_capacity(length.unwrap_or(0).min(64)) })
    }
}

/// The head of a container, written with the number of elements that was told.
struct Head {
    major: u8,
    told: usize,
    at: Range<usize>,
}

impl Head {
    fn begin(major: u8, told: usize, out: &mut Vec<u8>) -> Head {
        let start = out.len();
        write_head(major, told as u64, out);
        Head { major, told, at: start..out.len() }
    }

    /// Written again if there were more or fewer.
    fn finish(self, count: usize, out: &mut Vec<u8>) {
        if count != self.told {
            let mut head = Vec::new();
            write_head(self.major, count as u64, &mut head);
            out.splice(self.at, head);
        }
    }
}

/// A list that grows.
pub(super) struct Items<'a> {
    out: &'a mut Vec<u8>,
    levels: usize,
    head: Head,
    count: usize,
}

impl Items<'_> {
    fn push<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
        self.count += 1;
        it.serialize(Writer { out: self.out, levels: self.levels })
    }

    fn finish(self) -> Result<(), NotPassable> {
        self.head.finish(self.count, self.out);
        Ok(())
    }
}

/// A struct that grows.
pub(super) struct Entries<'a> {
    out: &'a mut Vec<u8>,
    levels: usize,
    head: Head,
    /// Where the key of each field stands.
    keys: Vec<Range<usize>>,
}

impl Entries<'_> {
    fn key(&mut self, key: &str) {
        let start = self.out.len();
        write_text(key, self.out);
        self.keys.push(start..self.out.len());
    }

    fn content<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
        it.serialize(Writer { out: self.out, levels: self.levels })
    }

    fn finish(self) -> Result<(), NotPassable> {
        let Entries { out, head, mut keys, .. } = self;
        // A text's length stands before its bytes, so the canonical order is that of the written keys.
        if !keys.is_sorted_by(|one, other| out[one.clone()] < out[other.clone()]) {
            keys = sorted(out, head.at.end, &keys);
        }
        head.finish(keys.len(), out);
        Ok(())
    }
}

/// Puts fields in order; of several with the same key the last one stays. Where their keys are then is of no use, only how many.
fn sorted(out: &mut Vec<u8>, start: usize, keys: &[Range<usize>]) -> Vec<Range<usize>> {
    let ends = keys.iter().skip(1).map(|key| key.start).chain([out.len()]);
    let mut fields: Vec<(Range<usize>, usize)> = keys.iter().cloned().zip(ends).collect();
    fields.sort_unstable_by(|(one, _), (other, _)| {
        out[one.clone()].cmp(&out[other.clone()]).then(one.start.cmp(&other.start))
    });
    let mut bytes = Vec::with_capacity(out.len() - start);
    let mut kept = Vec::with_capacity(fields.len());
    for (index, (key, end)) in fields.iter().enumerate() {
        let is_replaced = fields.get(index + 1).is_some_and(|(next, _)| out[next.clone()] == out[key.clone()]);
        if !is_replaced {
            bytes.extend_from_slice(&out[key.start..*end]);
            kept.push(key.clone());
        }
    }
    out.truncate(start);
    out.append(&mut bytes);
    kept
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, it: $type) -> Result<(), NotPassable> {
            write_integer(it.into(), self.out);
            Ok(())
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = NotPassable;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Entries<'a>;
    type SerializeStructVariant = Entries<'a>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128);
    integers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_u128(self, it: u128) -> Result<(), NotPassable> {
        self.value(&ValueSerializer.serialize_u128(it)?)
    }

    fn serialize_bool(self, it: bool) -> Result<(), NotPassable> {
        self.out.push(if it { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_f32(self, it: f32) -> Result<(), NotPassable> {
        self.serialize_f64(it.into())
    }

    fn serialize_f64(self, it: f64) -> Result<(), NotPassable> {
        write_float(it, self.out);
        Ok(())
    }

    fn serialize_char(self, it: char) -> Result<(), NotPassable> {
        self.serialize_str(it.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, it: &str) -> Result<(), NotPassable> {
        write_text(it, self.out);
        Ok(())
    }

    fn serialize_bytes(self, it: &[u8]) -> Result<(), NotPassable> {
        write_head(major::BYTES, it.len() as u64, self.out);
        self.out.extend_from_slice(it);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), NotPassable> {
        self.out.push(NULL);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, it: &T) -> Result<(), NotPassable> {
        it.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotPassable> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), NotPassable> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), NotPassable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, it: &T) -> Result<(), NotPassable> {
        match name {
            CAP | ERROR | SYMBOL | TAGGED | BIG => self.value(&shape(name, to_value(it)?)?),
            _ => it.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        it: &T,
    ) -> Result<(), NotPassable> {
        it.serialize(self.variant(variant)?)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items<'a>, NotPassable> {
        self.list(length)
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'a>, NotPassable> {
        self.list(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Items<'a>, NotPassable> {
        self.list(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'a>, NotPassable> {
        self.variant(variant)?.list(Some(length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries<'a>, NotPassable> {
        self.fields(length)
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Entries<'a>, NotPassable> {
        self.fields(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Entries<'a>, NotPassable> {
        self.variant(variant)?.fields(Some(length))
    }
}

macro_rules! items {
    ($($trait:ident: $method:ident),*) => {
        $(impl $trait for Items<'_> {
            type Ok = ();
            type Error = NotPassable;

            fn $method<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
                self.push(it)
            }

            fn end(self) -> Result<(), NotPassable> {
                self.finish()
            }
        })*
    };
}

items!(SerializeSeq: serialize_element, SerializeTuple: serialize_element);
items!(SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field);

macro_rules! entries {
    ($($trait:ident),*) => {
        $(impl $trait for Entries<'_> {
            type Ok = ();
            type Error = NotPassable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                it: &T,
            ) -> Result<(), NotPassable> {
                self.key(key);
                self.content(it)
            }

            fn end(self) -> Result<(), NotPassable> {
                self.finish()
            }
        })*
    };
}

entries!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = NotPassable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotPassable> {
        self.key(&key_of(to_value(key)?)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
        self.content(it)
    }

    fn end(self) -> Result<(), NotPassable> {
        self.finish()
    }
}
