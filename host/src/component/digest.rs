//! The SHA-256 of some bytes, and its one text form.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the text form begins with.
const PREFIX: &str = "sha256:";

/// A SHA-256: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

/// The text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `sha256:` and 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// A SHA-256 that was computed elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The digest of everything that is read, and how many bytes that was.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of_all(mut from: impl Read) -> io::Result<(Digest, u64)> {
        let mut hasher = Sha256::new();
        let mut bytes = 0;
        let mut part = vec![0; 64 << 10];
        loop {
            match from.read(&mut part)? {
                0 => return Ok((Digest(hasher.finalize().into()), bytes)),
                length => {
                    hasher.update(&part[..length]);
                    bytes += length as u64;
                }
            }
        }
    }

    /// The 64 digits alone: a file's name in a content store.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from(DIGITS[usize::from(digit)]))
            .collect()
    }

    /// The reverse of [`Digest::hex`].
    ///
    /// # Errors
    /// If these are not 64 lower-case hexadecimal digits.
    pub fn from_hex(digits: &str) -> Result<Digest, NotADigest> {
        let digits = digits.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(NotADigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Ok(Digest(bytes))
    }
}

/// The value of one digit. Upper case is refused, so that a digest has one spelling.
fn value(digit: u8) -> Result<u8, NotADigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotADigest),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&self.hex())
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Digest, NotADigest> {
        Digest::from_hex(text.strip_prefix(PREFIX).ok_or(NotADigest)?)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Digest, NotADigest> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_is_the_standards_and_survives_its_text() {
        assert_eq!(Digest::of(b"abc").to_string(), OF_ABC);
        assert_eq!(OF_ABC.parse(), Ok(Digest::of(b"abc")));
        let long = vec![7; 200_000];
        assert_eq!(Digest::of_all(long.as_slice()).expect("memory"), (Digest::of(&long), 200_000));
        assert_eq!(Digest::from_hex(&Digest::of(b"abc").hex()), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn a_digest_has_one_spelling() {
        for other in [OF_ABC.to_uppercase(), OF_ABC.replace("ba", "BA"), OF_ABC[7..].to_owned(), format!("{OF_ABC}0")] {
            assert_eq!(other.parse::<Digest>(), Err(NotADigest), "{other}");
        }
        assert_eq!("sha256:".parse::<Digest>(), Err(NotADigest));
        assert_eq!(format!("sha256:{}", "é".repeat(32)).parse::<Digest>(), Err(NotADigest));
    }
}
