//! Markers: which delivery each worker is at, kept where a process that dies can't take it along (kernel-rules D).
//!
//! A delivery that kills the process leaves nothing in the store: its crank was never finished. So each worker writes a record of it into
//! a small file of the home right before the vat runs, and wipes it out after. The records need not survive a power cut, which no vat can
//! cause, so nothing is synced: a record costs about a microsecond. What is read back is believed only as far as its checksum goes, and
//! nothing that is wrong with the file ever stops a host.

use std::io;
use std::sync::Arc;

use cap_std::fs::{Dir, File, FileExt, OpenOptions, OpenOptionsExt};
use ocap_kernel::{Company, Marker, MessageId, VatId};

/// The file in the home.
pub const FILE: &str = "markers";

/// One record for each worker, one after the other; none crosses a page, so none is ever half written when the process dies.
const RECORD: usize = 64;

/// Says that these bytes are a marker, of this form.
const MAGIC: &[u8; 8] = b"ocapmrk1";

/// More workers than any host has. What lies behind is not looked at.
const RECORDS_MAX: usize = 4_096;

/// What the last process left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// What was under way when it died.
    pub markers: Vec<Marker>,
    /// How many records are neither a marker nor wiped out: somebody else's.
    pub foreign: usize,
}

/// What the last process left in the home. For the holder of the lock, before it makes its own [`Markers`].
///
/// # Errors
/// If there is a file that can't be read.
pub fn read(home: &Dir) -> io::Result<Left> {
    let file = match home.open(FILE) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Left::default()),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(RECORDS_MAX * RECORD)];
    file.read_exact_at(&mut bytes, 0)?;
    let mut left = Left::default();
    for record in bytes.chunks(RECORD).filter(|record| record.iter().any(|byte| *byte != 0)) {
        match decode(record) {
            Some(marker) => left.markers.push(marker),
            None => left.foreign += 1,
        }
    }
    Ok(left)
}

/// This boot's markers: one for each worker.
#[derive(Debug)]
pub struct Markers {
    file: Option<Arc<File>>,
    boot: u64,
}

impl Markers {
    /// Begins anew, with nothing under way. What the last process left is gone from here on, so it must be durable elsewhere.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn begin(home: &Dir, boot: u64, workers: usize) -> io::Result<Markers> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = home.open_with(FILE, &options)?;
        // Written, not only extended: later there may be no room on the disk.
        file.write_all_at(&vec![0; workers * RECORD], 0)?;
        Ok(Markers { file: Some(Arc::new(file)), boot })
    }

    /// None at all: for hosts without a home, and for those whose home does not take them.
    pub const fn none() -> Markers {
        Markers { file: None, boot: 0 }
    }

    /// The place of one worker.
    pub(super) fn of_worker(&self, worker: usize) -> Place {
        Place { file: self.file.clone(), offset: (worker * RECORD) as u64, boot: self.boot }
    }
}

/// Where one worker keeps its marker.
#[derive(Debug)]
pub(super) struct Place {
    file: Option<Arc<File>>,
    offset: u64,
    boot: u64,
}

impl Place {
    /// From now on this delivery is under way.
    pub(super) fn mark(&self, vat: VatId, message: Option<MessageId>, company: Company) {
        self.write(&encode(&Marker { boot: self.boot, vat, message, company }));
    }

    /// It is over.
    pub(super) fn wipe(&self) {
        self.write(&[0; RECORD]);
    }

    /// A marker that can't be written is one that is missed only if the process dies now.
    fn write(&self, record: &[u8; RECORD]) {
        if let Some(file) = &self.file
            && let Err(error) = file.write_all_at(record, self.offset)
        {
            tracing::warn!("the marker of a delivery can't be written: {error}");
        }
    }
}

