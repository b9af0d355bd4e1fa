//! The bytes, against the RFC's examples, round trips and noise.

use std::collections::BTreeMap;

use super::*;
use crate::NotPassable;
use crate::integer::from_decimal;
use crate::value::{Failure, Value};

/// A fixed linear congruential generator (Knuth's MMIX constants): the same noise in each run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % below
    }

    fn text(&mut self) -> String {
        (0..self.next(6)).map(|_| char::from_u32(97 + self.next(400) as u32).unwrap_or('x')).collect()
    }

    pub(crate) fn value(&mut self, levels: u64) -> Value {
        match self.next(if levels == 0 { 11 } else { 14 }) {
            0 => Value::Undefined,
            1 => Value::Null,
            2 => Value::Bool(self.next(2) == 1),
            3 => Value::Integer(i128::from(self.next(1 << 31)) - (1 << 30)),
            4 => {
                let digits: String = (0..1 + self.next(80)).map(|_| char::from(b'0' + self.next(10) as u8)).collect();
                from_decimal(&format!("-{digits}")).expect("digits are an integer")
            }
            5 => Value::Float(f64::from(self.next(1 << 31) as f32) / 1024.0),
            6 => Value::String(self.text()),
            7 => Value::Symbol(self.text()),
            8 => Value::Bytes((0..self.next(40)).map(|_| self.next(256) as u8).collect()),
            9 => Value::Error(Failure { name: self.text(), message: self.text() }),
            10 => Value::Cap(self.next(300) as usize),
            11 => Value::List((0..self.next(5)).map(|_| self.value(levels - 1)).collect()),
            12 => Value::Struct((0..self.next(5)).map(|_| (self.text(), self.value(levels - 1))).collect()),
            _ => Value::Tagged(self.text(), Box::new(self.value(levels - 1))),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn integers_and_floats_are_the_rfc_s_shortest() {
    for (value, expected) in [
        (Value::Integer(23), "17"),
        (Value::Integer(24), "1818"),
        (Value::Integer(-500), "3901f3"),
        (Value::Integer(1_000_000), "1a000f4240"),
        (Value::Integer(18446744073709551615), "1bffffffffffffffff"),
        (Value::Integer(18446744073709551616), "c249010000000000000000"),
        (Value::Integer(-18446744073709551616), "3bffffffffffffffff"),
        (Value::Integer(-18446744073709551617), "c349010000000000000000"),
        (Value::Float(0.0), "f90000"),
        (Value::Float(-0.0), "f98000"),
        (Value::Float(1.5), "f93e00"),
        (Value::Float(65504.0), "f97bff"),
        (Value::Float(100000.0), "fa47c35000"),
        (Value::Float(3.4028234663852886e38), "fa7f7fffff"),
        (Value::Float(1.0e300), "fb7e37e43c8800759c"),
        (Value::Float(5.960464477539063e-8), "f90001"),
        (Value::Float(0.00006103515625), "f90400"),
        (Value::Float(-4.1), "fbc010666666666666"),
        (Value::Float(f64::NEG_INFINITY), "f9fc00"),
        (Value::Float(-f64::NAN), "f97e00"),
        (Value::Float(f64::from(f32::MIN_POSITIVE)), "fa00800000"),
        (Value::Cap(1), "da4f43415001"),
        (Value::Error(Failure { name: "a".into(), message: "b".into() }), "da4f43415083656572726f7261616162"),
    ] {
        assert_eq!(hex(&encode(&value)), expected, "{value:?}");
        if !matches!(value, Value::Float(it) if it.is_nan()) {
            assert_eq!(decode(&encode(&value)), Ok(value));
        }
    }
}

#[test]
fn each_half_float_survives() {
    for bits in 0..=u16::MAX {
        let [high, low] = bits.to_be_bytes();
        let Ok(Value::Float(it)) = decode(&[0xf9, high, low]) else { panic!("{bits:x} is a float") };
        let expected = if it.is_nan() { vec![0xf9, 0x7e, 0] } else { vec![0xf9, high, low] };
        assert_eq!(encode(&Value::Float(it)), expected);
    }
}

#[test]
fn the_keys_of_a_struct_are_in_the_order_of_their_bytes() {
    let fields = ["z", "aa", "b", "é", ""].map(|key| (key.to_owned(), Value::Null));
    let bytes = encode(&Value::Struct(BTreeMap::from(fields)));
    assert_eq!(hex(&bytes), "a560f66162f6617af6626161f662c3a9f6");
}

#[test]
fn every_value_survives_and_has_one_form() {
    let mut noise = Noise(1);
    for round in 0..3000 {
        let value = noise.value(5);
        let bytes = encode(&value);
        let back = decode(&bytes);
        assert_eq!(back.as_ref(), Ok(&value), "round {round}");
        assert_eq!(encode(&back.expect("just compared")), bytes);
    }
}

#[test]
fn hostile_bytes_are_refused_or_read_and_never_panic() {
    let mut noise = Noise(2);
    let mut refused = 0;
    for _ in 0..4000 {
        // Half of it is pure noise, half a good value with a few bytes changed.
        let mut bytes: Vec<u8> = if noise.next(2) == 0 {
            (0..noise.next(60)).map(|_| noise.next(256) as u8).collect()
        } else {
            encode(&noise.value(4))
        };
        for _ in 0..noise.next(4) {
            let at = noise.next(bytes.len().max(1) as u64) as usize;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = noise.next(256) as u8;
            }
        }
        match decode(&bytes) {
            // Whatever is read has a canonical form that is read as the same.
            Ok(value) => assert_eq!(encode(&decode(&encode(&value)).expect("canonical")), encode(&value)),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 1000, "the noise was too tame: {refused}");
}

#[test]
fn what_is_not_one_definite_item_of_the_model_is_refused_by_name() {
    let deep = |levels: usize| [vec![0x81; levels], vec![0xf6]].concat();
    assert!(decode(&deep(DEPTH_MAX)).is_ok());
    for (bytes, expected) in [
        (vec![], NotPassable::Truncated { at: 0 }),
        (vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], NotPassable::Truncated { at: 9 }),
        (vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], NotPassable::Truncated { at: 9 }),
        (vec![0x9f, 0xff], NotPassable::BadItem { at: 0 }),
        (vec![0x1c], NotPassable::BadItem { at: 0 }),
        (vec![0xf8, 0x20], NotPassable::BadItem { at: 0 }),
        (vec![0xc1, 0x00], NotPassable::BadTag { at: 0 }),
        (vec![0x61, 0xff], NotPassable::BadText { at: 0 }),
        (vec![0xa1, 0x01, 0x02], NotPassable::BadKey { at: 0 }),
        (vec![0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x02], NotPassable::BadKey { at: 0 }),
        (vec![0x01, 0x02], NotPassable::Trailing { at: 1 }),
        (vec![0xda, 0x4f, 0x43, 0x41, 0x50, 0x81, 0x61, 0x78], NotPassable::BadTag { at: 0 }),
        (vec![0xda, 0x4f, 0x43, 0x41, 0x50, 0x20], NotPassable::BadTag { at: 0 }),
        ([vec![0xc2, 0x59, 0x04, 0x01], vec![1; 1025]].concat(), NotPassable::IntegerTooLong),
        (deep(DEPTH_MAX + 1), NotPassable::TooDeep),
        (deep(1_000_000), NotPassable::TooDeep),
    ] {
        assert_eq!(decode(&bytes), Err(expected), "{}", hex(&bytes[..bytes.len().min(20)]));
    }
}
