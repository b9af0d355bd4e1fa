//! The content store: bytes by their SHA-256, in one directory of the home.
//!
//! A blob is written once, as a whole, and never changed; what is read is verified over the very bytes that are returned. One process
//! writes at a time, the one that holds the lock of the home.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::Digest;

/// The largest component, and so the largest blob: 64 MiB.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// What the name of an unfinished blob begins with.
const UNFINISHED: &str = "unfinished-";

/// The content store of a home. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    directory: Arc<Dir>,
    next_unfinished: Arc<AtomicU64>,
}

/// Why bytes can't be kept, or can't be had again.
#[derive(Debug, thiserror::Error)]
pub enum BlobFault {
    /// The store has none of this digest.
    #[error("the content store has no {digest}")]
    Missing {
        /// What was asked for.
        digest: Digest,
    },
    /// The file of this digest holds other bytes.
    #[error("the content store's file for {digest} has {size} bytes whose digest is {actual}")]
    Altered {
        /// What was asked for.
        digest: Digest,
        /// What is there.
        actual: Digest,
        /// How many bytes are there.
        size: u64,
    },
    /// Over [`COMPONENT_BYTES_MAX`].
    #[error("a blob has at most {COMPONENT_BYTES_MAX} bytes, this one has {size}")]
    TooLarge {
        /// In bytes.
        size: u64,
    },
    /// The directory or the file can't be read or written: the house's fault.
    #[error("the content store can not be used")]
    House(#[from] io::Error),
}

impl Blobs {
    /// The content store in a directory, without what an earlier process left unfinished there.
    ///
    /// # Errors
    /// If the directory can't be read or written.
    pub fn new(directory: Dir) -> io::Result<Blobs> {
        for entry in directory.entries()? {
            let name = entry?.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(UNFINISHED)) {
                directory.remove_file(&name)?;
            }
        }
        Ok(Blobs { directory: Arc::new(directory), next_unfinished: Arc::default() })
    }

    /// The content store in a directory, of which nothing is changed.
    pub fn as_it_is(directory: Dir) -> Blobs {
        Blobs { directory: Arc::new(directory), next_unfinished: Arc::default() }
    }

