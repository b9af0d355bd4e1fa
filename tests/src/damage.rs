//! Ways to damage what a host needs of the file system for one vat or one channel, and what each is called in its diagnostic.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::components;

/// One way.
#[derive(Debug, Clone, Copy)]
pub struct Damage {
    /// In a word, for a test that fails.
    pub name: &'static str,
    /// The code of the diagnostic.
    pub code: &'static str,
    /// Does it to the file, which has these bytes; the listener is the damage for as long as it lives.
    inflict: fn(&Path, &[u8]) -> Option<UnixListener>,
}

/// Something damaged, which is whole again when this is mended.
#[derive(Debug)]
pub struct Wound {
    path: PathBuf,
    whole: Vec<u8>,
    _listener: Option<UnixListener>,
}

impl Damage {
    /// Damages a file.
    ///
    /// # Panics
    /// If it can't be read.
    pub fn to_file(&self, path: &Path) -> Wound {
        let whole = fs::read(path).expect("it is whole before it is damaged");
        let listener = (self.inflict)(path, &whole);
        Wound { path: path.to_owned(), whole, _listener: listener }
    }

    /// Takes the place of a socket, which nobody has now.
    pub fn to_socket(&self, path: &Path) -> Wound {
        clear(path);
        let listener = (self.inflict)(path, b"");
        Wound { path: path.to_owned(), whole: Vec::new(), _listener: listener }
    }
}

impl Wound {
    /// Makes the file what it was; of a socket's place, makes it free.
    ///
    /// # Panics
    /// If that can't be done.
    pub fn mend(self) {
        clear(&self.path);
        if !self.whole.is_empty() {
            replace(&self.path, &self.whole);
        }
    }
}

/// What can happen to the file of a linked component.
pub const OF_A_FILE: &[Damage] = &[
    Damage {
        name: "removed",
        code: "ocap::component::missing",
        inflict: |path, _| {
            clear(path);
            None
        },
    },
    Damage {
        name: "its directory removed",
        code: "ocap::component::missing",
        inflict: |path, _| {
            fs::rename(parent(path), away(path)).expect("it was there");
            None
        },
    },
    Damage {
        name: "its directory a file",
        code: "ocap::component::missing",
        inflict: |path, _| {
            fs::rename(parent(path), away(path)).expect("it was there");
            fs::write(parent(path), "no directory").expect("written");
            None
        },
    },
    Damage {
        name: "a link that leads nowhere",
        code: "ocap::component::missing",
        inflict: |path, _| {
            clear(path);
            symlink("nowhere", path).expect("a link");
            None
        },
    },
    Damage {
        name: "a link to itself",
        code: "ocap::component::unreadable",
        inflict: |path, _| {
            clear(path);
            symlink(path, path).expect("a link");
            None
        },
    },
    Damage {
        name: "a directory",
        code: "ocap::component::not_a_file",
        inflict: |path, _| {
            clear(path);
            fs::create_dir(path).expect("a directory");
            None
        },
    },
    Damage {
        name: "a pipe",
        code: "ocap::component::not_a_file",
        inflict: |path, _| {
            clear(path);
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
            None
        },
    },
    Damage { name: "empty", code: "ocap::component::empty", inflict: |path, _| write(path, b"") },
    Damage {
        name: "half of it",
        code: "ocap::component::truncated",
        inflict: |path, whole| write(path, &whole[..whole.len() / 2]),
    },
    Damage {
        name: "all but a byte",
        code: "ocap::component::truncated",
        inflict: |path, whole| write(path, &whole[..whole.len() - 1]),
    },
    Damage {
        name: "a text",
        code: "ocap::component::not_wasm",
        inflict: |path, _| write(path, b"name = \"counter\"\n"),
    },
    Damage {
        name: "zeros",
        code: "ocap::component::not_wasm",
        inflict: |path, whole| write(path, &vec![0; whole.len()]),
    },
    Damage {
        name: "terminal commands",
        code: "ocap::component::not_wasm",
        inflict: |path, _| write(path, b"\x1b[2J\x1b]0;owned\x07"),
    },
    Damage {
        name: "a core module",
        code: "ocap::component::core_module",
        inflict: |path, _| write(path, &components::core_module()),
    },
    Damage {
        name: "of another format",
        code: "ocap::component::other_format",
        inflict: |path, whole| {
            let mut bytes = whole.to_vec();
            bytes[4] = 0x77;
            write(path, &bytes)
        },
    },
    Damage {
        name: "with an unknown import",
        code: "ocap::component::unknown_import",
        inflict: |path, _| write(path, &components::with_unknown_import()),
    },
    Damage {
        name: "without an export",
        code: "ocap::component::missing_export",
        inflict: |path, _| write(path, &components::empty_component()),
    },
    Damage {
        name: "scrambled",
        code: "ocap::component::does_not_compile",
        inflict: |path, whole| write(path, &scrambled(whole)),
    },
    Damage {
        name: "larger than any",
        code: "ocap::component::too_large",
        inflict: |path, _| {
            // Only its length is on the disk.
            fs::File::create(path).and_then(|file| file.set_len((64 << 20) + 1)).expect("a file with a hole");
            None
        },
    },
];

