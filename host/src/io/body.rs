//! What channels say in bodies, and what they understand: the few shapes that pass between vats and this room.

use ocap_kernel::{Kref, Payload};
use ocap_passable::{Failure, Value, decode, encode};

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
    let list = Value::List(vec![Value::String(text), Value::Cap(0)]);
    Payload { body: encode(&list).into(), caps: vec![capability] }
}

/// `null`.
pub(super) fn null() -> Payload<Kref> {
    Payload::plain(encode(&Value::Null))
}

/// An error by name, with a sentence for people.
pub(super) fn error(name: &str, message: &str) -> Payload<Kref> {
    let failure = Failure { name: name.to_owned(), message: message.to_owned() };
    Payload::plain(encode(&Value::Error(failure)))
}

/// The arguments of a call; `None` if they are no list, or name a capability that the payload does not have.
pub(super) fn arguments(args: &Payload<Kref>) -> Option<Vec<Argument>> {
    let Ok(Value::List(values)) = decode(&args.body) else { return None };
    values.into_iter().map(|value| argument(value, &args.caps)).collect()
}

fn argument(value: Value, caps: &[Kref]) -> Option<Argument> {
    match value {
        Value::String(text) => Some(Argument::Text(text)),
        Value::Cap(index) => caps.get(index).copied().map(Argument::Capability),
        _ => Some(Argument::Other),
    }
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
