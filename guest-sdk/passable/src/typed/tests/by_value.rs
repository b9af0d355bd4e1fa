//! Rust values out of whole decoded ones: the long way, which says what the short one has to come to.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, Unexpected, VariantAccess,
    Visitor,
};

use crate::typed::key::Key;
use crate::typed::{BIG, CAP, ERROR, SYMBOL, TAGGED};
use crate::{NotPassable, Value};

/// The Rust value of a passable one.
pub(super) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, NotPassable> {
    T::deserialize(ValueDeserializer(value))
}

struct ValueDeserializer(Value);

impl IntoDeserializer<'_, NotPassable> for ValueDeserializer {
    type Deserializer = ValueDeserializer;

    fn into_deserializer(self) -> ValueDeserializer {
        self
    }
}

impl<'a> IntoDeserializer<'_, NotPassable> for Key<'a> {
    type Deserializer = Key<'a>;

    fn into_deserializer(self) -> Key<'a> {
        self
    }
}

/// Into whatever the value is. A visitor that expects none of the shapes without a word in serde says so by their name.
fn visit<'de, V: Visitor<'de>>(value: Value, visitor: V) -> Result<V::Value, NotPassable> {
    match value {
        Value::Undefined | Value::Null => visitor.visit_unit(),
        Value::Bool(it) => visitor.visit_bool(it),
        Value::Integer(it) => match (u64::try_from(it), i64::try_from(it)) {
            (Ok(it), _) => visitor.visit_u64(it),
            (_, Ok(it)) => visitor.visit_i64(it),
            _ => visitor.visit_i128(it),
        },
        Value::Float(it) => visitor.visit_f64(it),
        Value::String(it) => visitor.visit_string(it),
        Value::Bytes(it) => visitor.visit_byte_buf(it),
        Value::List(items) => {
            let mut items = SeqDeserializer::new(items.into_iter().map(ValueDeserializer));
            let it = visitor.visit_seq(&mut items)?;
            items.end()?;
            Ok(it)
        }
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(key, field)| (Key(key), ValueDeserializer(field.clone())));
            let mut fields = MapDeserializer::new(fields);
            let it = visitor.visit_map(&mut fields)?;
            fields.end()?;
            Ok(it)
        }
        Value::BigInteger(_) | Value::Symbol(_) | Value::Tagged(..) | Value::Error(_) | Value::Cap(_) => {
            Err(unexpected(&value, &visitor))
        }
    }
}

fn unexpected<'de>(value: &Value, expected: &impl Visitor<'de>) -> NotPassable {
    NotPassable::invalid_type(Unexpected::Other(value.kind()), expected)
}

macro_rules! visits {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
            visit(self.0, visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = NotPassable;

    visits! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_map
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        let (variant, content) = match self.0 {
            Value::Cap(index) => return visitor.visit_newtype_struct((index as u64).into_deserializer()),
            Value::Symbol(text) => (SYMBOL, text.into()),
            Value::BigInteger(it) => (BIG, it.to_string().into()),
            Value::Error(it) => (ERROR, Value::List(vec![it.name.into(), it.message.into()])),
            Value::Tagged(label, inner) => (TAGGED, Value::List(vec![label.into(), *inner])),
            other => return visit(other, visitor),
        };
        visitor.visit_enum(Variant { variant: variant.to_owned(), content })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        match self.0 {
            Value::Undefined | Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        match self.0 {
            Value::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            other => visit(other, visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, NotPassable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        visit(self.0, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        visit(self.0, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        match (name, self.0) {
            (CAP, Value::Cap(index)) => visitor.visit_newtype_struct((index as u64).into_deserializer()),
            (ERROR, Value::Error(it)) => {
                visitor.visit_newtype_struct(ValueDeserializer(Value::List(vec![it.name.into(), it.message.into()])))
            }
            (CAP | ERROR, other) => Err(unexpected(&other, &visitor)),
            (_, value) => visitor.visit_newtype_struct(ValueDeserializer(value)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant { variant, content: Value::Null }),
            Value::Struct(mut fields) if fields.len() == 1 => match fields.pop_first() {
                Some((variant, content)) => visitor.visit_enum(Variant { variant, content }),
                None => Err(NotPassable::custom("a struct of one field has none")),
            },
            other => Err(unexpected(&other, &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        visitor.visit_unit()
    }
}

/// A variant and what it holds.
struct Variant {
    variant: String,
    content: Value,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = NotPassable;
    type Variant = ValueDeserializer;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, ValueDeserializer), NotPassable> {
        Ok((seed.deserialize(Key(&self.variant))?, ValueDeserializer(self.content)))
    }
}

impl<'de> VariantAccess<'de> for ValueDeserializer {
    type Error = NotPassable;

    fn unit_variant(self) -> Result<(), NotPassable> {
        serde::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, NotPassable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, NotPassable> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        visit(self.0, visitor)
    }
}
