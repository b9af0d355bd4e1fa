//! Integers that an `i128` has no room for.

use std::fmt;
use std::str::FromStr;

use crate::NotPassable;
use crate::value::Value;

/// The most bytes that an integer's magnitude may have: 1 KiB, about 2,466 decimal digits.
pub const INTEGER_BYTES_MAX: usize = 1024;

/// An integer outside the range of `i128`. Its text form is decimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BigInteger {
    negative: bool,
    /// CBOR's argument, big-endian without leading zeros: `n`, or `-1 - n` when negative.
    argument: Vec<u8>,
}

impl BigInteger {
    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    pub(crate) fn argument(&self) -> &[u8] {
        &self.argument
    }
}

/// The integer `n` or `-1 - n`, in the variant that has room for it.
pub(crate) fn from_argument<C>(negative: bool, argument: &[u8]) -> Result<Value<C>, NotPassable> {
    let zeros = argument.iter().take_while(|byte| **byte == 0).count();
    let argument = &argument[zeros..];
    if argument.len() > INTEGER_BYTES_MAX {
        return Err(NotPassable::IntegerTooLong);
    }
    if argument.len() <= 16 {
        let small = argument.iter().fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
        if let Ok(n) = i128::try_from(small) {
            return Ok(Value::Integer(if negative { -1 - n } else { n }));
        }
    }
    Ok(Value::BigInteger(BigInteger { negative, argument: argument.to_vec() }))
}

/// An integer from its decimal text.
pub(crate) fn from_decimal<C>(text: &str) -> Result<Value<C>, NotPassable> {
    if let Ok(small) = i128::from_str(text) {
        return Ok(Value::Integer(small));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotPassable::BadJson(format!("`{}` is no integer", text.escape_debug())));
    }
    if digits.len() > INTEGER_BYTES_MAX * 5 / 2 {
        return Err(NotPassable::IntegerTooLong);
    }
    let mut magnitude = Vec::new();
    for digit in digits.bytes() {
        multiply_add(&mut magnitude, 10, digit - b'0');
    }
    if negative {
        subtract_one(&mut magnitude);
    }
    magnitude.reverse();
    from_argument(negative, &magnitude)
}

/// `number * factor + addend`, little-endian.
fn multiply_add(number: &mut Vec<u8>, factor: u16, addend: u8) {
    let mut carry = u16::from(addend);
    for byte in number.iter_mut() {
        let [low, high] = (u16::from(*byte) * factor + carry).to_le_bytes();
        *byte = low;
        carry = high.into();
    }
    if carry > 0 {
        number.push(carry.to_le_bytes()[0]);
    }
}

/// `number - 1`, little-endian, for a number above zero.
fn subtract_one(number: &mut [u8]) {
    for byte in number {
        let (less, borrowed) = byte.overflowing_sub(1);
        *byte = less;
        if !borrowed {
            return;
        }
    }
}

impl fmt::Display for BigInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Little-endian decimal digits, grown byte by byte.
        let mut digits = vec![0_u8];
        let mut add = |byte: u8, shift: u32| {
            let mut carry = u32::from(byte);
            for digit in &mut digits {
                let sum = u32::from(*digit) * shift + carry;
                *digit = (sum % 10) as u8;
                carry = sum / 10;
            }
            while carry > 0 {
                digits.push((carry % 10) as u8);
                carry /= 10;
            }
        };
        for byte in &self.argument {
            add(*byte, 256);
        }
        if self.negative {
            add(1, 1);
            f.write_str("-")?;
        }
        digits.iter().rev().try_for_each(|digit| write!(f, "{digit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_and_bytes_agree_far_outside_of_128_bits() {
        for text in [
            "170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105729",
            "340282366920938463463374607431768211456",
            "-340282366920938463463374607431768211456",
            "-340282366920938463463374607431768211457",
            "123456789012345678901234567890123456789012345678901234567890",
        ] {
            let Ok(Value::<usize>::BigInteger(big)) = from_decimal(text) else { panic!("{text} should be big") };
            assert_eq!(big.to_string(), text);
        }
        assert_eq!(from_decimal::<usize>("-170141183460469231731687303715884105728"), Ok(Value::Integer(i128::MIN)));
        assert_eq!(from_argument::<usize>(true, &[0, 0, 0]), Ok(Value::Integer(-1)));
        assert!(from_decimal::<usize>("12x").is_err());
        assert_eq!(from_decimal::<usize>(&"9".repeat(5000)), Err(NotPassable::IntegerTooLong));
    }
}