/// What can happen to a blob of the content store.
pub const OF_A_BLOB: &[Damage] = &[
    Damage {
        name: "removed",
        code: "ocap::component::not_stored",
        inflict: |path, _| {
            clear(path);
            None
        },
    },
    Damage {
        name: "a bit turned",
        code: "ocap::component::digest_mismatch",
        inflict: |path, whole| {
            let mut bytes = whole.to_vec();
            bytes[whole.len() / 2] ^= 1;
            replace(path, &bytes);
            None
        },
    },
    Damage {
        name: "cut short",
        code: "ocap::component::digest_mismatch",
        inflict: |path, whole| {
            replace(path, &whole[..whole.len() / 3]);
            None
        },
    },
    Damage {
        name: "longer",
        code: "ocap::component::digest_mismatch",
        inflict: |path, whole| {
            replace(path, &[whole, b"more"].concat());
            None
        },
    },
    Damage {
        name: "empty",
        code: "ocap::component::digest_mismatch",
        inflict: |path, _| {
            replace(path, b"");
            None
        },
    },
    Damage {
        name: "a directory",
        code: "ocap::component::store_unusable",
        inflict: |path, _| {
            clear(path);
            fs::create_dir(path).expect("a directory");
            None
        },
    },
];

/// What can be in the place of a channel's socket.
pub const OF_A_SOCKET: &[Damage] = &[
    Damage { name: "a file", code: "ocap::channel::foreign", inflict: |path, _| write(path, b"precious") },
    Damage {
        name: "a directory",
        code: "ocap::channel::foreign",
        inflict: |path, _| {
            fs::create_dir(path).expect("a directory");
            None
        },
    },
    Damage {
        name: "a link",
        code: "ocap::channel::foreign",
        inflict: |path, _| {
            symlink("nowhere", path).expect("a link");
            None
        },
    },
    Damage {
        name: "a socket with a listener",
        code: "ocap::channel::in_use",
        inflict: |path, _| Some(UnixListener::bind(path).expect("a temporary directory has a short path")),
    },
    Damage {
        name: "its directory a file",
        code: "ocap::channel::not_a_directory",
        inflict: |path, _| {
            fs::remove_dir_all(parent(path)).expect("it was there");
            fs::write(parent(path), "no directory").expect("written");
            None
        },
    },
    Damage {
        name: "its directory a link that leads out",
        code: "ocap::channel::outside",
        inflict: |path, _| {
            fs::remove_dir_all(parent(path)).expect("it was there");
            symlink("/tmp", parent(path)).expect("a link");
            None
        },
    },
];

/// Sound from the outside, and garbage within.
fn scrambled(whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let from = bytes.len() / 4;
    let to = from + 4096.min(bytes.len() / 4);
    bytes[from..to].fill(0xff);
    bytes
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("a path with a directory")
}

/// Where a file's directory is when it was moved away.
fn away(path: &Path) -> PathBuf {
    parent(path).with_extension("away")
}

fn write(path: &Path, bytes: &[u8]) -> Option<UnixListener> {
    fs::write(path, bytes).expect("written");
    None
}

/// Writes a file anew: that of a blob can't be written to.
fn replace(path: &Path, bytes: &[u8]) {
    if path.exists() {
        fs::remove_file(path).expect("removed");
    }
    fs::File::create(path).and_then(|mut file| file.write_all(bytes)).expect("written");
}

/// Leaves nothing at the path, and its directory in its place.
fn clear(path: &Path) {
    let is_dir = |path: &Path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    if !is_dir(parent(path)) {
        // What is not there need not be removed.
        let _ = fs::remove_file(parent(path));
        match away(path).exists() {
            true => fs::rename(away(path), parent(path)).expect("it was moved away"),
            false => fs::create_dir_all(parent(path)).expect("a directory"),
        }
    }
    match path.symlink_metadata() {
        Ok(_) if is_dir(path) => fs::remove_dir_all(path).expect("removed"),
        Ok(_) => fs::remove_file(path).expect("removed"),
        Err(_) => {}
    }
}
