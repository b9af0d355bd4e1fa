//! Keys: those of structs, and the name of a variant.

use std::collections::BinaryHeap;

use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::NotPassable;

/// The bytes of a field's key, where the field begins and where it ends.
pub(super) type Field<'a> = (&'a [u8], usize, usize);

/// In the order of the bytes of their keys; those with the same key as they stand there. (By a heap, which is a tenth of the code of a sort.)
#[inline(never)]
pub(super) fn in_order(fields: Vec<Field<'_>>) -> Vec<Field<'_>> {
    BinaryHeap::from(fields).into_sorted_vec()
}

/// Text that is read as an integer or a boolean where the Rust type is one.
pub(super) struct Key<'a>(pub(super) &'a str);

macro_rules! parsed {
    ($($method:ident: $visit:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
            match self.0.parse() {
                Ok(it) => visitor.$visit(it),
                Err(_) => Err(NotPassable::custom(format_args!("the key `{}` is no {}", self.0.escape_debug(), &stringify!($visit)[6..]))),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = NotPassable;

    parsed!(deserialize_bool: visit_bool, deserialize_i8: visit_i8, deserialize_i16: visit_i16, deserialize_i32: visit_i32);
    parsed!(deserialize_i64: visit_i64, deserialize_i128: visit_i128, deserialize_u8: visit_u8, deserialize_u16: visit_u16);
    parsed!(deserialize_u32: visit_u32, deserialize_u64: visit_u64, deserialize_u128: visit_u128);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
