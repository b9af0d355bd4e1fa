//! What is remembered of a vat's code: the kernel's opaque `Vat.code`.
//!
//! A stored component runs from its bytes in the content store, whatever becomes of its source; of the source only its size, its time
//! of change and its digest are remembered, so that a boot looks at a thousand sources without reading one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{BlobFault, Blobs, ComponentProblem, Digest, ReadFault, RecordFault, ResolvedPath, Seen, UserFiles};
use super::{from_versioned, to_versioned};

/// The version of the record's form. Another one is refused, never guessed at.
const VERSION: u32 = 1;

/// Where a vat's code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRecord {
    /// As the declaration has it: a path, or a digest.
    pub written: String,
    /// The absolute path it stood for: of the component, or of the bundle that held it. A digest stands for itself.
    pub resolved: String,
    /// Where it is read from at a start.
    pub source: CodeSource,
}

/// Where a vat's code is read from at a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeSource {
    /// From the content store.
    Stored {
        /// Of the component.
        sha256: Digest,
        /// Of the component, in bytes.
        size: u64,
        /// The file it was taken from as it was then; none for code that was named by its digest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// From its path, at each start (`link = true`).
    Linked,
}

/// The file that a stored component was taken from, as it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Of the whole file: of the bundle, if it was a bundle.
    pub sha256: Digest,
    /// Its size and time of change.
    pub seen: Seen,
}

impl CodeRecord {
    /// Of a component that was read from a file and put into the content store.
    pub fn stored(path: &ResolvedPath, bytes: &[u8], seen: Seen) -> CodeRecord {
        let sha256 = Digest::of(bytes);
        let origin = Some(Origin { sha256, seen });
        CodeRecord::of(path, CodeSource::Stored { sha256, size: bytes.len() as u64, origin })
    }

    /// Of a component that was read from a bundle and put into the content store.
    pub fn bundled(path: &ResolvedPath, sha256: Digest, size: u64, bundle: Origin) -> CodeRecord {
        CodeRecord::of(path, CodeSource::Stored { sha256, size, origin: Some(bundle) })
    }

    /// Of a component that is read from its path at each start.
    pub fn linked(path: &ResolvedPath) -> CodeRecord {
        CodeRecord::of(path, CodeSource::Linked)
    }

    /// Of a component that was in the content store already and was named by its digest.
    pub fn by_digest(sha256: Digest, size: u64) -> CodeRecord {
        let name = sha256.to_string();
        CodeRecord { written: name.clone(), resolved: name, source: CodeSource::Stored { sha256, size, origin: None } }
    }

    fn of(path: &ResolvedPath, source: CodeSource) -> CodeRecord {
        CodeRecord { written: path.written().to_owned(), resolved: path.to_string(), source }
    }

    /// The bytes for the kernel's `Vat.code`.
    pub fn to_record(&self) -> Vec<u8> {
        to_versioned(VERSION, self)
    }

    /// The reverse of [`CodeRecord::to_record`].
    ///
    /// # Errors
    /// If the bytes are damaged, or another version of the host wrote them.
    pub fn from_record(bytes: &[u8]) -> Result<CodeRecord, RecordFault> {
        from_versioned(VERSION, bytes)
    }

    /// Whether the component is there, as far as can be told without reading it: for a boot with a thousand vats. What is found here
    /// [`CodeRecord::load`] may still mend.
    ///
    /// # Errors
    /// If it is missing or has another size; if it is linked, also if its file can't be opened, is empty or too large.
    pub fn check(&self, blobs: &Blobs, files: &UserFiles) -> Result<(), ComponentProblem> {
        match &self.source {
            CodeSource::Linked => {
                let path = PathBuf::from(&self.resolved);
                match files.look(&path)?.size {
                    0 => Err(ComponentProblem::Empty { path }),
                    size if size > super::COMPONENT_BYTES_MAX => {
                        Err(ReadFault::TooLarge { path, max: super::COMPONENT_BYTES_MAX }.into())
                    }
                    _ => Ok(()),
                }
            }
            CodeSource::Stored { .. } => check_stored(self, blobs),
        }
    }

