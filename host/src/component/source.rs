//! Files that a person named: on the command line or in a declaration.
//!
//! The one place beside `powers` with ambient authority. A person may name any path that they can reach themselves, so there is no
//! directory to confine them to; what a *vat* may reach is never opened here. Nothing is opened but regular files, so that a
//! declaration which names a pipe or a device can't make the host wait.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The right to open files that a person named.
#[derive(Debug, Clone)]
pub struct UserFiles {
    _by_construction: (),
}

/// A file's size and time of change, by which a later change is noticed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In bytes.
    pub size: u64,
    /// Seconds since 1970 of the last change of its content.
    pub modified_s: i64,
    /// Nanoseconds beyond that second.
    pub modified_ns: i64,
}

/// Why a file that a person named can't be read. Its path is absolute.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// There is none.
    #[error("there is no file {}: {absence}", path.display())]
    Missing {
        /// What was tried.
        path: PathBuf,
        /// How much of the path exists.
        absence: Absence,
    },
    /// There is one that may not or can't be read.
    #[error("{} can not be read", path.display())]
    Unreadable {
        /// What was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory, a pipe, a device, a socket.
    #[error("{} is {kind}, not a file", path.display())]
    NotAFile {
        /// What was tried.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// Over the limit.
    #[error("{} is larger than {max} bytes", path.display())]
    TooLarge {
        /// What was tried.
        path: PathBuf,
        /// In bytes.
        max: u64,
    },
}

/// How much of a missing file's path exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// Its directory does.
    FileAlone,
    /// This directory does, the next does not.
    After(PathBuf),
    /// This is a file where the path needs a directory.
    Blocked(PathBuf),
    /// It is a symbolic link that leads nowhere.
    DanglingLink,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::FileAlone => f.write_str("its directory exists, the file does not"),
            Absence::After(ancestor) => write!(f, "the path exists as far as {}", ancestor.display()),
            Absence::Blocked(file) => write!(f, "{} is not a directory", file.display()),
            Absence::DanglingLink => f.write_str("it is a symbolic link that leads nowhere"),
        }
    }
}

/// Why a file could not be written; nothing is there then but what was before.
#[derive(Debug, thiserror::Error)]
#[error("{} can not be written", path.display())]
pub struct WriteFault {
    /// What was to be written.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl UserFiles {
    /// For `main`, and for tests: nobody else may make one.
    pub fn ambient() -> UserFiles {
        UserFiles { _by_construction: () }
    }

    /// The absolute form of a path on the command line, without looking at any file.
    ///
    /// # Errors
    /// If the path is empty, or the working directory is gone.
    pub fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }

    /// Reads a whole regular file of at most `max` bytes.
    ///
    /// # Errors
    /// If there is none, it can't be read, it is no regular file, or it is larger.
    pub fn read(&self, path: &Path, max: u64) -> Result<(Vec<u8>, Seen), ReadFault> {
        let (file, metadata) = open(path)?;
        let too_large = || ReadFault::TooLarge { path: path.to_owned(), max };
        if metadata.size() > max {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.size()).unwrap_or_default());
        // The file may grow while it is read: the limit holds for what is read, not for what was announced.
        let unreadable = |source| ReadFault::Unreadable { path: path.to_owned(), source };
        (&file).take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > max {
            return Err(too_large());
        }
        Ok((bytes, seen(&metadata)))
    }

    /// Looks at a file without reading it.
    ///
    /// # Errors
    /// If there is none, it can't be read, or it is no regular file.
    pub fn look(&self, path: &Path) -> Result<Seen, ReadFault> {
        open(path).map(|(_, metadata)| seen(&metadata))
    }

    /// Whether both paths lead to the same file; no, if one of them leads nowhere.
    pub fn same(&self, one: &Path, other: &Path) -> bool {
        let identity = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        identity(one).is_some_and(|one| Some(one) == identity(other))
    }

    /// Writes a file as a whole: whoever opens the path finds all of the old or all of the new, also after a loss of power.
    ///
    /// # Errors
    /// If its directory is missing or full, or may not be written.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), WriteFault> {
        let fault = |source| WriteFault { path: path.to_owned(), source };
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            Some(_) | None => Path::new("."),
        };
        // What a plain `open` would ask for: the person's umask decides.
        let permissions = Permissions::from_mode(0o666);
        let name = path.file_name().unwrap_or(OsStr::new("file"));
        let mut file = tempfile::Builder::new()
            .prefix(name)
            .suffix(".partial")
            .permissions(permissions)
            .tempfile_in(directory)
            .map_err(fault)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(fault)?;
        file.persist(path).map_err(|failed| fault(failed.error))?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(fault)
    }
}

