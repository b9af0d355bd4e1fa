//! The home: the one directory where a host keeps everything, and the names of what is in it.
//!
//! It belongs to one user and nobody else may enter it; that is the first line of defence for the socket and the store.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt};

use crate::powers::Powers;
use crate::problem::Problem;

/// The lock file: who holds its lock runs the host.
pub const LOCK: &str = "lock";
/// What the running host last said of itself.
pub const STATUS: &str = "status.json";
/// The control socket.
pub const SOCKET: &str = "control.sock";
/// The socket to hand on, where nobody is anybody without a token.
pub const TOKEN_SOCKET: &str = "token.sock";
/// The log, one JSON object a line.
pub const LOG: &str = "log";
/// What a host in the background says beside its log: the last words of a process that dies of a signal, for one.
pub const STDERR: &str = "host.err";
/// The database.
pub const STORE: &str = "store";
/// What of the store is not in its file yet, while a host runs.
pub const STORE_LOG: &str = "store-wal";
/// Components, each by its SHA-256.
pub const BLOBS: &str = "blobs";
/// Compiled code; losing it costs time only.
pub const CACHE: &str = "cache";
/// Tokens of clients of the control socket, each a file.
pub const TOKENS: &str = "tokens";
/// What system subclusters may launch: declarations and bundles that the operator put there.
pub const APPS: &str = "apps";
/// What the operator allows.
pub const CONFIG: &str = "host.toml";
/// The secret from which vats' random and the tags of compiled code come.
pub const KEY: &str = "key";
/// Where relative channel paths lead.
pub const CHANNELS: &str = "channels";

/// An opened home.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    dir: Dir,
}

/// Where the home is: as named by `--home` or `OCAP_HOME`, else `ocap-host` in the XDG state directory (design section 9).
///
/// # Errors
/// If nothing names a place.
pub fn choose(named: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Problem> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = named {
        return Ok(path);
    }
    // The XDG specification says that a relative path there is to be ignored.
    if let Some(state) = absolute("XDG_STATE_HOME") {
        return Ok(state.join("ocap-host"));
    }
    let user = absolute("HOME").ok_or_else(|| {
        Problem::new("ocap::home::unknown", "there is no place for the home: neither HOME nor XDG_STATE_HOME is set")
            .with_help("name a directory: `ocap-host --home DIR ...`")
    })?;
    Ok(user.join(".local/state/ocap-host"))
}

impl Home {
    /// Opens the home; makes it first if it is absent.
    ///
    /// # Errors
    /// If it can't be made or opened, belongs to somebody else, or lets others in.
    pub fn make(path: &Path, powers: Powers) -> Result<Home, Problem> {
        powers.make_private_directory(path).map_err(|error| {
            Problem::new("ocap::home::unusable", format!("the home {} can't be made", path.display()))
                .because(&error)
                .with_help("choose a directory that you may write: `ocap-host --home DIR ...`")
        })?;
        Home::open(path, powers)?.ok_or_else(|| {
            Problem::new("ocap::home::unusable", format!("the home {} vanished while it was opened", path.display()))
        })
    }

    /// Opens the home as it is; `None` where there is none.
    ///
    /// # Errors
    /// If it can't be opened, belongs to somebody else, or lets others in.
    pub fn open(path: &Path, powers: Powers) -> Result<Option<Home>, Problem> {
        let unusable = |error: io::Error| {
            Problem::new("ocap::home::unusable", format!("the home {} can't be opened", path.display()))
                .because(&error)
                .with_help("choose a directory that you may read and write: `ocap-host --home DIR ...`")
        };
        let dir = match powers.directory(path) {
            Ok(dir) => dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error)),
        };
        let metadata = dir.dir_metadata().map_err(unusable)?;
        check_owner(path, metadata.uid(), rustix::process::geteuid().as_raw())?;
        check_mode(path, metadata.mode())?;
        Ok(Some(Home { path: path.to_owned(), dir }))
    }

    /// The directory itself.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Its absolute path, for people; nothing is opened by it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The absolute path of something in it, for people.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A directory in it, made first if it is absent; only its owner can enter it.
    ///
    /// # Errors
    /// If it can't be made or opened, or something else has its name.
    pub fn directory(&self, name: &str) -> Result<Dir, Problem> {
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        let made = match self.dir.create_dir_with(name, &builder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.dir.open_dir(name),
        };
        made.map_err(|error| {
            Problem::new("ocap::home::unusable", format!("{} can't be opened", self.path_of(name).display()))
                .because(&error)
                .with_help("see that it is a directory and yours, and that there is space on the disk")
        })
    }

    /// A name in the home for calls that take a path and no directory. It is short however long the home's path is (a socket's
    /// may have 107 bytes), and stays with this directory if another takes its place.
    pub(crate) fn handle_path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.dir.as_raw_fd()))
    }

    /// A command on this home, to be copied into a shell.
    pub fn command(&self, verb: &str) -> String {
        format!("ocap-host --home {} {verb}", quoted(&self.path.display().to_string()))
    }
}

