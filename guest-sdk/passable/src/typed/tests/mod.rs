//! Rust values there and back.

mod at_once;
mod by_value;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::*;
use crate::cbor::decode;
use crate::{Bytes, Failure, Reference, encode};

/// A capability as a guest would have it: a handle whose serde form is its index.
#[derive(Debug, Clone, PartialEq)]
struct Handle(u64);

impl Serialize for Handle {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(CAP, &self.0)
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Handle, D::Error> {
        struct Index;
        impl<'de> serde::de::Visitor<'de> for Index {
            type Value = Handle;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a capability")
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, index: D) -> Result<Handle, D::Error> {
                u64::deserialize(index).map(Handle)
            }
        }
        deserializer.deserialize_newtype_struct(CAP, Index)
    }
}

impl Reference for Handle {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Order {
    Stop,
    Go(u8),
    Turn { left: bool },
    Both(i64, String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(u64),
    Object { object: Handle },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    orders: Vec<Order>,
    loose: Vec<Loose>,
    by_number: BTreeMap<u64, char>,
    by_flag: BTreeMap<bool, ()>,
    octets: Bytes,
    plain: Vec<u8>,
    maybe: (Option<f32>, Option<f64>),
    large: (u128, i128),
    cap: Handle,
    failure: Failure,
    any: Vec<Value<Handle>>,
}

/// The Rust value of a passable one.
fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, NotPassable> {
    from_bytes(&encode(&value))
}

fn everything() -> Everything {
    Everything {
        orders: vec![Order::Stop, Order::Go(1), Order::Turn { left: true }, Order::Both(-1, "x".into())],
        loose: vec![Loose::Number(3), Loose::Object { object: Handle(2) }],
        by_number: BTreeMap::from([(10, 'a'), (2, 'é')]),
        by_flag: BTreeMap::from([(true, ())]),
        octets: Bytes(vec![0, 255]),
        plain: vec![1, 2],
        maybe: (None, Some(0.1)),
        large: (u128::from(u64::MAX) * 2, i128::MIN),
        cap: Handle(7),
        failure: Failure { name: "closed".into(), message: "gone".into() },
        any: vec![
            Value::Null,
            Value::Symbol("s".into()),
            Value::Tagged("label".into(), Box::new(Value::Cap(Handle(1)))),
            Value::Error(Failure { name: "n".into(), message: "m".into() }),
            Value::Struct(BTreeMap::from([("k".into(), Value::List(vec![Value::Bool(true), Value::Float(2.0)]))])),
            crate::integer::from_argument(true, &[255; 40]).expect("forty bytes are few"),
            Value::Bytes(vec![9]),
        ],
    }
}

#[test]
fn everything_that_serde_knows_survives_and_so_do_the_shapes_it_has_no_word_for() {
    let bytes = to_bytes(&everything()).expect("passable");
    assert_eq!(from_bytes::<Everything>(&bytes), Ok(everything()));
    let Ok(value) = decode(&bytes) else { panic!("canonical") };
    assert_eq!(encode(&value), bytes, "what serde writes is canonical");
    let Value::Struct(fields) = value else { panic!("a struct") };
    assert_eq!(fields["cap"], Value::Cap(7));
    assert_eq!(fields["octets"], Value::Bytes(vec![0, 255]));
}

#[test]
fn the_order_of_fields_and_of_a_hash_map_does_not_show() {
    #[derive(Serialize)]
    struct Backwards {
        zz: u8,
        b: u8,
    }
    assert_eq!(to_bytes(&Backwards { zz: 1, b: 2 }), Ok(b"\xa2\x61b\x02\x62zz\x01".to_vec()));
    let many: HashMap<String, u64> = (0..50).map(|n| (n.to_string(), n)).collect();
    let sorted: BTreeMap<String, u64> = many.clone().into_iter().collect();
    assert_eq!(to_bytes(&many), to_bytes(&sorted));
}

#[test]
fn a_value_that_does_not_fit_says_what_was_found_and_expected() {
    let text = |result: Result<(), NotPassable>| result.expect_err("it does not fit").to_string();
    assert_eq!(text(from_value::<u64>("x".into()).map(drop)), "invalid type: string \"x\", expected u64");
    assert_eq!(text(from_value::<u64>(Value::Cap(0)).map(drop)), "invalid type: a capability, expected u64");
    assert_eq!(
        text(from_value::<Handle>(Value::Integer(0)).map(drop)),
        "invalid type: an integer, expected a capability"
    );
    assert_eq!(
        text(from_value::<String>(Value::Symbol("s".into())).map(drop)),
        "invalid type: a symbol, expected a string"
    );
    assert_eq!(text(from_value::<u8>(Value::Integer(300)).map(drop)), "invalid value: integer `300`, expected u8");
    let three = Value::List(vec![Value::Null, Value::Null, Value::Null]);
    assert!(text(from_value::<((), ())>(three).map(drop)).starts_with("invalid length 3"));
    assert_eq!(text(to_bytes(&BTreeMap::from([((1, 2), 3)])).map(drop)), "a list can not be a key");
}

#[test]
fn a_whole_number_is_taken_where_a_float_is_wanted_but_not_the_reverse() {
    assert_eq!(from_value::<f64>(Value::Integer(5)), Ok(5.0));
    assert!(from_value::<u64>(Value::Float(5.0)).is_err());
}

#[test]
fn what_is_nested_too_deep_is_not_written() {
    let deep = (0..65).fold(Value::<Handle>::Null, |inner, _| Value::List(vec![inner]));
    assert_eq!(to_bytes(&deep), Err(NotPassable::TooDeep));
}

/// Fields that are not in the order of their keys, left out, flattened, and given twice.
#[derive(Serialize)]
struct Odd<'a> {
    zebra: u8,
    ant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u8>,
    bee: (i8, u128, f32, [u8; 0]),
    orders: [Order; 4],
    #[serde(flatten)]
    more: BTreeMap<&'a str, Vec<Option<char>>>,
    twice: Twice,
    a_long_key_with_more_than_twenty_three_bytes: Handle,
}

struct Twice;

impl Serialize for Twice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("b", 1), ("a", 2), ("b", 3), ("c", 4)])
    }
}

#[test]
fn bytes_written_at_once_are_those_of_the_value() {
    let odd = Odd {
        zebra: 1,
        ant: Some("ant"),
        left_out: None,
        bee: (-1, u128::MAX, 0.1, []),
        orders: [Order::Stop, Order::Go(7), Order::Turn { left: true }, Order::Both(-7, "x".to_owned())],
        more: BTreeMap::from([("zz", vec![Some('z'), None]), ("a", Vec::new())]),
        twice: Twice,
        a_long_key_with_more_than_twenty_three_bytes: Handle(300),
    };
    let value = to_value(&odd).expect("passable");
    assert_eq!(to_bytes(&odd).expect("passable"), encode(&value));
    assert_eq!(decode(&to_bytes(&odd).expect("passable")), Ok(value));
}

#[test]
fn levels_are_counted_as_in_the_value() {
    struct Nested(usize);

    impl Serialize for Nested {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                0 => serializer.serialize_unit(),
                levels => serializer.collect_seq([Nested(levels - 1)]),
            }
        }
    }

    assert!(to_bytes(&Nested(DEPTH_MAX)).is_ok());
    assert_eq!(to_bytes(&Nested(DEPTH_MAX + 1)), Err(NotPassable::TooDeep));
}