/// Opens a regular file. Does not wait for the other end of a pipe, nor take a terminal.
fn open(path: &Path) -> Result<(File, Metadata), ReadFault> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).expect("the flags of `open` are a C int");
    let unreadable = |source| ReadFault::Unreadable { path: path.to_owned(), source };
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) => return Err(why_not(path, error)),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    match kind(&metadata) {
        None => Ok((file, metadata)),
        Some(kind) => Err(ReadFault::NotAFile { path: path.to_owned(), kind }),
    }
}

/// What it is, if it is no regular file.
fn kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn seen(metadata: &Metadata) -> Seen {
    Seen { size: metadata.size(), modified_s: metadata.mtime(), modified_ns: metadata.mtime_nsec() }
}

/// Why the path could not be opened, as a person would want to be told.
fn why_not(path: &Path, error: io::Error) -> ReadFault {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ReadFault::Missing { path: path.to_owned(), absence: absence(path) }
        }
        _ => match path.metadata().ok().as_ref().and_then(kind) {
            // A socket can't be opened at all: say what it is, not what `open` called it.
            Some(kind) => ReadFault::NotAFile { path: path.to_owned(), kind },
            None => ReadFault::Unreadable { path: path.to_owned(), source: error },
        },
    }
}

/// How much of a missing path exists.
fn absence(path: &Path) -> Absence {
    if path.is_symlink() {
        return Absence::DanglingLink;
    }
    for ancestor in path.ancestors().skip(1) {
        match ancestor.metadata() {
            Ok(metadata) if !metadata.is_dir() => return Absence::Blocked(ancestor.to_owned()),
            Ok(_) if path.parent() == Some(ancestor) => return Absence::FileAlone,
            Ok(_) => return Absence::After(ancestor.to_owned()),
            Err(_) => {}
        }
    }
    Absence::FileAlone
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn read(path: &Path) -> Result<(Vec<u8>, Seen), ReadFault> {
        UserFiles::ambient().read(path, 8)
    }

    #[test]
    fn a_missing_file_is_reported_with_how_much_of_its_path_exists() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        std::fs::write(root.join("file"), "x").expect("written");
        symlink("nowhere", root.join("link")).expect("linked");
        let cases = [
            ("a.wasm", Absence::FileAlone),
            ("out/deep/a.wasm", Absence::After(root.to_owned())),
            ("file/a.wasm", Absence::Blocked(root.join("file"))),
            ("link", Absence::DanglingLink),
        ];
        for (name, expected) in cases {
            let fault = read(&root.join(name)).expect_err("missing");
            let ReadFault::Missing { path, absence } = fault else { panic!("{name}: {fault}") };
            assert_eq!((path, absence), (root.join(name), expected));
        }
    }

    #[test]
    fn a_directory_a_pipe_and_a_socket_are_named_for_what_they_are_without_waiting() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
        let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("a socket");
        for (path, kind) in
            [(dir.path().to_owned(), "a directory"), (pipe, "a pipe"), (dir.path().join("socket"), "a socket")]
        {
            let fault = read(&path).expect_err("no file").to_string();
            assert_eq!(fault, format!("{} is {kind}, not a file", path.display()));
        }
    }

    #[test]
    fn the_limit_is_the_last_size_that_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.wasm");
        std::fs::write(&path, [7; 8]).expect("written");
        assert_eq!(read(&path).expect("read").0, [7; 8]);
        std::fs::write(&path, [7; 9]).expect("written");
        assert!(matches!(read(&path), Err(ReadFault::TooLarge { max: 8, .. })));
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.ocap");
        let files = UserFiles::ambient();
        files.write(&path, b"old and long").expect("written");
        files.write(&path, b"new").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1);
        files.write(&dir.path().join("gone/x.ocap"), b"new").expect_err("no directory");
    }
}
