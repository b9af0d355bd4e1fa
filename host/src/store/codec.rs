//! Lists as blobs: every number in LEB128, one after the other to the end.
//!
//! Its rule: one list, one blob. An empty list has none (NULL), and any bytes that encoding would not have made are refused. It does not
//! know tables.

use ocap_kernel::{Kref, ObjectId, Slot};

/// Why a blob is no list. Nothing was guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAList {
    /// An empty list is NULL, never an empty blob.
    #[error("is empty where it should be null")]
    Empty,
    /// The last number or name goes on after the end.
    #[error("ends in the middle of an entry")]
    CutShort,
    /// More than 64 bits.
    #[error("has a number above 64 bits")]
    TooLarge,
    /// The number has a shorter form.
    #[error("has a number in a longer form than it needs")]
    Overlong,
    /// Bits that no reference has.
    #[error("has a number that is no kernel reference")]
    NotAKref,
    /// A name that is not UTF-8.
    #[error("has a name that is not text")]
    NotText,
}

/// Kernel references as a blob.
pub(super) fn encode_krefs(krefs: &[Kref]) -> Option<Vec<u8>> {
    encode(krefs, |bytes, kref| push_number(bytes, kref.to_bits()))
}

/// The reverse of [`encode_krefs`].
pub(super) fn decode_krefs(blob: Option<&[u8]>) -> Result<Vec<Kref>, NotAList> {
    decode(blob, |rest| Kref::from_bits(take_number(rest)?).ok_or(NotAList::NotAKref))
}

/// Slots as a blob.
pub(super) fn encode_slots(slots: &[Slot]) -> Option<Vec<u8>> {
    encode(slots, |bytes, slot| push_number(bytes, slot.0))
}

/// The reverse of [`encode_slots`].
pub(super) fn decode_slots(blob: Option<&[u8]>) -> Result<Vec<Slot>, NotAList> {
    decode(blob, |rest| take_number(rest).map(Slot))
}

/// Objects as a blob.
pub(super) fn encode_objects(objects: &[ObjectId]) -> Option<Vec<u8>> {
    encode(objects, |bytes, object| push_number(bytes, object.0))
}

/// The reverse of [`encode_objects`].
pub(super) fn decode_objects(blob: Option<&[u8]>) -> Result<Vec<ObjectId>, NotAList> {
    decode(blob, |rest| take_number(rest).map(ObjectId))
}

/// Grants as a blob: for each the length of its name in bytes, the name, the slot.
pub(super) fn encode_grants(grants: &[(String, Slot)]) -> Option<Vec<u8>> {
    encode(grants, |bytes, (name, slot)| {
        push_number(bytes, name.len() as u64);
        bytes.extend_from_slice(name.as_bytes());
        push_number(bytes, slot.0);
    })
}

/// The reverse of [`encode_grants`].
pub(super) fn decode_grants(blob: Option<&[u8]>) -> Result<Vec<(String, Slot)>, NotAList> {
    decode(blob, |rest| {
        let length = usize::try_from(take_number(rest)?).map_err(|_| NotAList::CutShort)?;
        let (name, after) = rest.split_at_checked(length).ok_or(NotAList::CutShort)?;
        *rest = after;
        let name = std::str::from_utf8(name).map_err(|_| NotAList::NotText)?;
        Ok((name.to_owned(), Slot(take_number(rest)?)))
    })
}

fn encode<T>(list: &[T], push: impl Fn(&mut Vec<u8>, &T)) -> Option<Vec<u8>> {
    if list.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(list.len() * 3);
    for entry in list {
        push(&mut bytes, entry);
    }
    Some(bytes)
}

fn decode<T>(blob: Option<&[u8]>, take: impl Fn(&mut &[u8]) -> Result<T, NotAList>) -> Result<Vec<T>, NotAList> {
    let Some(mut rest) = blob else { return Ok(Vec::new()) };
    if rest.is_empty() {
        return Err(NotAList::Empty);
    }
    let mut list = Vec::new();
    while !rest.is_empty() {
        list.push(take(&mut rest)?);
    }
    Ok(list)
}

fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Result<u64, NotAList> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(NotAList::CutShort)?;
        *rest = after;
        if shift == 63 && byte > 1 {
            return Err(NotAList::TooLarge);
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if byte == 0 && shift > 0 { Err(NotAList::Overlong) } else { Ok(number) };
        }
    }
    Err(NotAList::TooLarge)
}

#[cfg(test)]
mod tests {
    use ocap_kernel::PromiseId;

    use super::*;

    const NUMBERS: [u64; 9] = [0, 1, 127, 128, 16_383, 16_384, 1 << 62, u64::MAX - 1, u64::MAX];

    #[test]
    fn every_list_survives_its_blob() {
        for count in 0..=NUMBERS.len() {
            let slots: Vec<Slot> = NUMBERS[..count].iter().copied().map(Slot).collect();
            assert_eq!(decode_slots(encode_slots(&slots).as_deref()), Ok(slots.clone()));
            let grants: Vec<_> = slots.iter().map(|slot| ("é".repeat(count * 20), *slot)).collect();
            assert_eq!(decode_grants(encode_grants(&grants).as_deref()), Ok(grants));
        }
        let objects = NUMBERS.map(ObjectId);
        assert_eq!(decode_objects(encode_objects(&objects).as_deref()), Ok(objects.to_vec()));
        let krefs = vec![Kref::Object(ObjectId(0)), Kref::Promise(PromiseId(1 << 40)), Kref::Resolver(PromiseId(7))];
        assert_eq!(decode_krefs(encode_krefs(&krefs).as_deref()), Ok(krefs));
    }

    #[test]
    fn an_empty_list_is_null_and_nothing_else() {
        assert_eq!(encode_slots(&[]), None);
        assert_eq!(decode_slots(None), Ok(vec![]));
        assert_eq!(decode_slots(Some(&[])), Err(NotAList::Empty));
    }

    #[test]
    fn bytes_that_no_list_makes_are_refused() {
        let largest = [&[0xff; 9][..], &[1]].concat();
        assert_eq!(decode_slots(Some(&largest)), Ok(vec![Slot(u64::MAX)]));
        assert_eq!(decode_slots(Some(&[&[0xff; 9][..], &[2]].concat())), Err(NotAList::TooLarge));
        assert_eq!(decode_slots(Some(&[&[0xff; 10][..], &[0]].concat())), Err(NotAList::TooLarge));
        assert_eq!(decode_slots(Some(&[0x80])), Err(NotAList::CutShort));
        assert_eq!(decode_slots(Some(&[5, 0x80, 0x00])), Err(NotAList::Overlong));
        assert_eq!(decode_krefs(Some(&[3])), Err(NotAList::NotAKref));
        assert_eq!(decode_grants(Some(&[2, b'a'])), Err(NotAList::CutShort));
        assert_eq!(decode_grants(Some(&[1, b'a'])), Err(NotAList::CutShort));
        assert_eq!(decode_grants(Some(&[1, 0xff, 0])), Err(NotAList::NotText));
        assert_eq!(decode_grants(Some(&[&[0xff; 9][..], &[1, b'a', 0]].concat())), Err(NotAList::CutShort));
    }

    #[test]
    fn any_bytes_that_decode_are_what_encoding_makes() {
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..1 + seed % 6 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                bytes.push((seed >> 56) as u8);
            }
            if let Ok(slots) = decode_slots(Some(&bytes)) {
                assert_eq!(encode_slots(&slots).as_deref(), Some(&bytes[..]));
            }
            if let Ok(grants) = decode_grants(Some(&bytes)) {
                assert_eq!(encode_grants(&grants).as_deref(), Some(&bytes[..]));
            }
        }
    }
}