    /// The component's bytes: from its path if it is linked, else from the content store, verified. A blob that is lost or damaged is
    /// put back from the file it was taken from, if that still holds the same bytes.
    ///
    /// # Errors
    /// If they can't be had.
    pub fn load(&self, blobs: &Blobs, files: &UserFiles) -> Result<Vec<u8>, ComponentProblem> {
        let CodeSource::Stored { sha256, .. } = &self.source else {
            return super::read(&self.path(), files).map(|(bytes, _)| bytes);
        };
        let fault = match blobs.get(sha256) {
            Ok(bytes) => return Ok(bytes),
            Err(fault) => fault,
        };
        match files.read(Path::new(&self.resolved), super::COMPONENT_BYTES_MAX) {
            Ok((bytes, _)) if Digest::of(&bytes) == *sha256 => {
                // The bytes are right whether or not they can be kept; a store that can't be written is reported by who writes next.
                let _ = blobs.put(&bytes);
                Ok(bytes)
            }
            _ => Err(fault.into()),
        }
    }

    /// What should be known about the source of a stored component, which runs on from its stored bytes: that it is gone, or that it
    /// has changed.
    ///
    /// Compared by size and time of change; only if the time alone differs the file is read. So a change that keeps both is not
    /// noticed: nothing but this advice depends on it.
    pub fn advice(&self, files: &UserFiles) -> Option<ComponentProblem> {
        let CodeSource::Stored { origin: Some(origin), .. } = &self.source else { return None };
        let path = PathBuf::from(&self.resolved);
        let now = match files.look(&path) {
            Ok(now) => now,
            Err(fault) => return Some(ComponentProblem::SourceGone { fault }),
        };
        if now == origin.seen {
            return None;
        }
        let same_bytes = now.size == origin.seen.size
            && files.read(&path, now.size).is_ok_and(|(bytes, _)| Digest::of(&bytes) == origin.sha256);
        (!same_bytes).then_some(ComponentProblem::SourceChanged { path })
    }

    fn path(&self) -> ResolvedPath {
        ResolvedPath::known(&self.written, Path::new(&self.resolved))
    }
}