    /// Keeps these bytes. When it returns they survive a loss of power. A blob that was damaged is whole again afterwards.
    ///
    /// # Errors
    /// If they are too many, or the directory is full or can't be written; no blob is changed then.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobFault> {
        let size = bytes.len() as u64;
        if size > COMPONENT_BYTES_MAX {
            return Err(BlobFault::TooLarge { size });
        }
        let digest = Digest::of(bytes);
        if self.get(&digest).is_ok() {
            return Ok(digest);
        }
        let unfinished = format!("{UNFINISHED}{}", self.next_unfinished.fetch_add(1, Ordering::Relaxed));
        let written = self.write(&unfinished, &digest.hex(), bytes);
        if written.is_err() {
            // Best effort: the next start removes it otherwise.
            let _ = self.directory.remove_file(&unfinished);
        }
        written.map(|()| digest).map_err(BlobFault::House)
    }

    /// The bytes of this digest, verified.
    ///
    /// # Errors
    /// If there are none, they are not these, or they can't be read.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobFault> {
        let size = self.size(digest)?.ok_or(BlobFault::Missing { digest: *digest })?;
        if size > COMPONENT_BYTES_MAX {
            return Err(BlobFault::TooLarge { size });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        self.directory.open(digest.hex())?.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        let size = bytes.len() as u64;
        if size > COMPONENT_BYTES_MAX {
            return Err(BlobFault::TooLarge { size });
        }
        match Digest::of(&bytes) {
            actual if actual == *digest => Ok(bytes),
            actual => Err(BlobFault::Altered { digest: *digest, actual, size }),
        }
    }

    /// Whether there is a blob of this digest. Its bytes are not looked at.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn has(&self, digest: &Digest) -> Result<bool, BlobFault> {
        Ok(self.size(digest)?.is_some())
    }

    /// The size in bytes of the blob of this digest, if there is one. Its bytes are not looked at.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobFault> {
        match self.directory.symlink_metadata(digest.hex()) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Err(BlobFault::House(io::Error::other(format!("the place of {digest} is not a file")))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobFault::House(error)),
        }
    }

    /// All blobs with their sizes in bytes, by digest. Whatever else lies in the directory is not told.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn list(&self) -> io::Result<Vec<(Digest, u64)>> {
        let mut blobs = Vec::new();
        for entry in self.directory.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| Digest::from_hex(name).ok());
            if let Some(digest) = digest
                && let metadata = entry.metadata()?
                && metadata.is_file()
            {
                blobs.push((digest, metadata.len()));
            }
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// Forgets a blob; that it is gone is durable after [`Blobs::sync`]. One that is not there is no fault.
    ///
    /// # Errors
    /// If it can't be removed.
    pub fn remove(&self, digest: &Digest) -> io::Result<()> {
        match self.directory.remove_file(digest.hex()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Makes removals durable.
    ///
    /// # Errors
    /// If the disk does not take them.
    pub fn sync(&self) -> io::Result<()> {
        self.directory.open(".")?.sync_all()
    }

    fn write(&self, unfinished: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        // Read-only from its first moment: nothing but a rename ever puts other bytes at a blob's name.
        options.write(true).create_new(true).mode(0o400);
        let mut file = self.directory.open_with(unfinished, &options)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.directory.rename(unfinished, &self.directory, name)?;
        self.directory.open(".")?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::os::unix::fs::PermissionsExt;

    fn store() -> (tempfile::TempDir, Blobs) {
        let home = tempfile::tempdir().expect("a directory");
        let directory = Dir::open_ambient_dir(home.path(), ambient_authority()).expect("opened");
        (home, Blobs::new(directory).expect("a store"))
    }

    fn damage(home: &tempfile::TempDir, digest: &Digest, bytes: &[u8]) {
        let path = home.path().join(digest.hex());
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(path, bytes).expect("written");
    }

    #[test]
    fn what_was_put_is_got_and_putting_it_twice_keeps_one_read_only_file() {
        let (home, blobs) = store();
        let digest = blobs.put(b"component").expect("kept");
        assert_eq!(blobs.put(b"component").expect("kept"), digest);
        assert_eq!(blobs.get(&digest).expect("had"), b"component");
        assert!(blobs.has(&digest).expect("looked"));
        let files: Vec<_> = std::fs::read_dir(home.path()).expect("listed").flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().expect("looked").permissions().mode() & 0o777, 0o400);
    }

    #[test]
    fn an_unknown_digest_is_missing_and_said_so() {
        let (_home, blobs) = store();
        let digest = Digest::of(b"never put");
        assert!(!blobs.has(&digest).expect("looked"));
        let fault = blobs.get(&digest).expect_err("missing").to_string();
        assert_eq!(fault, format!("the content store has no {digest}"));
    }

    #[test]
    fn an_altered_blob_is_never_returned_and_putting_the_bytes_again_mends_it() {
        let (home, blobs) = store();
        let digest = blobs.put(b"component").expect("kept");
        damage(&home, &digest, b"c0mponent");
        let fault = blobs.get(&digest).expect_err("altered");
        assert!(matches!(fault, BlobFault::Altered { actual, size: 9, .. } if actual == Digest::of(b"c0mponent")));
        blobs.put(b"component").expect("kept");
        assert_eq!(blobs.get(&digest).expect("had"), b"component");
    }

    #[test]
    fn a_truncated_blob_is_never_returned() {
        let (home, blobs) = store();
        let digest = blobs.put(b"component").expect("kept");
        damage(&home, &digest, b"compo");
        assert!(matches!(blobs.get(&digest), Err(BlobFault::Altered { size: 5, .. })));
    }

    #[test]
    fn what_a_dead_process_left_unfinished_goes_and_blobs_stay() {
        let (home, blobs) = store();
        let digest = blobs.put(b"component").expect("kept");
        std::fs::write(home.path().join("unfinished-0"), "compo").expect("written");
        drop(blobs);
        let directory = Dir::open_ambient_dir(home.path(), ambient_authority()).expect("opened");
        let blobs = Blobs::new(directory).expect("a store");
        assert!(blobs.has(&digest).expect("looked"));
        assert!(!home.path().join("unfinished-0").exists());
    }

    #[test]
    fn only_blobs_are_listed_and_a_removed_one_is_missing() {
        let (home, blobs) = store();
        let (one, two) = (blobs.put(b"one").expect("kept"), blobs.put(b"three").expect("kept"));
        std::fs::write(home.path().join("unfinished-9"), "x").expect("written");
        std::fs::write(home.path().join("notes.txt"), "x").expect("written");
        let mut expected = vec![(one, 3), (two, 5)];
        expected.sort_unstable();
        assert_eq!(blobs.list().expect("listed"), expected);
        blobs.remove(&one).and_then(|()| blobs.remove(&one)).and_then(|()| blobs.sync()).expect("removed");
        assert!(matches!(blobs.get(&one), Err(BlobFault::Missing { .. })));
        assert_eq!(blobs.get(&two).expect("had"), b"three");
        assert!(home.path().join("notes.txt").exists());
    }

    #[test]
    fn something_else_in_a_blobs_place_is_the_houses_fault() {
        let (home, blobs) = store();
        let digest = Digest::of(b"component");
        std::fs::create_dir(home.path().join(digest.hex())).expect("made");
        assert!(matches!(blobs.get(&digest), Err(BlobFault::House(_))));
    }
}
