//! The only two bodies that the kernel itself writes. It reads none.
//!
//! Both are canonical CBOR of the data model that vats use (design section 5): `null`, and an error whose name is a kernel code.

use crate::message::{Body, Code};

/// `null`: what an answer says that has nothing to say.
pub fn null() -> Body {
    Body::from([0xf6])
}

/// `["error", code, code]` under the private tag: how a listener is told that the kernel broke its promise. A vat can write the
/// same bytes (kernel-rules 23); who must tell them apart watches the promise instead.
pub fn failure(code: Code) -> Body {
    let word = code.as_str().as_bytes();
    let mut body = vec![0xda, 0x4f, 0x43, 0x41, 0x50, 0x83, 0x65];
    body.extend_from_slice(b"error");
    for _ in 0..2 {
        // Every code is shorter than 24 bytes, so its length fits the first byte.
        body.push(0x60 | u8::try_from(word.len()).expect("a code is short"));
        body.extend_from_slice(word);
    }
    Body::from(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_fits_the_short_form_of_a_text() {
        for code in Code::ALL {
            assert!(code.as_str().len() < 24, "{code}");
            assert_eq!(failure(code).len(), 12 + 2 * (1 + code.as_str().len()), "{code}");
        }
    }
}