fn check_owner(path: &Path, owner: u32, ours: u32) -> Result<(), Problem> {
    if owner == ours {
        return Ok(());
    }
    let message = format!("the home {} belongs to user {owner}, and this is user {ours}", path.display());
    Err(Problem::new("ocap::home::foreign", message)
        .with_help("run as its owner, or choose another: `ocap-host --home DIR ...`"))
}

fn check_mode(path: &Path, mode: u32) -> Result<(), Problem> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("the home {} lets other users in: its mode is {:04o}", path.display(), mode & 0o7777);
    Err(Problem::new("ocap::home::open_to_others", message)
        .with_help(format!("chmod 700 {}", quoted(&path.display().to_string()))))
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place(named: Option<&str>, variables: &[(&str, &str)]) -> Result<PathBuf, Problem> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        choose(named.map(PathBuf::from), find)
    }

    #[test]
    fn the_named_home_comes_before_the_state_directory_and_that_before_the_users() {
        let both = [("XDG_STATE_HOME", "/state"), ("HOME", "/u")];
        assert_eq!(place(Some("/here"), &both), Ok("/here".into()));
        assert_eq!(place(None, &both), Ok("/state/ocap-host".into()));
        assert_eq!(place(None, &both[1..]), Ok("/u/.local/state/ocap-host".into()));
        assert_eq!(place(None, &[("XDG_STATE_HOME", "relative"), ("HOME", "/u")]), place(None, &both[1..]));
        assert_eq!(place(None, &[]).expect_err("no place").code, "ocap::home::unknown");
    }

    #[test]
    fn a_home_is_made_for_its_owner_alone() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("a/b");
        let home = Home::make(&path, Powers::of_this_process()).expect("a home");
        assert_eq!(home.dir().dir_metadata().expect("metadata").mode() & 0o777, 0o700);
    }

    #[test]
    fn a_home_that_lets_others_in_is_refused_with_the_command_that_mends_it() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("my home");
        std::fs::create_dir(&path).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).expect("opened");
        let problem = Home::make(&path, Powers::of_this_process()).expect_err("refused");
        assert_eq!(problem.code, "ocap::home::open_to_others");
        assert_eq!(problem.help, Some(format!("chmod 700 '{}'", path.display())));
    }

    #[test]
    fn a_home_of_another_user_is_refused() {
        assert_eq!(check_owner(Path::new("/h"), 1, 2).expect_err("refused").code, "ocap::home::foreign");
        assert_eq!(check_owner(Path::new("/h"), 2, 2), Ok(()));
    }

    #[test]
    fn a_directory_of_the_home_is_for_its_owner_and_is_found_again() {
        let (_root, home) = crate::daemon::test_home();
        home.directory(BLOBS).expect("made").write("a", b"1").expect("written");
        assert_eq!(home.directory(BLOBS).expect("found").read("a").expect("read"), b"1");
        assert_eq!(home.dir().metadata(BLOBS).expect("metadata").mode() & 0o777, 0o700);
        home.dir().write(CACHE, b"").expect("written");
        assert_eq!(home.directory(CACHE).expect_err("a file").code, "ocap::home::unusable");
    }

    #[test]
    fn to_look_for_a_home_does_not_make_one() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("absent");
        assert!(Home::open(&path, Powers::of_this_process()).expect("no fault").is_none());
        assert!(!path.exists());
    }

    #[test]
    fn a_quoted_word_survives_the_shell() {
        assert_eq!(quoted("/plain/path-1.0"), "/plain/path-1.0");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