fn encode(marker: &Marker) -> [u8; RECORD] {
    let company = match marker.company {
        Company::Alone => 1_u64,
        Company::Among => 2,
    };
    // A message's number is never 0: numbers begin at 1.
    let words = [marker.boot, marker.vat.0, marker.message.map_or(0, |message| message.0), company];
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(MAGIC);
    for (index, word) in words.iter().enumerate() {
        record[8 + 8 * index..][..8].copy_from_slice(&word.to_le_bytes());
    }
    let sum = checksum(&record[..40]);
    record[40..48].copy_from_slice(&sum.to_le_bytes());
    record
}

/// `None` for whatever [`encode`] would not have made.
fn decode(record: &[u8]) -> Option<Marker> {
    let word = |index: usize| Some(u64::from_le_bytes(record.get(8 * index..8 * index + 8)?.try_into().ok()?));
    let company = match word(4)? {
        1 => Company::Alone,
        2 => Company::Among,
        _ => return None,
    };
    let message = Some(word(3)?).filter(|number| *number != 0).map(MessageId);
    let marker = Marker { boot: word(1)?, vat: VatId(word(2)?), message, company };
    (encode(&marker) == record).then_some(marker)
}

/// FNV-1a: enough to tell a record from bytes that came there by accident. Whoever may write to the home needs no forgery.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    fn home() -> (tempfile::TempDir, Dir) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open_ambient_dir(root.path(), ambient_authority()).expect("it is there");
        (root, dir)
    }

    fn marker(boot: u64, vat: u64, message: Option<u64>, company: Company) -> Marker {
        Marker { boot, vat: VatId(vat), message: message.map(MessageId), company }
    }

    #[test]
    fn what_is_under_way_is_found_by_the_next_process_and_what_is_over_is_not() {
        let (_root, home) = home();
        assert_eq!(read(&home).expect("no file is no error"), Left::default());
        let markers = Markers::begin(&home, 7, 3).expect("the home is writable");
        assert_eq!(read(&home).expect("a file"), Left::default());
        let places = [0, 1, 2].map(|worker| markers.of_worker(worker));
        places[0].mark(VatId(3), Some(MessageId(u64::MAX)), Company::Among);
        places[1].mark(VatId(4), Some(MessageId(5)), Company::Among);
        places[2].mark(VatId(u64::MAX), None, Company::Alone);
        places[1].wipe();
        let under_way = vec![marker(7, 3, Some(u64::MAX), Company::Among), marker(7, u64::MAX, None, Company::Alone)];
        assert_eq!(read(&home).expect("a file"), Left { markers: under_way, foreign: 0 });
        drop((places, markers));
        Markers::begin(&home, 8, 2).expect("the home is writable");
        assert_eq!(read(&home).expect("a file"), Left::default());
    }

    #[test]
    fn a_record_that_was_changed_in_any_bit_is_no_marker() {
        let (_root, home) = home();
        let record = encode(&marker(1, 2, Some(3), Company::Among));
        assert_eq!(decode(&record), Some(marker(1, 2, Some(3), Company::Among)));
        for bit in 0..RECORD * 8 {
            let mut damaged = record;
            damaged[bit / 8] ^= 1 << (bit % 8);
            home.write(FILE, damaged).expect("the home is writable");
            assert_eq!(read(&home).expect("a file"), Left { markers: vec![], foreign: 1 }, "bit {bit}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_read_and_not_believed() {
        let (_root, home) = home();
        let good = encode(&marker(1, 2, None, Company::Alone));
        for (content, markers, foreign) in [
            (b"hello".to_vec(), 0, 1),
            ([&good[..], &good[..20]].concat(), 1, 1),
            (vec![0xff; RECORDS_MAX * RECORD + 1], 0, RECORDS_MAX),
            (vec![0; 100_000], 0, 0),
            (vec![], 0, 0),
        ] {
            home.write(FILE, &content).expect("the home is writable");
            let left = read(&home).expect("a file");
            assert_eq!((left.markers.len(), left.foreign), (markers, foreign), "{} bytes", content.len());
        }
        home.remove_file(FILE).expect("it is there");
        home.create_dir(FILE).expect("the home is writable");
        assert!(read(&home).is_err(), "not a file at all");
        assert!(Markers::begin(&home, 1, 1).is_err());
    }
}
