//! Compiled code, kept on disk between runs.
//!
//! Loading compiled code means running it, so a file counts for nothing until its tag is right: HMAC-SHA256 under a key
//! of this home, over the file's own name and the code. What was checked is what is loaded: the bytes in memory, not
//! the file again. A file that is missing, old, cut short or changed is a miss; losing the whole directory costs time
//! only (design section 6).

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The most bytes of a file that is read at all.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Bytes of the tag, which comes first in the file.
const TAG_BYTES: usize = 32;
/// Says what is authenticated, so that the key can serve for nothing else by accident.
const PURPOSE: &[u8] = b"ocap-host compiled component 1\0";

/// A directory for compiled code and the key that tells its files from others.
pub struct CodeCache {
    /// Nobody but the host may write to it; the key is for the case that somebody did.
    pub dir: Dir,
    /// Secret, and the same for as long as the home lives. A new one makes every file a miss.
    pub key: [u8; 32],
}

impl CodeCache {
    /// The code that was stored under a name, if it is exactly what this home stored.
    pub(crate) fn load(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.dir.open(name).ok()?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let (tag, code) = bytes.split_at_checked(TAG_BYTES)?;
        self.mac(name, code).verify_slice(tag).ok()?;
        bytes.drain(..TAG_BYTES);
        Some(bytes)
    }

    /// Whether a file is exactly what this home stored under its name.
    pub fn is_whole(&self, name: &str) -> bool {
        self.load(name).is_some()
    }

    /// Stores code under a name; a reader sees all of it or nothing.
    pub(crate) fn store(&self, name: &str, code: &[u8]) -> io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let unfinished = format!("{name}.{}.tmp", WRITES.fetch_add(1, Ordering::Relaxed));
        let written = self.write(&unfinished, &self.mac(name, code).finalize().into_bytes(), code);
        let written = written.and_then(|()| self.dir.rename(&unfinished, &self.dir, name));
        if written.is_err() {
            // The error that is told is the first one; a left-over is overwritten by a later run.
            let _ = self.dir.remove_file(&unfinished);
        }
        written
    }

    fn write(&self, name: &str, tag: &[u8], code: &[u8]) -> io::Result<()> {
        // Not synced: a file that a power cut leaves half-written has a wrong tag.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = self.dir.open_with(name, &options)?;
        file.write_all(tag)?;
        file.write_all(code)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length of key will do");
        mac.update(PURPOSE);
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }
}

/// How the name of a finished file ends.
pub(crate) const SUFFIX: &str = ".code";

/// A component's SHA-256, in hexadecimal.
pub(crate) fn digest_of(component: &[u8]) -> String {
    hex(&Sha256::digest(component))
}

/// The name of a component's compiled code: its own digest, and that of everything in the engine that compiled code
/// depends on.
pub(crate) fn file_name(engine: &wasmtime::Engine, digest: &str) -> String {
    let mut settings = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    let settings = hex(&settings.0.finalize()[..16]);
    format!("{settings}-{digest}{SUFFIX}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// Lets SHA-256 stand where the standard library wants a 64-bit hash: the standard one may change with the compiler and
/// is too short.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("8 bytes"))
    }
}
