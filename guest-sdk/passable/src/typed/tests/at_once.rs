//! Reading at once comes to what a whole decoded value comes to: the same Rust value, or the same refusal in the same words.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::by_value::from_value;
use super::{Everything, Handle, Loose, Order, everything};
use crate::cbor::tests::Noise;
use crate::cbor::{DEPTH_MAX, decode, major, write, write_head, write_text};
use crate::typed::read::Items;
use crate::{Bytes, Failure, NotPassable, Value, encode, from_bytes, to_bytes};

/// A struct that leaves much out, and passes over the rest.
#[allow(dead_code)] // Looked at by `Debug`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Partly {
    zebra: Option<Vec<Partly>>,
    ant: u8,
    #[serde(alias = "bumblebee")]
    bee: (u64, String),
    order: Option<Order>,
}

/// What only shows itself as it is read.
#[allow(dead_code)] // Looked at by `Debug`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", content = "of")]
enum Adjacent {
    One(u64),
    Two { left: bool, right: Value<Handle> },
}

#[allow(dead_code)] // Looked at by `Debug`.
#[derive(Debug, Deserialize)]
struct Flat {
    ant: u64,
    #[serde(flatten)]
    more: BTreeMap<String, Value<Handle>>,
}

/// The fields as they come.
#[derive(Debug)]
#[allow(dead_code)] // Looked at by `Debug`.
struct InTurn(Vec<(String, Value<Handle>)>);

impl<'de> Deserialize<'de> for InTurn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<InTurn, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = InTurn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<InTurn, A::Error> {
                let mut all = Vec::new();
                while let Some(field) = fields.next_entry()? {
                    all.push(field);
                }
                Ok(InTurn(all))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A visitor that asks for what it likes: it goes on after an element that it can't take, and does not look at every other value.
#[derive(Debug)]
#[allow(dead_code)] // Looked at by `Debug`.
struct Choosy(Vec<String>);

impl<'de> Deserialize<'de> for Choosy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Choosy, D::Error> {
        struct Taken;

        impl<'de> Visitor<'de> for Taken {
            type Value = Choosy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything with something in it")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Choosy, A::Error> {
                let mut taken = Vec::new();
                loop {
                    match items.next_element::<Vec<(u64, String)>>() {
                        Ok(Some(it)) => taken.push(format!("{it:?}")),
                        Ok(None) => return Ok(Choosy(taken)),
                        Err(error) => taken.push(error.to_string()),
                    }
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Choosy, A::Error> {
                let mut taken = Vec::new();
                while let Some(key) = fields.next_key::<String>()? {
                    if taken.len() % 2 == 0 {
                        taken.push(format!("{key} {:?}", fields.next_value::<Value<Handle>>()?));
                    } else {
                        taken.push(key);
                    }
                }
                Ok(Choosy(taken))
            }
        }

