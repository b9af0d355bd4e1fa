//! The tar archive: members by name, in one form.
//!
//! The tar crate finds the entries; each header must then be, bit for bit, the one that [`write`] would have made, and what lies between
//! the entries must be zero. So of the format's many ways to say a thing, and of its extensions, nothing is ever interpreted.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use tar::{Archive, Builder, EntryType, Header};

use super::fault::{BundleFault, WASM};
use super::{BUNDLE_BYTES_MAX, ENTRIES_MAX, layout};
use crate::component::Digest;
use crate::problem::printable;

/// Tar's unit: headers have one, contents are padded to it.
const BLOCK: usize = 512;
/// The end of an archive: two blocks of zeros.
const END: usize = 2 * BLOCK;

/// Whether these bytes begin like an archive, or at least not like a text.
pub(super) fn is_not_text(bytes: &[u8]) -> bool {
    has_magic(bytes) || bytes[..bytes.len().min(BLOCK)].contains(&0)
}

/// The archive of these members.
///
/// # Errors
/// None that a write into memory could have; a name over 100 bytes would be one.
pub(super) fn write(members: &BTreeMap<String, &[u8]>) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (name, bytes) in members {
        builder.append(&header(name, bytes.len() as u64)?, *bytes)?;
    }
    builder.into_inner()
}

/// The only header that a member of this name and size can have: the same on every machine, at any time, for anybody.
fn header(name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// The members of an archive, as places in `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Range<usize>>, BundleFault> {
    let size = bytes.len() as u64;
    if size > BUNDLE_BYTES_MAX {
        return Err(BundleFault::TooLarge { size });
    }
    if !has_magic(bytes) {
        let found = if bytes.starts_with(b"\0asm") { WASM } else { "something else" };
        return Err(BundleFault::NotABundle { found });
    }
    let mut members = BTreeMap::new();
    let mut end = 0;
    let mut archive = Archive::new(bytes);
    // Raw: the crate is not to follow any of the format's extensions.
    for entry in archive.entries().map_err(|error| damaged(bytes, end, &error))?.raw(true) {
        let entry = entry.map_err(|error| damaged(bytes, end, &error))?;
        if members.len() == ENTRIES_MAX {
            return Err(BundleFault::TooManyEntries);
        }
        let name = checked_name(entry.header(), &members)?;
        let range = content(entry.size(), end, size)?;
        let canonical = header(&name, entry.size()).map_err(|error| damaged(bytes, end, &error))?;
        if entry.header().as_bytes() != canonical.as_bytes() {
            let reason = format!("the header of `{name}` is not as this host writes it");
            return Err(BundleFault::Damaged { position: end as u64, reason });
        }
        end = range.end.next_multiple_of(BLOCK);
        let Some(padding) = bytes.get(range.end..end) else { return Err(BundleFault::Truncated { size }) };
        all_zero(padding, range.end)?;
        members.insert(name, range);
    }
    check_end(bytes, end)?;
    Ok(members)
}

/// Whether these bytes begin like an archive.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// The entry's name, if it is a regular file that a bundle can have and comes after all before it.
fn checked_name(header: &Header, before: &BTreeMap<String, Range<usize>>) -> Result<String, BundleFault> {
    let path = header.path_bytes();
    let shown = || printable(&String::from_utf8_lossy(&path));
    let kind = header.entry_type();
    if kind != EntryType::Regular {
        return Err(BundleFault::NotARegularFile {
            name: shown(),
            kind: printable(&char::from(kind.as_byte()).to_string()),
        });
    }
    let name = match std::str::from_utf8(&path) {
        Ok(name) if is_allowed(name) => name.to_owned(),
        Ok(_) | Err(_) => return Err(BundleFault::ForeignName { name: shown() }),
    };
    if before.contains_key(&name) {
        return Err(BundleFault::Duplicate { name });
    }
    if before.last_key_value().is_some_and(|(last, _)| *last > name) {
        return Err(BundleFault::OutOfOrder { name });
    }
    Ok(name)
}

fn is_allowed(name: &str) -> bool {
    let is_blob = || name.strip_prefix(layout::BLOBS).is_some_and(|hex| Digest::from_hex(hex).is_ok());
    name == layout::MARKER || name == layout::INDEX || is_blob()
}

/// The place of the content of an entry whose header begins at `header_at`.
fn content(declared: u64, header_at: usize, file_size: u64) -> Result<Range<usize>, BundleFault> {
    let start = header_at + BLOCK;
    // A declared size beyond the end of the file is never used to allocate or to skip.
    let length =
        usize::try_from(declared).ok().filter(|length| *length as u64 <= file_size.saturating_sub(start as u64));
    length.map(|length| start..start + length).ok_or(BundleFault::Truncated { size: file_size })
}

fn all_zero(gap: &[u8], position: usize) -> Result<(), BundleFault> {
    if gap.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    Err(BundleFault::Damaged { position: position as u64, reason: "a gap holds something".to_owned() })
}

/// Whether the archive ends as it should and the file with it.
fn check_end(bytes: &[u8], end: usize) -> Result<(), BundleFault> {
    let rest = &bytes[end.min(bytes.len())..];
    match rest.split_at_checked(END) {
        None => Err(BundleFault::Truncated { size: bytes.len() as u64 }),
        Some((zeros, beyond)) => {
            all_zero(zeros, end)?;
            let count = beyond.len() as u64;
            if count == 0 { Ok(()) } else { Err(BundleFault::Trailing { count }) }
        }
    }
}

/// What the crate's refusal of the entry at `position` means.
fn damaged(bytes: &[u8], position: usize, error: &io::Error) -> BundleFault {
    if bytes.len().saturating_sub(position) < BLOCK {
        return BundleFault::Truncated { size: bytes.len() as u64 };
    }
    BundleFault::Damaged { position: position as u64, reason: printable(&error.to_string()) }
}
