//! A declaration as it is remembered: the kernel's opaque `Subcluster.declaration`.
//!
//! The text is kept as it was written and read anew at each boot, so that a diagnostic can still point into it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Declaration;
use crate::component::{RecordFault, from_versioned, to_versioned};
use crate::problem::Problem;

/// The version of the record's form.
const VERSION: u32 = 1;

/// A declaration that was launched, and where it was found.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The declaration.
    pub declaration: Declaration,
    /// The absolute directory of its file, or of its bundle.
    pub directory: PathBuf,
    /// Who launched it.
    pub standing: Standing,
}

/// Who launched a subcluster, which decides what it may use and who may end it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Whoever may talk to the host.
    #[default]
    User,
    /// The operator, by `[system.NAME]` in `host.toml`.
    System,
}

#[derive(Serialize, Deserialize)]
struct Row {
    file: String,
    directory: String,
    text: String,
    /// Records of before there were system subclusters do not say it.
    #[serde(default)]
    standing: Standing,
}

impl Declaration {
    /// The bytes for the kernel's `Subcluster.declaration`.
    ///
    /// # Errors
    /// If the directory's path is not Unicode.
    pub fn to_record(&self, directory: &Path, standing: Standing) -> Result<Vec<u8>, Problem> {
        let Some(directory) = directory.to_str() else {
            let message = format!("the path {} is not Unicode", directory.display());
            let help = "move the declaration to a directory whose name is valid UTF-8";
            return Err(Problem::new("ocap::declaration::path_not_unicode", message).with_help(help));
        };
        let (file, directory, text) = (self.file().to_owned(), directory.to_owned(), self.text().to_owned());
        let row = Row { file, directory, text, standing };
        Ok(to_versioned(VERSION, &row))
    }

    /// The reverse of [`Declaration::to_record`].
    ///
    /// # Errors
    /// If the bytes are damaged, another version of the host wrote them, or the declaration is no longer accepted.
    pub fn from_record(bytes: &[u8]) -> Result<Recorded, RecordFault> {
        let Row { file, directory, text, standing } = from_versioned(VERSION, bytes)?;
        let declaration =
            Declaration::parse(&text, &file).map_err(|problem| RecordFault::NotAccepted(Box::new(problem)))?;
        Ok(Recorded { declaration, directory: PathBuf::from(directory), standing })
    }
}
