//! Records in the kernel's opaque fields: JSON with the version of its form.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// A record that can't be understood: the house's fault.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// Not what this host writes.
    #[error("a stored record is damaged")]
    Damaged(#[from] serde_json::Error),
    /// Written by another version of the host.
    #[error("a stored record has form {found}, this host knows form {known}")]
    OtherVersion {
        /// What it says.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// The record is whole, but what it holds is no longer accepted.
    #[error("a stored declaration is not accepted")]
    NotAccepted(#[source] Box<Problem>),
}

impl From<RecordFault> for Problem {
    fn from(fault: RecordFault) -> Problem {
        let code = match &fault {
            RecordFault::Damaged(_) => "ocap::record::damaged",
            RecordFault::OtherVersion { .. } => "ocap::record::other_version",
            RecordFault::NotAccepted(_) => "ocap::record::not_accepted",
        };
        let help = "run the version of the host that wrote this home, or restore the home from a backup";
        let problem = Problem::new(code, fault.to_string()).with_help(help);
        match std::error::Error::source(&fault) {
            Some(cause) => problem.because(cause),
            None => problem,
        }
    }
}

/// A record with the version of its form.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    record: T,
}

/// The bytes of a record: JSON with the version of its form.
pub(crate) fn to_versioned(version: u32, record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(&Versioned { version, record }).expect("a record is strings and numbers: it has a JSON form")
}

/// The reverse of [`to_versioned`].
pub(crate) fn from_versioned<T: serde::de::DeserializeOwned>(known: u32, bytes: &[u8]) -> Result<T, RecordFault> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    // The version first: another form need not fit this one's fields.
    let Version { version: found } = serde_json::from_slice(bytes)?;
    if found != known {
        return Err(RecordFault::OtherVersion { found, known });
    }
    let Versioned { record, .. } = serde_json::from_slice(bytes)?;
    Ok(record)
}
