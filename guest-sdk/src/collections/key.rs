//! Keys as bytes whose order is the order of the keys.

use crate::Cap;

/// What can be looked up by: a [`Key`], or what one is borrowed as, such as `str`.
///
/// The bytes of one key are never the beginning of another's.
pub trait AsKey {
    #[doc(hidden)]
    fn write(&self, bytes: &mut Vec<u8>);

    /// The capabilities in it, which the entry has to hold.
    #[doc(hidden)]
    fn held(&self, _caps: &mut Vec<Cap>) {}
}

/// What can be a key of a durable collection: integers, `bool`, `char`, `String`, `Vec<u8>`, [`Cap`], and tuples of those.
///
/// Entries are in the order of their keys: numbers by size, text and bytes as `Ord` has it, tuples by their first part, and capabilities in the
/// order in which the vat came to hold them. A capability is the same key as long as the vat holds it, which the entry does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be a key of a durable collection",
    label = "no key",
    note = "keys are integers, `bool`, `char`, `String`, `Vec<u8>`, `Cap`, and tuples of those"
)]
pub trait Key: AsKey + Sized {
    /// Whether there are capabilities in such a key.
    #[doc(hidden)]
    const HOLDS: bool = false;

    #[doc(hidden)]
    fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<Self>;
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

macro_rules! integers {
    ($($unsigned:ident $signed:ident)*) => {$(
        impl AsKey for $unsigned {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_be_bytes());
            }
        }

        impl Key for $unsigned {
            fn read(bytes: &mut &[u8], _: &mut dyn Iterator<Item = Cap>) -> Option<$unsigned> {
                take(bytes).map($unsigned::from_be_bytes)
            }
        }

        // Those below zero come first.
        impl AsKey for $signed {
            fn write(&self, bytes: &mut Vec<u8>) {
                (self.cast_unsigned() ^ 1 << ($signed::BITS - 1)).write(bytes);
            }
        }

        impl Key for $signed {
            fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<$signed> {
                $unsigned::read(bytes, caps).map(|it| (it ^ 1 << ($signed::BITS - 1)).cast_signed())
            }
        }
    )*};
}

integers! { u8 i8  u16 i16  u32 i32  u64 i64  u128 i128 }

impl AsKey for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }
}

impl Key for bool {
    fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<bool> {
        u8::read(bytes, caps).map(|it| it != 0)
    }
}

impl AsKey for char {
    fn write(&self, bytes: &mut Vec<u8>) {
        u32::from(*self).write(bytes);
    }
}

impl Key for char {
    fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<char> {
        u32::read(bytes, caps).and_then(char::from_u32)
    }
}

/// How a zero byte goes on: it is one, or the end.
const ZERO: u8 = 0xff;
const END: u8 = 0x01;

impl AsKey for [u8] {
    fn write(&self, bytes: &mut Vec<u8>) {
        for &byte in self {
            bytes.push(byte);
            if byte == 0 {
                bytes.push(ZERO);
            }
        }
        bytes.extend([0, END]);
    }
}

impl AsKey for Vec<u8> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_slice().write(bytes);
    }
}

impl Key for Vec<u8> {
    fn read(bytes: &mut &[u8], _: &mut dyn Iterator<Item = Cap>) -> Option<Vec<u8>> {
        let mut read = Vec::new();
        loop {
            match take::<1>(bytes)? {
                [0] => match take::<1>(bytes)? {
                    [END] => return Some(read),
                    _ => read.push(0),
                },
                [byte] => read.push(byte),
            }
        }
    }
}

impl AsKey for str {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_bytes().write(bytes);
    }
}

impl AsKey for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_str().write(bytes);
    }
}

impl Key for String {
    fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<String> {
        Vec::read(bytes, caps).and_then(|text| String::from_utf8(text).ok())
    }
}

impl AsKey for Cap {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.slot().write(bytes);
    }

    fn held(&self, caps: &mut Vec<Cap>) {
        caps.push(self.clone());
    }
}

impl Key for Cap {
    const HOLDS: bool = true;

    fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<Cap> {
        u64::read(bytes, caps)?;
        caps.next()
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt)*))*) => {$(
        impl<$($name: AsKey),*> AsKey for ($($name,)*) {
            fn write(&self, bytes: &mut Vec<u8>) {
                $(self.$index.write(bytes);)*
            }

            fn held(&self, caps: &mut Vec<Cap>) {
                $(self.$index.held(caps);)*
            }
        }

        impl<$($name: Key),*> Key for ($($name,)*) {
            const HOLDS: bool = $($name::HOLDS)||*;

            fn read(bytes: &mut &[u8], caps: &mut dyn Iterator<Item = Cap>) -> Option<Self> {
                Some(($($name::read(bytes, caps)?,)*))
            }
        }
    )*};
}

tuples! { (A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3) }

/// The bytes of a key after `prefix`.
pub(super) fn full<Q: AsKey + ?Sized>(prefix: &[u8], key: &Q) -> Vec<u8> {
    let mut bytes = prefix.to_vec();
    key.write(&mut bytes);
    bytes
}

/// Bytes after all keys that are before this one, and before it.
pub(super) fn just_before(mut key: Vec<u8>) -> Vec<u8> {
    // No key is the beginning of another, so none lies between this one without its end and this one.
    if let Some(last @ 1..) = key.pop() {
        key.extend([last - 1, 0xff]);
    }
    key
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// They are in order, are read back as they were, and a search that begins with each finds it and not the one before.
    fn are_in_order<K: Key + Debug + PartialEq>(keys: &[K]) {
        let written: Vec<Vec<u8>> = keys.iter().map(|key| full(b"p", key)).collect();
        for (key, bytes) in keys.iter().zip(&written) {
            let mut rest = &bytes[1..];
            assert_eq!(K::read(&mut rest, &mut std::iter::empty()).as_ref(), Some(key));
            assert!(rest.is_empty(), "{key:?}");
            assert!(just_before(bytes.clone()) < *bytes, "{key:?}");
        }
        for pair in written.windows(2) {
            assert!(pair[0] < pair[1] && !pair[1].starts_with(&pair[0]), "{pair:?}");
            assert!(just_before(pair[1].clone()) > pair[0], "{pair:?}");
        }
    }

    #[test]
    fn keys_have_the_order_of_what_they_are() {
        are_in_order(&[0_u8, 1, 254, 255]);
        are_in_order(&[0_u64, 1, 255, 256, 257, 65_535, 65_536, u64::MAX]);
        are_in_order(&[i64::MIN, -65_536, -256, -255, -1, 0, 1, 255, 256, i64::MAX]);
        are_in_order(&[i8::MIN, -1, 0, i8::MAX]);
        are_in_order(&[false, true]);
        are_in_order(&['a', 'b', 'ä', '\u{10ffff}']);
        are_in_order(&["", "\0", "\0\0", "\0a", "\u{1}", "a", "a\0", "a\0b", "aa", "b"].map(String::from));
        are_in_order(&[vec![], vec![0], vec![0, 0], vec![0, 1], vec![0, 255], vec![1], vec![255], vec![255, 255]]);
    }

    #[test]
    fn tuples_are_in_the_order_of_their_first_part() {
        let texts = ["", "a", "a\0", "ab"].map(String::from);
        let pairs: Vec<(String, u8)> =
            texts.into_iter().flat_map(|text| [0, 1, 254, 255].map(|number| (text.clone(), number))).collect();
        are_in_order(&pairs);
        are_in_order(&[(1_u8, "b".to_owned()), (2, String::new()), (2, "a".to_owned())]);
    }

    #[test]
    fn bytes_that_are_no_key_are_none() {
        let none = &mut std::iter::empty();
        assert_eq!(u16::read(&mut [1_u8].as_slice(), none), None);
        assert_eq!(String::read(&mut b"abc".as_slice(), none), None);
        assert_eq!(String::read(&mut [0xff, 0, END].as_slice(), none), None);
        assert_eq!(char::read(&mut [0xff; 4].as_slice(), none), None);
    }
}
