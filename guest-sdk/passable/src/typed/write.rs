//! From Rust values straight to canonical bytes, without a [`Value`] in between: most of what a vat says and keeps goes this way.

use std::ops::Range;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::key::in_order;
use super::read::split_fields;
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

    fn unsigned(self, it: u64) {
        write_head(major::UNSIGNED, it, self.out);
    }

    fn signed(self, it: i64) {
        match u64::try_from(it) {
            Ok(it) => write_head(major::UNSIGNED, it, self.out),
            Err(_) => write_head(major::NEGATIVE, (!it).cast_unsigned(), self.out),
        }
    }

    fn integer(self, it: i128) {
        write_integer(it, self.out);
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
        Ok(Entries { out, levels, head, count: 0, last: 0..0, is_in_order: true })
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
    count: usize,
    /// Where the last key stands.
    last: Range<usize>,
    /// Whether each key so far comes after the one before.
    is_in_order: bool,
}

impl Entries<'_> {
    fn key(&mut self, key: &str) {
        let start = self.out.len();
        write_text(key, self.out);
        let key = start..self.out.len();
        // A text's length stands before its bytes, so the canonical order is that of the written keys.
        self.is_in_order &= self.count == 0 || self.out[self.last.clone()] < self.out[key.clone()];
        self.last = key;
        self.count += 1;
    }

    fn content<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
        it.serialize(Writer { out: self.out, levels: self.levels })
    }

    fn finish(self) -> Result<(), NotPassable> {
        let Entries { out, head, mut count, is_in_order, .. } = self;
        if !is_in_order {
            count = sort(out, head.at.end, count)?;
        }
        head.finish(count, out);
        Ok(())
    }
}

/// Puts the fields that stand from `start` on in order; of several with the same key the last one stays. How many there are then.
fn sort(out: &mut Vec<u8>, start: usize, count: usize) -> Result<usize, NotPassable> {
    let fields = in_order(split_fields(out, start, count)?);
    let mut bytes = Vec::with_capacity(out.len() - start);
    let mut kept = 0;
    for (index, (key, start, end)) in fields.iter().enumerate() {
        let is_replaced = fields.get(index + 1).is_some_and(|(next, ..)| next == key);
        if !is_replaced {
            bytes.extend_from_slice(&out[*start..*end]);
            kept += 1;
        }
    }
    out.truncate(start);
    out.append(&mut bytes);
    Ok(kept)
}

macro_rules! integers {
    ($($method:ident: $type:ty => $write:ident),*) => {
        $(fn $method(self, it: $type) -> Result<(), NotPassable> {
            self.$write(it.into());
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

    integers!(serialize_u8: u8 => unsigned, serialize_u16: u16 => unsigned, serialize_u32: u32 => unsigned);
    integers!(serialize_u64: u64 => unsigned, serialize_i8: i8 => signed, serialize_i16: i16 => signed);
    integers!(serialize_i32: i32 => signed, serialize_i64: i64 => signed, serialize_i128: i128 => integer);

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
