//! A new user's first quarter of an hour, as docs/guide/first-quarter-of-an-hour.md tells it: each command of that page is typed into a
//! shell, and what it says is what the page says. `just walk` writes the page's answers anew.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use ocap_tests::{Place, ocap_host, repository};

const PAGE: &str = "docs/guide/first-quarter-of-an-hour.md";
const OPENS: &str = "```console\n";
const CLOSES: &str = "```\n";

/// Set, it writes the page instead of comparing it.
const WRITE: &str = "OCAP_WALK";

/// What a page shows for the user's directory and for the checkout that the program was built in.
const USERS: &str = "/home/you";
const CHECKOUT: &str = "/home/you/ocap-host";

/// A shell in a directory of its own, which keeps its variables and its place from command to command.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    said: BufReader<std::process::ChildStdout>,
    root: PathBuf,
}

/// Said by the shell when a command has ended.
const ENDED: &str = "<<<ended>>>";

impl Shell {
    fn start(root: &Path) -> Shell {
        let mut command = Command::new("bash");
        let path = std::env::var("PATH").expect("a PATH");
        let binary = ocap_host();
        let binaries = binary.parent().expect("a directory").display();
        command.args(["--norc", "--noprofile"]).current_dir(root);
        // Rust is where it was installed, whoever's home this pretends to be.
        for (variable, below) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let home = std::env::var("HOME").expect("a HOME");
            command.env(variable, std::env::var(variable).unwrap_or_else(|_| format!("{home}/{below}")));
        }
        command.env("PATH", format!("{binaries}:{path}")).env("HOME", root);
        for variable in ["OCAP_HOME", "XDG_STATE_HOME", "CARGO_TARGET_DIR"] {
            command.env_remove(variable);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash can be started");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"exec 2>&1\n").expect("it listens");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Shell { child, stdin, said, root: root.to_owned() }
    }

    /// What a command says, on both streams.
    fn type_in(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{{ {line}\n}} < /dev/null; echo '{ENDED}'").expect("it listens");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.said.read_line(&mut line).expect("text"), 0, "the shell ended at `{line}`:\n{said}");
            if line.trim_end() == ENDED {
                break;
            }
            said += &line;
        }
        if line.starts_with("ocap-host new ") {
            share_target(&self.root.join(line.trim_start_matches("ocap-host new ").trim()));
        }
        let root = self.root.to_str().expect("a temporary directory has a path in UTF-8");
        let checkout = repository().to_str().expect("a checkout has a path in UTF-8");
        said.replace(checkout, CHECKOUT).replace(root, USERS)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // A walk that failed in the middle leaves no host behind.
        let _ = writeln!(self.stdin, "ocap-host stop --force; exit");
        let _ = self.child.wait();
    }
}

/// The build of a new vat goes on from that of the last test.
fn share_target(package: &Path) {
    let shared = repository().join("target/new");
    fs::create_dir_all(&shared).expect("a target directory");
    symlink(&shared, package.join("target")).expect("a link");
}

/// What cargo says while it works is left out of the page.
fn without_cargo(text: &str) -> String {
    let verbs = ["Compiling", "Finished", "Locking", "Updating", "Downloading", "Downloaded", "Blocking", "Adding"];
    let is_cargos = |line: &str| {
        let word = line.trim_start().split(' ').next().unwrap_or_default();
        line.starts_with("  ") && verbs.contains(&word)
    };
    text.lines().filter(|line| !is_cargos(line)).map(|line| format!("{line}\n")).collect()
}

/// Numbers that differ from run to run, such as of processes, bytes and times, are alike.
fn comparable(text: &str) -> String {
    let mut alike = String::new();
    let mut digits = 0;
    for c in text.chars() {
        if c.is_ascii_hexdigit() && (c.is_ascii_digit() || digits > 0) {
            digits += 1;
            continue;
        }
        if digits > 0 {
            alike.push('#');
            digits = 0;
        }
        alike.push(c);
    }
    if digits > 0 {
        alike.push('#');
    }
    alike.split_whitespace().map(|word| if is_duration(word) { "#time" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Whether a word whose numbers are alike is how long something took: `#ms`, or on a slower day `#.#s`.
fn is_duration(word: &str) -> bool {
    let unit = word.trim_end_matches([',', '.']).trim_start_matches(['#', '.']);
    word.starts_with('#') && ["ms", "s", "min", "m", "h"].contains(&unit)
}

/// Walks through a page; the same page with what the commands say now.
fn walked(page: &str, shell: &mut Shell) -> String {
    let mut now = String::new();
    let mut rest = page;
    while let Some((prose, block)) = rest.split_once(OPENS) {
        let (block, after) = block.split_once(CLOSES).expect("a block ends");
        now += prose;
        now += OPENS;
        for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            now += &format!("$ {command}\n");
            now += &without_cargo(&shell.type_in(command));
        }
        now += CLOSES;
        rest = after;
    }
    now + rest
}

#[test]
fn a_new_users_first_quarter_of_an_hour_goes_as_the_guide_tells_it() {
    let place = Place::new();
    let path = repository().join(PAGE);
    let page = fs::read_to_string(&path).expect("the page");
    assert!(page.matches("$ ").count() > 20, "the page has few commands");
    let now = walked(&page, &mut Shell::start(place.root()));
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, now).expect("the page can be written");
        return;
    }
    for (told, found) in page.split("\n$ ").zip(now.split("\n$ ")) {
        assert_eq!(comparable(told), comparable(found), "the page tells:\n{told}\n\nand now it is:\n{found}");
    }
}

#[test]
fn numbers_are_alike_and_words_are_not() {
    assert_eq!(comparable("process 4711, a  b\n"), comparable("process 12, a b"));
    assert_eq!(comparable("up 464ms, 1 awake"), comparable("up 1.2s, 1 awake"));
    assert_ne!(comparable("ready: 1 vat"), comparable("ready: 1 cat"));
}
