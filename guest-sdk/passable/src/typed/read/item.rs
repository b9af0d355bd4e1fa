//! An item of the bytes, into whatever serde makes of it.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, Unexpected, Visitor};

use super::access::{Elements, Fields, Variant};
use super::source::{Order, Source, kind_of};
use crate::cbor::{Head, NULL, Tagged, float, major};
use crate::typed::{BIG, CAP, ERROR, SYMBOL, TAGGED};
use crate::{NotPassable, Value};

/// The item that was begun last.
pub(super) struct Item<'s, 'de>(pub(super) &'s mut Source<'de>);

impl<'de> Item<'_, 'de> {
    /// Into whatever the item is. A visitor that expects none of the shapes without a word in serde says so by their name.
    #[inline(never)] // Once for each type, not for each place where one is read.
    fn visit<V: Visitor<'de>>(self, order: Order, visitor: V) -> Result<V::Value, NotPassable> {
        let source = self.0;
        let head = source.open();
        let it = match head.major {
            major::UNSIGNED => return visitor.visit_u64(head.argument),
            major::BYTES => return visitor.visit_bytes(source.reader.take(head.argument)?),
            major::TEXT => return visitor.visit_str(source.reader.text_of(&head)?),
            major::LIST => {
                let mut elements = Elements::begin(source, &head)?;
                let it = visitor.visit_seq(&mut elements)?;
                return elements.finish().map(|()| it);
            }
            major::STRUCT => {
                let mut fields = Fields::begin(source, &head, order)?;
                let it = visitor.visit_map(&mut fields)?;
                return fields.finish().map(|()| it);
            }
            major::NEGATIVE => !i128::from(head.argument),
            major::TAG => match source.reader.tag(&head)? {
                Tagged::Integer(Value::Integer(it)) => it,
                other => return Err(unexpected(kind_of(&other), &visitor)),
            },
            _ => {
                return match head.minor {
                    20 | 21 => visitor.visit_bool(head.minor == 21),
                    22 | 23 => visitor.visit_unit(),
                    25..=27 => visitor.visit_f64(float(&head)),
                    _ => Err(NotPassable::BadItem { at: head.at }),
                };
            }
        };
        match (u64::try_from(it), i64::try_from(it)) {
            (Ok(it), _) => visitor.visit_u64(it),
            (_, Ok(it)) => visitor.visit_i64(it),
            _ => visitor.visit_i128(it),
        }
    }

    fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> NotPassable {
        self.0.kind().map_or_else(|error| error, |kind| unexpected(kind, visitor))
    }
}

fn unexpected<'de>(kind: &'static str, expected: &impl Visitor<'de>) -> NotPassable {
    NotPassable::invalid_type(Unexpected::Other(kind), expected)
}

/// What stands for one that is not there.
fn null(at: usize) -> Head {
    Head { at, major: NULL >> 5, minor: NULL & 0x1f, argument: 0 }
}

/// A list of two, which are what comes next.
fn pair(at: usize) -> Head {
    Head { at, major: major::LIST, minor: 2, argument: 2 }
}

macro_rules! visits {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
            self.visit(Order::ByName, visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Item<'_, 'de> {
    type Error = NotPassable;

    visits! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_map
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        match self.0.head().major {
            major::TAG => self.tagged(visitor),
            _ => self.visit(Order::ByName, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        match (self.0.head().major, self.0.head().minor) {
            (7, 22 | 23) => {
                self.0.open();
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        if self.0.head().major != major::BYTES {
            return self.visit(Order::ByName, visitor);
        }
        let head = self.0.open();
        let octets = self.0.reader.take(head.argument)?;
        visitor.visit_seq(SeqDeserializer::new(octets.iter().copied()))
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

    /// The order of the fields shows in nothing but in which of several mistakes is named.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        let order = self.0.order;
        self.visit(order, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        self.visit(Order::ByName, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        match name {
            CAP | ERROR if self.0.head().major == major::TAG => {
                let head = self.0.open();
                match self.0.reader.tag(&head)? {
                    Tagged::Cap(index) if name == CAP => {
                        visitor.visit_newtype_struct((index as u64).into_deserializer())
                    }
                    Tagged::Error if name == ERROR => visitor.visit_newtype_struct(self.0.item_of(pair(head.at), 1)),
                    other => Err(unexpected(kind_of(&other), &visitor)),
                }
            }
            CAP | ERROR => Err(self.unexpected(&visitor)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        let (head, levels) = (*self.0.head(), self.0.levels());
        match (head.major, head.argument) {
            (major::TEXT, _) => {
                self.0.open();
                let name = self.0.reader.text_of(&head)?;
                visitor.visit_enum(Variant { name, content: self.0.item_of(null(head.at), levels) })
            }
            (major::STRUCT, 1) => {
                let inside = self.0.inside()?;
                self.0.open();
                let name = self.0.key(None)?;
                visitor.visit_enum(Variant { name, content: self.0.item(inside)? })
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        self.0.settle()?;
        visitor.visit_unit()
    }
}

impl<'de> Item<'_, 'de> {
    /// A tag, for whoever takes anything. The shapes without a word in serde come as variants, but a capability as a newtype struct, which
    /// serde's buffer for untagged and flattened types keeps.
    fn tagged<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPassable> {
        let (levels, head) = (self.0.levels(), self.0.open());
        let content = self.0.reader.at;
        let (name, content) = match self.0.reader.tag(&head)? {
            Tagged::Cap(index) => return visitor.visit_newtype_struct((index as u64).into_deserializer()),
            Tagged::Integer(Value::BigInteger(it)) => {
                let content = MapDeserializer::new(std::iter::once((BIG, it.to_string())));
                return visitor.visit_enum(MapAccessDeserializer::new(content));
            }
            Tagged::Integer(_) => {
                self.0.reader.at = content;
                return self.0.item_of(head, levels).visit(Order::ByName, visitor);
            }
            Tagged::Symbol => (SYMBOL, self.0.item(levels)?),
            Tagged::Error => (ERROR, self.0.item_of(pair(head.at), 1)),
            Tagged::Labelled => (TAGGED, self.0.item_of(pair(head.at), levels)),
        };
        visitor.visit_enum(Variant { name, content })
    }
}
