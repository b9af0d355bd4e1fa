//! Compiled code, shared by the stories of one run: to compile a component takes longer than all the rest of most stories.
//!
//! A host believes what was tagged under its home's key. So the homes of a run begin with one key, and with what hosts before them
//! have compiled of the components that lie in their place.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::built::target_directory;

/// What the stories of this run share.
struct Shared {
    directory: PathBuf,
    key: [u8; 32],
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let directory = target_directory().join("tmp/compiled");
    // Of a run before, which may have been of other components. It need not be there.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory for compiled code");
    let mut key = [0; 32];
    fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut key)).expect("random");
    Shared { directory, key }
});

/// Gives a home in which no host has been yet the key of the run. One that was reset has had one, and one whose parent is to be made is
/// left to its host.
pub(crate) fn begin(home: &Path) {
    if ["key", "cache-key"].iter().any(|key| home.join(key).exists()) || !home.parent().is_some_and(Path::exists) {
        return;
    }
    for directory in [home, &home.join("cache")].into_iter().filter(|directory| !directory.exists()) {
        DirBuilder::new().mode(0o700).create(directory).expect("the home can be made");
    }
    let mut key = OpenOptions::new();
    let key = key.write(true).create_new(true).mode(0o600).open(home.join("key"));
    key.and_then(|mut key| key.write_all(&SHARED.key)).expect("the key can be written");
}

/// Lays what is known of the components in a directory into a home that has the key of the run.
pub(crate) fn lay_in(home: &Path, components: &Path) {
    if !has_the_key(home) {
        return;
    }
    let known: Vec<PathBuf> = entries(&SHARED.directory).collect();
    for component in entries(components).filter(|path| path.extension().is_some_and(|end| end == "wasm")) {
        let digest: String = match fs::read(&component) {
            Ok(bytes) => Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            // A story may leave what nobody can read.
            Err(_) => continue,
        };
        let of_it = |path: &&PathBuf| path.to_string_lossy().ends_with(&format!("-{digest}.code"));
        for code in known.iter().filter(of_it) {
            // Whatever goes wrong, the host compiles it again.
            let _ = copy(code, &home.join("cache"));
        }
    }
}

/// Keeps for later stories what the host of a home has compiled.
pub(crate) fn keep(home: &Path) {
    if has_the_key(home) {
        for code in entries(&home.join("cache")).filter(|path| path.extension().is_some_and(|end| end == "code")) {
            // What is kept is whole: a host of a later story looks at its tag.
            let _ = copy(&code, &SHARED.directory);
        }
    }
}

fn has_the_key(home: &Path) -> bool {
    fs::read(home.join("key")).is_ok_and(|key| key == SHARED.key)
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Never a hard link: some stories damage code where it lies.
fn copy(code: &Path, to: &Path) -> io::Result<()> {
    static COPIES: AtomicU64 = AtomicU64::new(0);
    let target = to.join(code.file_name().unwrap_or_default());
    if target.exists() {
        return Ok(());
    }
    let unfinished = to.join(format!("copy-{}", COPIES.fetch_add(1, Ordering::Relaxed)));
    fs::copy(code, &unfinished)?;
    fs::rename(&unfinished, &target)
}