        deserializer.deserialize_any(Taken)
    }
}

/// `Ok` and `Err` by what they look like: a NaN is then the same as itself.
fn shown<T: Debug>(result: Result<T, NotPassable>) -> String {
    format!("{result:?}")
}

fn comes_to_the_same<T: DeserializeOwned + Debug>(bytes: &[u8]) -> bool {
    let long = decode(bytes).and_then(from_value::<T>);
    let is_read = long.is_ok();
    let name = std::any::type_name::<T>();
    assert_eq!(shown(from_bytes::<T>(bytes)), shown(long), "{name} of {bytes:02x?}");
    is_read
}

/// How many of the types the bytes are read as.
fn of_every_type(bytes: &[u8]) -> usize {
    let scalars = [
        comes_to_the_same::<u8>(bytes),
        comes_to_the_same::<i64>(bytes),
        comes_to_the_same::<u128>(bytes),
        comes_to_the_same::<f64>(bytes),
        comes_to_the_same::<bool>(bytes),
        comes_to_the_same::<char>(bytes),
        comes_to_the_same::<String>(bytes),
        comes_to_the_same::<()>(bytes),
        comes_to_the_same::<Bytes>(bytes),
        comes_to_the_same::<Handle>(bytes),
        comes_to_the_same::<Failure>(bytes),
        comes_to_the_same::<IgnoredAny>(bytes),
    ];
    let others = [
        comes_to_the_same::<Value<Handle>>(bytes),
        comes_to_the_same::<Option<Value<Handle>>>(bytes),
        comes_to_the_same::<Vec<u8>>(bytes),
        comes_to_the_same::<Vec<Option<u8>>>(bytes),
        comes_to_the_same::<(Value<Handle>, IgnoredAny)>(bytes),
        comes_to_the_same::<BTreeMap<String, Value<Handle>>>(bytes),
        comes_to_the_same::<BTreeMap<u64, Vec<i8>>>(bytes),
        comes_to_the_same::<InTurn>(bytes),
        comes_to_the_same::<Choosy>(bytes),
        comes_to_the_same::<Order>(bytes),
        comes_to_the_same::<Loose>(bytes),
        comes_to_the_same::<Adjacent>(bytes),
        comes_to_the_same::<Flat>(bytes),
        comes_to_the_same::<Partly>(bytes),
        comes_to_the_same::<Everything>(bytes),
    ];
    scalars.iter().chain(&others).filter(|is_read| **is_read).count()
}

/// A value as somebody else may write it: fields in any order and sometimes twice, heads longer than they must be.
fn write_loosely(value: &Value, noise: &mut Noise, out: &mut Vec<u8>) {
    match value {
        Value::Integer(it @ 0..=0xff) => {
            let width = noise.next(4) as u8;
            out.push(24 + width);
            out.extend_from_slice(&it.to_be_bytes()[16 - (1 << width)..]);
        }
        Value::List(items) => {
            write_head(major::LIST, items.len() as u64, out);
            items.iter().for_each(|item| write_loosely(item, noise, out));
        }
        Value::Struct(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            if !fields.is_empty() && noise.next(6) == 0 {
                fields.push(fields[noise.next(fields.len() as u64) as usize]);
            }
            for index in (1..fields.len()).rev() {
                fields.swap(index, noise.next(index as u64 + 1) as usize);
            }
            write_head(major::STRUCT, fields.len() as u64, out);
            for (key, field) in fields {
                write_text(key, out);
                write_loosely(field, noise, out);
            }
        }
        other => write(other, out),
    }
}

/// Bytes with a few of them changed, left out or put in.
fn damaged(mut bytes: Vec<u8>, noise: &mut Noise) -> Vec<u8> {
    for _ in 0..1 + noise.next(3) {
        let at = noise.next(bytes.len() as u64 + 1) as usize;
        match noise.next(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, noise.next(256) as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = noise.next(256) as u8;
                }
            }
        }
    }
    bytes
}

/// Bodies that some of the types above can be read from.
fn likely(noise: &mut Noise) -> Value {
    let mut fields = BTreeMap::new();
    for _ in 0..noise.next(5) {
        let names = [
            "ant",
            "bee",
            "bumblebee",
            "zebra",
            "order",
            "kind",
            "of",
            "left",
            "right",
            "object",
            "1",
            "01",
            "+1",
            "x",
        ];
        let value = match noise.next(7) {
            0 => "Two".into(),
            1 => Value::List(vec![noise.next(300).into(), "text".into()]),
            2 => Value::Struct(BTreeMap::from([("Go".to_owned(), noise.next(300).into())])),
            3 => Value::List((0..noise.next(3)).map(|_| likely(noise)).collect()),
            4 => {
                Value::Struct(BTreeMap::from([("left".to_owned(), true.into()), ("right".to_owned(), noise.value(2))]))
            }
            5 => noise.next(300).into(),
            _ => noise.value(2),
        };
        fields.insert(names[noise.next(names.len() as u64) as usize].to_owned(), value);
    }
    Value::Struct(fields)
}

#[test]
fn whatever_the_bytes_are_they_are_read_or_refused_as_the_value_in_them_is() {
    let mut noise = Noise(3);
    let mut read = 0;
    for round in 0..2500 {
        let value = if noise.next(2) == 0 { noise.value(4) } else { likely(&mut noise) };
        let mut bytes = encode(&value);
        read += of_every_type(&bytes);
        bytes.clear();
        write_loosely(&value, &mut noise, &mut bytes);
        read += of_every_type(&bytes);
        read += of_every_type(&damaged(bytes, &mut noise));
        if round % 5 == 0 {
            let bytes = to_bytes(&everything()).expect("passable");
            read += of_every_type(&damaged(bytes, &mut noise));
        }
        of_every_type(&(0..noise.next(30)).map(|_| noise.next(256) as u8).collect::<Vec<_>>());
    }
    assert!(read > 20_000, "the noise was too wild: {read}");
}

