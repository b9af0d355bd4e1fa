//! [`Value`] itself by serde, so that it can stand in an argument, an answer or a vat's state beside typed fields.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde::ser::{Serialize, Serializer};

use super::{BIG, ERROR, SYMBOL, TAGGED};
use crate::integer::from_decimal;
use crate::{Failure, Reference, Value};

impl<C: Reference> Serialize for Value<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Undefined | Value::Null => serializer.serialize_unit(),
            Value::Bool(it) => serializer.serialize_bool(*it),
            Value::Integer(it) => serializer.serialize_i128(*it),
            Value::BigInteger(it) => serializer.serialize_newtype_struct(BIG, &it.to_string()),
            Value::Float(it) => serializer.serialize_f64(*it),
            Value::String(it) => serializer.serialize_str(it),
            Value::Symbol(it) => serializer.serialize_newtype_struct(SYMBOL, it),
            Value::Bytes(it) => serializer.serialize_bytes(it),
            Value::List(items) => serializer.collect_seq(items),
            Value::Struct(fields) => serializer.collect_map(fields),
            Value::Tagged(label, inner) => serializer.serialize_newtype_struct(TAGGED, &(label, inner)),
            Value::Error(it) => it.serialize(serializer),
            Value::Cap(cap) => cap.serialize(serializer),
        }
    }
}

impl<'de, C: Reference> Deserialize<'de> for Value<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value<C>, D::Error> {
        deserializer.deserialize_any(Dynamic(PhantomData))
    }
}

struct Dynamic<C>(PhantomData<C>);

impl<'de, C: Reference> Visitor<'de> for Dynamic<C> {
    type Value = Value<C>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything that can be passed")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<C>, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value<C>, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<C>, D::Error> {
        Value::deserialize(deserializer)
    }

    /// A capability: the only one of the shapes without a word in serde that serde's buffers keep.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<C>, D::Error> {
        let index = u64::deserialize(deserializer)?;
        C::deserialize(CapOf(index, PhantomData)).map(Value::Cap)
    }

    fn visit_bool<E: Error>(self, it: bool) -> Result<Value<C>, E> {
        Ok(Value::Bool(it))
    }

    fn visit_u64<E: Error>(self, it: u64) -> Result<Value<C>, E> {
        Ok(Value::Integer(it.into()))
    }

    fn visit_i64<E: Error>(self, it: i64) -> Result<Value<C>, E> {
        Ok(Value::Integer(it.into()))
    }

    fn visit_i128<E: Error>(self, it: i128) -> Result<Value<C>, E> {
        Ok(Value::Integer(it))
    }

    fn visit_f64<E: Error>(self, it: f64) -> Result<Value<C>, E> {
        Ok(Value::Float(it))
    }

    fn visit_str<E: Error>(self, it: &str) -> Result<Value<C>, E> {
        Ok(it.into())
    }

    fn visit_bytes<E: Error>(self, it: &[u8]) -> Result<Value<C>, E> {
        Ok(Value::Bytes(it.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<C>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<C>, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((key, field)) = entries.next_entry()? {
            fields.insert(key, field);
        }
        Ok(Value::Struct(fields))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value<C>, A::Error> {
        let (variant, content) = access.variant::<String>()?;
        match variant.as_str() {
            SYMBOL => Ok(Value::Symbol(content.newtype_variant()?)),
            BIG => from_decimal(&content.newtype_variant::<String>()?).map_err(A::Error::custom),
            TAGGED => content.newtype_variant().map(|(label, inner)| Value::Tagged(label, Box::new(inner))),
            ERROR => content.newtype_variant().map(|(name, message)| Value::Error(Failure { name, message })),
            _ => Err(A::Error::custom("an enum is not passed as one")),
        }
    }
}

/// A capability of this index, as it is read.
struct CapOf<E>(u64, PhantomData<E>);

impl<'de, E: Error> Deserializer<'de> for CapOf<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ERROR, &(&self.name, &self.message))
    }
}

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Failure, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Failure;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Failure, D::Error> {
                let (name, message) = Deserialize::deserialize(deserializer)?;
                Ok(Failure { name, message })
            }
        }

        deserializer.deserialize_newtype_struct(ERROR, Parts)
    }
}
