//! Tokens: for clients of the control socket that are to have less than everything. Each is a file in the home with the digest of a secret.
//!
//! A token limits whom the socket is handed to, not the home's owner: their processes can read the home itself.

use std::io::{self, Write};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::home::{Home, TOKENS};
use super::role::Role;
use crate::powers::Powers;
use crate::problem::{Problem, printable};
use crate::schema::typed;

/// The longest name of a token.
const NAME_BYTES_MAX: usize = 64;
/// How many bytes of a file are read.
const FILE_BYTES_MAX: u64 = 4_096;

/// What the home keeps of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    role: Role,
    made_ms: u64,
    /// Of the whole secret, in hexadecimal digits.
    sha256: String,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "token")]
#[schemars(transform = typed("token"))]
pub struct Token {
    /// What its owner calls it.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
}

/// A token with its secret, which is said only once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "new-token")]
#[schemars(transform = typed("new-token"))]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// For the header `Authorization: Bearer SECRET`.
    pub secret: String,
}

/// All tokens of a home: the answer of `token list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "tokens")]
#[schemars(transform = typed("tokens"))]
pub struct Tokens {
    /// By name.
    pub tokens: Vec<Token>,
    /// Files that are no tokens, and let nobody in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Makes a token. A host that runs knows it at once.
///
/// # Errors
/// If the name is none, or taken, or the home can't be written.
pub fn add(home: &Home, powers: Powers, name: &str, role: Role) -> Result<NewToken, Problem> {
    if !is_name(name) {
        return Err(Problem::new("ocap::usage::token", format!("`{}` can not be a token's name", printable(name)))
            .with_help(format!("1 to {NAME_BYTES_MAX} of the characters a-z, 0-9, `-` and `_`")));
    }
    let mut random = [0; 32];
    let unmade = |error: &io::Error| {
        Problem::new("ocap::home::unwritable", format!("{} can't be written", place(home, name)))
            .because(error)
            .with_help("see that you may write the home, and that its disk is not full")
    };
    powers.fill_with_entropy(&mut random).map_err(|error| unmade(&error))?;
    let secret = format!("{name}.{}", hex(&random));
    let record = Record { role, made_ms: powers.now_ms(), sha256: digest(&secret) };
    let text = serde_json::to_vec(&record).expect("a record has only text for keys");
    match write(&home.directory(TOKENS)?, name, &text) {
        Ok(()) => Ok(NewToken { name: name.to_owned(), role, secret }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Problem::new("ocap::token::exists", format!("there is a token `{name}` already"))
                .with_help(format!("choose another name, or remove it: `ocap-host token remove {name}`")))
        }
        Err(error) => Err(unmade(&error)),
    }
}

fn write(dir: &Dir, name: &str, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = dir.open_with(name, &options)?;
    file.write_all(text)?;
    file.sync_all()
}

