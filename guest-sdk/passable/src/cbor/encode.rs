//! Canonical CBOR out.

use super::{BIG_NEGATIVE, BIG_POSITIVE, FALSE, NULL, OCAP_TAG, TRUE, major};
use crate::value::{Failure, Value};

/// The canonical bytes of a value.
///
/// A value nested more than [`super::DEPTH_MAX`] deep is written like any other, and refused by whoever reads it.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    write(value, &mut out);
    out
}

/// The canonical bytes of an error, for whoever says nothing else and need not carry the code for it.
pub fn encode_error(failure: &Failure) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    write_error(failure, &mut out);
    out
}

fn write_error(failure: &Failure, out: &mut Vec<u8>) {
    write_shape("error", 3, out);
    write_text(&failure.name, out);
    write_text(&failure.message, out);
}

pub(crate) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Undefined => out.push(0xf7),
        Value::Null => out.push(NULL),
        Value::Bool(it) => out.push(if *it { TRUE } else { FALSE }),
        Value::Integer(it) => write_integer(*it, out),
        Value::BigInteger(it) => write_big(it.is_negative(), it.argument(), out),
        Value::Float(it) => write_float(*it, out),
        Value::String(it) => write_text(it, out),
        Value::Symbol(it) => {
            write_shape("symbol", 2, out);
            write_text(it, out);
        }
        Value::Bytes(it) => {
            write_head(major::BYTES, it.len() as u64, out);
            out.extend_from_slice(it);
        }
        Value::List(items) => {
            write_head(major::LIST, items.len() as u64, out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Struct(fields) => {
            write_head(major::STRUCT, fields.len() as u64, out);
            let mut fields: Vec<_> = fields.iter().collect();
            // A text's length stands before its bytes, so shorter keys come first.
            fields.sort_unstable_by_key(|(key, _)| (key.len(), key.as_bytes()));
            for (key, field) in fields {
                write_text(key, out);
                write(field, out);
            }
        }
        Value::Tagged(label, inner) => {
            write_shape("tagged", 3, out);
            write_text(label, out);
            write(inner, out);
        }
        Value::Error(it) => write_error(it, out),
        Value::Cap(index) => {
            write_head(major::TAG, OCAP_TAG, out);
            write_head(major::UNSIGNED, *index as u64, out);
        }
    }
}

/// The first byte of an item and its argument, as short as can be.
#[inline]
pub(crate) fn write_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    match argument {
        0..24 => out.push(major << 5 | argument as u8),
        _ => write_long_head(major << 5, argument, out),
    }
}

fn write_long_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let bytes = argument.to_be_bytes();
    match argument {
        0..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    write_head(major::TEXT, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// The tag and the first element of one of the shapes that CBOR has no kind for.
fn write_shape(shape: &str, elements: u64, out: &mut Vec<u8>) {
    write_head(major::TAG, OCAP_TAG, out);
    write_head(major::LIST, elements, out);
    write_text(shape, out);
}

pub(crate) fn write_integer(it: i128, out: &mut Vec<u8>) {
    let negative = it < 0;
    let argument = if negative { !it } else { it };
    match u64::try_from(argument) {
        Ok(argument) => write_head(if negative { major::NEGATIVE } else { major::UNSIGNED }, argument, out),
        Err(_) => {
            let bytes = argument.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            write_big(negative, &bytes[zeros..], out);
        }
    }
}

fn write_big(negative: bool, argument: &[u8], out: &mut Vec<u8>) {
    write_head(major::TAG, if negative { BIG_NEGATIVE } else { BIG_POSITIVE }, out);
    write_head(major::BYTES, argument.len() as u64, out);
    out.extend_from_slice(argument);
}

pub(crate) fn write_float(it: f64, out: &mut Vec<u8>) {
    let single = it as f32;
    if it.is_nan() {
        out.extend_from_slice(&[0xf9, 0x7e, 0x00]);
    } else if f64::from(single) != it {
        out.push(0xfb);
        out.extend_from_slice(&it.to_be_bytes());
    } else if let Some(half) = to_half(single) {
        out.push(0xf9);
        out.extend_from_slice(&half.to_be_bytes());
    } else {
        out.push(0xfa);
        out.extend_from_slice(&single.to_be_bytes());
    }
}

/// The IEEE 754 binary16 that equals `it`, if there is one. `it` is not NaN.
fn to_half(it: f32) -> Option<u16> {
    let bits = it.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let exponent = (bits >> 23 & 0xff) as i32 - 127;
    let fraction = bits & 0x7f_ffff;
    let half = match exponent {
        128 => 0x7c00,
        -14..=15 if fraction & 0x1fff == 0 => ((exponent + 15) as u16) << 10 | (fraction >> 13) as u16,
        // Subnormal: the hidden bit moves into the fraction.
        -24..=-15 => {
            let shift = (-1 - exponent) as u32;
            let whole = fraction | 0x80_0000;
            if whole & ((1 << shift) - 1) != 0 {
                return None;
            }
            (whole >> shift) as u16
        }
        -127 if fraction == 0 => 0,
        _ => return None,
    };
    Some(sign | half)
}