/// Whether the bytes of a stored component are there, as far as can be told without reading them.
fn check_stored(record: &CodeRecord, blobs: &Blobs) -> Result<(), ComponentProblem> {
    let CodeSource::Stored { sha256, size: expected, .. } = &record.source else { return Ok(()) };
    match blobs.size(sha256)? {
        None => Err(BlobFault::Missing { digest: *sha256 }.into()),
        Some(size) if size != *expected => {
            Err(ComponentProblem::WrongSize { digest: *sha256, size, expected: *expected })
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{read, resolve};
    use crate::problem::Problem;
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use std::time::{Duration, SystemTime};

    struct House {
        directory: tempfile::TempDir,
        blobs: Blobs,
        files: UserFiles,
    }

    impl House {
        fn new() -> House {
            let directory = tempfile::tempdir().expect("a directory");
            std::fs::create_dir(directory.path().join("blobs")).expect("made");
            let store = Dir::open_ambient_dir(directory.path().join("blobs"), ambient_authority()).expect("opened");
            House { blobs: Blobs::new(store).expect("a store"), files: UserFiles::ambient(), directory }
        }

        fn source(&self) -> PathBuf {
            self.directory.path().join("a.wasm")
        }

        fn write(&self, bytes: &[u8]) {
            std::fs::write(self.source(), bytes).expect("written");
        }

        /// Stores the component that is at its source.
        fn launch(&self) -> CodeRecord {
            let path = resolve(self.directory.path(), "a.wasm");
            let (bytes, seen) = read(&path, &self.files).expect("read");
            self.blobs.put(&bytes).expect("kept");
            CodeRecord::stored(&path, &bytes, seen)
        }

        fn linked(&self) -> CodeRecord {
            CodeRecord::linked(&resolve(self.directory.path(), "a.wasm"))
        }

        fn blob(&self, record: &CodeRecord) -> PathBuf {
            let CodeSource::Stored { sha256, .. } = &record.source else { panic!("linked") };
            self.directory.path().join("blobs").join(sha256.hex())
        }

        fn load(&self, record: &CodeRecord) -> Result<Vec<u8>, ComponentProblem> {
            record.load(&self.blobs, &self.files)
        }

        fn advice(&self, record: &CodeRecord) -> Option<&'static str> {
            record.advice(&self.files).map(|advice| advice.code())
        }
    }

    fn code<T>(result: Result<T, ComponentProblem>) -> &'static str {
        result.err().map_or("none", |problem| problem.code())
    }

    #[test]
    fn a_record_survives_its_bytes_and_another_form_is_refused() {
        let house = House::new();
        house.write(b"code");
        for record in [house.launch(), house.linked(), CodeRecord::by_digest(Digest::of(b"code"), 4)] {
            assert_eq!(CodeRecord::from_record(&record.to_record()).expect("read back"), record);
        }
        let fault = CodeRecord::from_record(br#"{"version":2,"code":"elsewhere"}"#).expect_err("another form");
        assert_eq!(Problem::from(fault).code, "ocap::record::other_version");
        let fault = CodeRecord::from_record(b"{\"version\":1").expect_err("damaged");
        assert_eq!(Problem::from(fault).code, "ocap::record::damaged");
    }

    #[test]
    fn the_written_form_of_a_record_does_not_change_by_accident() {
        let record = CodeRecord::linked(&resolve(Path::new("/vats"), "a.wasm"));
        let text = r#"{"version":1,"written":"a.wasm","resolved":"/vats/a.wasm","source":"linked"}"#;
        assert_eq!(String::from_utf8(record.to_record()).expect("text"), text);
    }

    #[test]
    fn a_stored_component_runs_on_when_its_source_is_gone_and_says_so_as_advice() {
        let house = House::new();
        house.write(b"code");
        let record = house.launch();
        assert_eq!(house.advice(&record), None);
        std::fs::remove_file(house.source()).expect("removed");
        assert_eq!(house.load(&record).expect("loaded"), b"code");
        record.check(&house.blobs, &house.files).expect("there");
        assert_eq!(house.advice(&record), Some("ocap::component::source_gone"));
    }

    #[test]
    fn a_changed_source_is_noticed_and_a_touched_one_is_not_called_changed() {
        let house = House::new();
        house.write(b"code");
        let record = house.launch();
        let later = SystemTime::now() + Duration::from_secs(60);
        let touch = || std::fs::File::options().write(true).open(house.source()).expect("opened").set_modified(later);
        touch().expect("touched");
        assert_eq!(house.advice(&record), None);
        house.write(b"c0de");
        touch().expect("touched");
        assert_eq!(house.advice(&record), Some("ocap::component::source_changed"));
        assert_eq!(house.load(&record).expect("loaded"), b"code");
    }

    #[test]
    fn a_linked_component_is_read_anew_each_time_and_missing_when_it_is_missing() {
        let house = House::new();
        let record = house.linked();
        assert_eq!(code(house.load(&record)), "ocap::component::missing");
        assert_eq!(code(record.check(&house.blobs, &house.files)), "ocap::component::missing");
        house.write(b"");
        assert_eq!(code(house.load(&record)), "ocap::component::empty");
        assert_eq!(code(record.check(&house.blobs, &house.files)), "ocap::component::empty");
        house.write(b"new");
        assert_eq!(house.load(&record).expect("loaded"), b"new");
        record.check(&house.blobs, &house.files).expect("there");
    }

    #[test]
    fn a_component_of_more_than_64_mib_is_refused_before_it_is_read() {
        let house = House::new();
        let file = std::fs::File::create(house.source()).expect("made");
        file.set_len(crate::component::COMPONENT_BYTES_MAX + 1).expect("grown");
        assert_eq!(code(house.load(&house.linked())), "ocap::component::too_large");
        assert_eq!(code(house.linked().check(&house.blobs, &house.files)), "ocap::component::too_large");
    }

    #[test]
    fn a_lost_blob_is_not_stored_until_the_source_with_the_same_bytes_is_back() {
        let house = House::new();
        house.write(b"code");
        let record = house.launch();
        std::fs::remove_file(house.blob(&record)).expect("removed");
        house.write(b"c0de");
        assert_eq!(code(record.check(&house.blobs, &house.files)), "ocap::component::not_stored");
        assert_eq!(code(house.load(&record)), "ocap::component::not_stored");
        house.write(b"code");
        assert_eq!(house.load(&record).expect("mended"), b"code");
        record.check(&house.blobs, &house.files).expect("kept again");
    }

    #[test]
    fn a_damaged_blob_is_a_digest_mismatch_and_never_runs() {
        let house = House::new();
        house.write(b"code");
        let record = house.launch();
        std::fs::remove_file(house.source()).expect("removed");
        std::fs::remove_file(house.blob(&record)).expect("removed");
        std::fs::write(house.blob(&record), b"cod").expect("written");
        assert_eq!(code(record.check(&house.blobs, &house.files)), "ocap::component::digest_mismatch");
        std::fs::remove_file(house.blob(&record)).expect("removed");
        std::fs::write(house.blob(&record), b"c0de").expect("written");
        assert_eq!(code(house.load(&record)), "ocap::component::digest_mismatch");
    }
}