/// All tokens of a home.
///
/// # Errors
/// If they can't be read.
pub fn list(home: &Home) -> Result<Tokens, Problem> {
    let unreadable = |error: io::Error| {
        Problem::new("ocap::home::unusable", format!("{} can't be read", home.path_of(TOKENS).display()))
            .because(&error)
            .with_help("see that you may read the home")
    };
    let entries = match home.dir().read_dir(TOKENS) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>().map_err(unreadable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut found = Tokens { tokens: Vec::new(), problems: Vec::new() };
    for name in names {
        match read(home, &name) {
            Some(Record { role, made_ms, .. }) => found.tokens.push(Token { name, role, made_ms }),
            None => found.problems.push(
                Problem::new("ocap::token::damaged", format!("{} is no token", place(home, &printable(&name))))
                    .with_help("it lets nobody in: remove the file, and make the token again"),
            ),
        }
    }
    Ok(found)
}

/// Takes a token back. Its next request is refused.
///
/// # Errors
/// If there is none of that name, or it can't be removed.
pub fn remove(home: &Home, name: &str) -> Result<Token, Problem> {
    let unknown = || {
        Problem::new("ocap::token::unknown", format!("there is no token `{}`", printable(name)))
            .with_help("see which there are: `ocap-host token list`")
    };
    if !is_name(name) {
        return Err(unknown());
    }
    let record = read(home, name);
    match home.dir().open_dir(TOKENS).and_then(|dir| dir.remove_file(name)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(unknown()),
        Err(error) => {
            return Err(Problem::new("ocap::home::unwritable", format!("{} can't be removed", place(home, name)))
                .because(&error)
                .with_help("see that you may write the home"));
        }
    }
    let (role, made_ms) = record.map_or((Role::Read, 0), |record| (record.role, record.made_ms));
    Ok(Token { name: name.to_owned(), role, made_ms })
}

/// What the bearer of a secret may do; `None` if it is no token's.
pub(super) fn role_of(home: &Home, secret: &str) -> Option<Role> {
    let (name, _) = secret.split_once('.')?;
    let record = read(home, name)?;
    // Two digests: how long it takes to tell them apart says nothing of the secret.
    (record.sha256 == digest(secret)).then_some(record.role)
}

fn read(home: &Home, name: &str) -> Option<Record> {
    if !is_name(name) {
        return None;
    }
    let file = home.dir().open_dir(TOKENS).ok()?.open(name).ok()?;
    serde_json::from_reader(io::Read::take(file, FILE_BYTES_MAX)).ok()
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn place(home: &Home, name: &str) -> String {
    home.path_of(TOKENS).join(name).display().to_string()
}

fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use cap_std::fs::MetadataExt;

    use super::*;
    use crate::daemon::test_home;

    #[test]
    fn a_token_has_its_role_until_it_is_removed_and_its_secret_is_not_kept() {
        let (_root, home) = test_home();
        let token = add(&home, Powers::of_this_process(), "dashboard", Role::Read).expect("made");
        assert_eq!(role_of(&home, &token.secret), Some(Role::Read));
        assert_eq!(role_of(&home, &token.secret.to_uppercase()), None);
        assert_eq!(role_of(&home, "dashboard."), None);
        let file = home.dir().read_to_string("tokens/dashboard").expect("a file");
        assert!(!file.contains(&token.secret[10..]), "{file}");
        assert_eq!(home.dir().metadata("tokens/dashboard").expect("metadata").mode() & 0o777, 0o600);
        assert_eq!(list(&home).expect("listed").tokens[0].name, "dashboard");
        remove(&home, "dashboard").expect("removed");
        assert_eq!(role_of(&home, &token.secret), None);
        assert_eq!(remove(&home, "dashboard").expect_err("gone").code, "ocap::token::unknown");
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_is_taken_is_refused() {
        let (_root, home) = test_home();
        let powers = Powers::of_this_process();
        for name in ["", "../key", "a/b", "A", ".", "ä"] {
            assert_eq!(add(&home, powers, name, Role::Admin).expect_err("refused").code, "ocap::usage::token");
        }
        add(&home, powers, "a", Role::Admin).expect("made");
        assert_eq!(add(&home, powers, "a", Role::Read).expect_err("taken").code, "ocap::token::exists");
        home.dir().write("key", "{}").expect("written");
        assert_eq!(role_of(&home, "../key.x"), None);
        assert_eq!(remove(&home, "../key").expect_err("refused").code, "ocap::token::unknown");
    }

    #[test]
    fn a_damaged_token_lets_nobody_in_and_is_named() {
        let (_root, home) = test_home();
        let token = add(&home, Powers::of_this_process(), "a", Role::Admin).expect("made");
        home.dir().write("tokens/a", "{\"role\":\"admin\"").expect("written");
        assert_eq!(role_of(&home, &token.secret), None);
        assert_eq!(list(&home).expect("listed").problems[0].code, "ocap::token::damaged");
    }
}
