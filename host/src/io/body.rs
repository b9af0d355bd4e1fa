//! What channels say in bodies, and what they understand: the few shapes of canonical CBOR that pass between vats and this room.
//!
//! It knows no more of the encoding than those shapes.

use ciborium::Value;
use ocap_kernel::{Body, Kref, Payload};

/// Around an unsigned number it means a capability by its index, around a list with a first word, what the word says.
const TAG: u64 = 1_329_807_696;

/// One argument of a call, as far as channels care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    /// A string.
    Text(String),
    /// A capability.
    Capability(Kref),
    /// Anything else; no method of a channel wants it.
    Other,
}

/// The arguments `[text, capability]`.
pub(super) fn text_and_capability(text: String, capability: Kref) -> Payload<Kref> {
    let list = Value::Array(vec![Value::Text(text), tagged(Value::from(0))]);
    Payload { body: encoded(&list), caps: vec![capability] }
}

/// `null`.
pub(super) fn null() -> Payload<Kref> {
    Payload::plain(encoded(&Value::Null))
}

/// An error by name, with a sentence for people.
pub(super) fn error(name: &str, message: &str) -> Payload<Kref> {
    let words = ["error", name, message].map(Value::from);
    Payload::plain(encoded(&tagged(Value::Array(words.into()))))
}

/// The arguments of a call; `None` if they are no list, or name a capability that the payload does not have.
pub(super) fn arguments(args: &Payload<Kref>) -> Option<Vec<Argument>> {
    let mut rest: &[u8] = &args.body;
    let value: Value = ciborium::from_reader(&mut rest).ok()?;
    if !rest.is_empty() {
        return None;
    }
    value.into_array().ok()?.into_iter().map(|value| argument(value, &args.caps)).collect()
}

fn argument(value: Value, caps: &[Kref]) -> Option<Argument> {
    match value {
        Value::Text(text) => Some(Argument::Text(text)),
        Value::Tag(TAG, inner) if inner.is_integer() => {
            let index = usize::try_from(inner.into_integer().ok()?).ok()?;
            caps.get(index).copied().map(Argument::Capability)
        }
        _ => Some(Argument::Other),
    }
}

fn tagged(value: Value) -> Value {
    Value::Tag(TAG, Box::new(value))
}

fn encoded(value: &Value) -> Body {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a vector takes all bytes, and these values have a form");
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocap_kernel::ObjectId;

    const LAMP: Kref = Kref::Object(ObjectId(7));

    #[test]
    fn a_line_is_a_text_and_a_mention_of_capability_zero() {
        let args = text_and_capability("hi".to_owned(), LAMP);
        assert_eq!(&*args.body, b"\x82\x62hi\xda\x4f\x43\x41\x50\x00");
        assert_eq!(args.caps, [LAMP]);
    }

    #[test]
    fn null_and_errors_have_their_shortest_form() {
        assert_eq!(&*null().body, b"\xf6");
        assert_eq!(&*error("a", "b").body, b"\xda\x4f\x43\x41\x50\x83\x65error\x61a\x61b");
    }

    #[test]
    fn arguments_are_read_back() {
        let args = text_and_capability("hi".to_owned(), LAMP);
        assert_eq!(arguments(&args), Some(vec![Argument::Text("hi".to_owned()), Argument::Capability(LAMP)]));
        assert_eq!(arguments(&Payload::plain(*b"\x81\x01")), Some(vec![Argument::Other]));
    }

    #[test]
    fn no_list_a_rest_and_an_unknown_capability_are_no_arguments() {
        for body in [&b"\xf6"[..], b"", b"\x80\x80", b"\x82\x01", b"\x81\xda\x4f\x43\x41\x50\x05", b"\x9f"] {
            assert_eq!(arguments(&Payload::plain(body)), None, "{body:?}");
        }
    }
}