#[test]
fn levels_are_counted_as_where_the_value_is_decoded() {
    let error = encode(&Value::Error(Failure { name: "n".to_owned(), message: "m".to_owned() }));
    let labelled = encode(&Value::Tagged("l".to_owned(), Box::new(Value::Null)));
    let field = b"\xa1\x61a\x01".to_vec();
    for innermost in [vec![0xf6], vec![0x80], error, labelled, field] {
        for levels in DEPTH_MAX - 2..=DEPTH_MAX + 1 {
            let bytes = [vec![0x81; levels], innermost.clone()].concat();
            comes_to_the_same::<Value<Handle>>(&bytes);
            comes_to_the_same::<IgnoredAny>(&bytes);
            let bytes = [b"\xa1\x61x".repeat(levels), innermost.clone()].concat();
            comes_to_the_same::<Value<Handle>>(&bytes);
            comes_to_the_same::<Partly>(&bytes);
        }
    }
}

#[test]
fn items_taken_one_by_one_are_those_of_the_list() {
    let mut noise = Noise(4);
    for _ in 0..3000 {
        let items = (0..3).map(|_| if noise.next(2) == 0 { noise.value(3) } else { likely(&mut noise) }).collect();
        let mut bytes = Vec::new();
        write_loosely(&Value::List(items), &mut noise, &mut bytes);
        if noise.next(2) == 0 {
            bytes = damaged(bytes, &mut noise);
        }
        let whole = decode(&bytes).and_then(|value| match value {
            Value::List(items) if items.len() == 3 => Ok(items),
            Value::List(items) => Err(NotPassable::Mismatch(format!("got {} instead of 3", items.len()))),
            other => Err(NotPassable::Mismatch(format!("got {} instead of a list", other.kind()))),
        });
        let long = whole.and_then(|items| {
            let [one, two, three] = <[Value; 3]>::try_from(items).expect("three");
            Ok((from_value::<Value<Handle>>(one)?, from_value::<Option<Partly>>(two)?, from_value::<InTurn>(three)?))
        });
        let short = Items::new(bytes.clone(), 3).and_then(|mut items| {
            Ok((items.take::<Value<Handle>>()?, items.take::<Option<Partly>>()?, items.take::<InTurn>()?))
        });
        assert_eq!(shown(short), shown(long), "{bytes:02x?}");
    }
    assert_eq!(Items::new(vec![0x80, 0x00], 0).map(drop), Err(NotPassable::Trailing { at: 1 }));
    assert!(Items::new(vec![0x80], 0).and_then(|mut none| none.take::<u8>()).is_err());
}

#[test]
fn a_length_that_is_not_there_takes_no_room() {
    for bytes in [&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0xbb, 0, 0, 0, 1, 0, 0, 0, 0]] {
        assert_eq!(from_bytes::<Vec<[u64; 4]>>(bytes), Err(NotPassable::Truncated { at: bytes.len() }));
        assert!(from_bytes::<HashMap<String, [u64; 4]>>(bytes).is_err());
        assert!(from_bytes::<Option<IgnoredAny>>(bytes).is_err());
        assert!(from_bytes::<Choosy>(bytes).is_err());
    }
}

#[test]
fn anything_that_serde_can_buffer_may_be_among_the_rest_of_a_struct() {
    let fields =
        [("ant", Value::Integer(1)), ("cap", Value::Cap(7)), ("list", Value::List(vec![Value::Cap(1), 2_u64.into()]))];
    let fields = fields.map(|(key, value)| (key.to_owned(), value));
    let Flat { ant, more } =
        from_bytes(&encode(&Value::Struct(BTreeMap::from(fields)))).expect("a number and the rest");
    let list = Value::List(vec![Value::Cap(Handle(1)), 2_u64.into()]);
    assert_eq!(ant, 1);
    assert_eq!(more, BTreeMap::from([("cap".to_owned(), Value::Cap(Handle(7))), ("list".to_owned(), list)]));
}
