//! From Rust values.

use std::collections::BTreeMap;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{BIG, CAP, ERROR, SYMBOL, TAGGED, to_value};
use crate::integer::from_decimal;
use crate::{Failure, NotPassable, Value};

pub(super) struct ValueSerializer;

/// A list that grows, and the variant that it is the content of.
pub(super) struct Elements {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

/// A struct that grows, and the variant that it is the content of.
pub(super) struct Fields {
    variant: Option<&'static str>,
    fields: BTreeMap<String, Value>,
    key: Option<String>,
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, it: $type) -> Result<Value, NotPassable> {
            Ok(Value::Integer(it.into()))
        })*
    };
}

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = NotPassable;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128);
    integers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_u128(self, it: u128) -> Result<Value, NotPassable> {
        match i128::try_from(it) {
            Ok(it) => Ok(Value::Integer(it)),
            Err(_) => from_decimal(&it.to_string()),
        }
    }

    fn serialize_bool(self, it: bool) -> Result<Value, NotPassable> {
        Ok(Value::Bool(it))
    }

    fn serialize_f32(self, it: f32) -> Result<Value, NotPassable> {
        Ok(Value::Float(it.into()))
    }

    fn serialize_f64(self, it: f64) -> Result<Value, NotPassable> {
        Ok(Value::Float(it))
    }

    fn serialize_char(self, it: char) -> Result<Value, NotPassable> {
        Ok(Value::String(it.into()))
    }

    fn serialize_str(self, it: &str) -> Result<Value, NotPassable> {
        Ok(it.into())
    }

    fn serialize_bytes(self, it: &[u8]) -> Result<Value, NotPassable> {
        Ok(Value::Bytes(it.to_vec()))
    }

    fn serialize_none(self) -> Result<Value, NotPassable> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, it: &T) -> Result<Value, NotPassable> {
        to_value(it)
    }

    fn serialize_unit(self) -> Result<Value, NotPassable> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, NotPassable> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value, NotPassable> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, it: &T) -> Result<Value, NotPassable> {
        let value = to_value(it)?;
        match name {
            CAP | ERROR | SYMBOL | TAGGED | BIG => shape(name, value),
            _ => Ok(value),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        it: &T,
    ) -> Result<Value, NotPassable> {
        Ok(in_variant(Some(variant), to_value(it)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements, NotPassable> {
        Ok(Elements { variant: None, items: Vec::with_capacity(length.unwrap_or(0)) })
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements, NotPassable> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Elements, NotPassable> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements, NotPassable> {
        Ok(Elements { variant: Some(variant), items: Vec::with_capacity(length) })
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Fields, NotPassable> {
        Ok(Fields { variant: None, fields: BTreeMap::new(), key: None })
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Fields, NotPassable> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Fields, NotPassable> {
        Ok(Fields { variant: Some(variant), fields: BTreeMap::new(), key: None })
    }
}

/// What can be the key of a struct.
pub(super) fn key_of(value: Value) -> Result<String, NotPassable> {
    match value {
        Value::String(key) => Ok(key),
        Value::Integer(key) => Ok(key.to_string()),
        Value::Bool(key) => Ok(key.to_string()),
        other => Err(NotPassable::Mismatch(format!("{} can not be a key", other.kind()))),
    }
}

/// What a reserved newtype struct stands for.
pub(super) fn shape(name: &'static str, content: Value) -> Result<Value, NotPassable> {
    match (name, content) {
        (CAP, Value::Integer(index)) => {
            usize::try_from(index).map(Value::Cap).map_err(|_| NotPassable::Mismatch("no index of a capability".into()))
        }
        (SYMBOL, Value::String(text)) => Ok(Value::Symbol(text)),
        (BIG, Value::String(digits)) => from_decimal(&digits),
        (ERROR, Value::List(mut parts)) => match (parts.pop(), parts.pop()) {
            (Some(Value::String(message)), Some(Value::String(name))) => Ok(Value::Error(Failure { name, message })),
            _ => Err(misused(name)),
        },
        (TAGGED, Value::List(mut parts)) => match (parts.pop(), parts.pop()) {
            (Some(value), Some(Value::String(label))) => Ok(Value::Tagged(label, Box::new(value))),
            _ => Err(misused(name)),
        },
        _ => Err(misused(name)),
    }
}

fn misused(name: &str) -> NotPassable {
    NotPassable::Mismatch(format!("the reserved name `{name}` holds the wrong thing"))
}

fn in_variant(variant: Option<&'static str>, content: Value) -> Value {
    match variant {
        Some(variant) => Value::Struct(BTreeMap::from([(variant.to_owned(), content)])),
        None => content,
    }
}

impl Elements {
    fn push<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
        self.items.push(to_value(it)?);
        Ok(())
    }

    fn finish(self) -> Result<Value, NotPassable> {
        Ok(in_variant(self.variant, Value::List(self.items)))
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident),*) => {
        $(impl $trait for Elements {
            type Ok = Value;
            type Error = NotPassable;

            fn $method<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
                self.push(it)
            }

            fn end(self) -> Result<Value, NotPassable> {
                self.finish()
            }
        })*
    };
}

elements!(SerializeSeq: serialize_element, SerializeTuple: serialize_element);
elements!(SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field);

macro_rules! fields {
    ($($trait:ident),*) => {
        $(impl $trait for Fields {
            type Ok = Value;
            type Error = NotPassable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                it: &T,
            ) -> Result<(), NotPassable> {
                self.fields.insert(key.to_owned(), to_value(it)?);
                Ok(())
            }

            fn end(self) -> Result<Value, NotPassable> {
                Ok(in_variant(self.variant, Value::Struct(self.fields)))
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Fields {
    type Ok = Value;
    type Error = NotPassable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotPassable> {
        self.key = Some(key_of(to_value(key)?)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), NotPassable> {
        let key = self.key.take().ok_or_else(|| NotPassable::Mismatch("a value without a key".into()))?;
        self.fields.insert(key, to_value(it)?);
        Ok(())
    }

    fn end(self) -> Result<Value, NotPassable> {
        Ok(in_variant(self.variant, Value::Struct(self.fields)))
    }
}
