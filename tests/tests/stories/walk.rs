//! Pages of the guide that were walked: each command is typed into a shell, each file that has a title is written, in the order of the
//! page, and what the commands say is what the page says. `just walk` writes the pages' answers anew.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use ocap_tests::{Place, ocap_host, repository};

const FIRST_QUARTER: &str = "docs/guide/first-quarter-of-an-hour.md";
const TUTORIAL: &str = "docs/guide/tutorial.md";
const FENCE: &str = "```";
/// After the language of a block: the file that it is.
const TITLE: &str = "title=\"";

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
    root: String,
}

/// Said by the shell when a command has ended.
const ENDED: &str = "<<<ended>>>";

/// After so many seconds a walk that waits in vain is ended: far more than one needs on a busy machine.
const PATIENCE_S: &str = "900";

impl Shell {
    fn start(root: &Path) -> Shell {
        let mut command = Command::new("timeout");
        let path = std::env::var("PATH").expect("a PATH");
        let binary = ocap_host();
        let binaries = binary.parent().expect("a directory").display();
        command.args([PATIENCE_S, "bash", "--norc", "--noprofile"]).current_dir(root);
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
        let root = root.to_str().expect("a temporary directory has a path in UTF-8").to_owned();
        Shell { child, stdin, said, root }
    }

    /// What a command says, on both streams, as a page shows it.
    fn type_in(&mut self, line: &str) -> String {
        let said = self.run(line);
        if let Some(package) = line.strip_prefix("ocap-host new ") {
            self.share_target(package.trim());
        }
        let checkout = repository().to_str().expect("a checkout has a path in UTF-8");
        said.replace(checkout, CHECKOUT).replace(&self.root, USERS)
    }

    /// Writes a file, from where the shell is.
    fn write(&mut self, path: &str, text: &str) {
        let place = self.run("pwd");
        let path = Path::new(place.trim_end()).join(path);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn run(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{{ {line}\n}} < /dev/null; echo '{ENDED}'").expect("it listens");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.said.read_line(&mut line).expect("text"), 0, "the shell ended at `{line}`:\n{said}");
            if line.trim_end() == ENDED {
                return said;
            }
            said += &line;
        }
    }

    /// The build of a new vat goes on from that of the last test.
    fn share_target(&mut self, package: &str) {
        let shared = repository().join("target/new");
        fs::create_dir_all(&shared).expect("a target directory");
        self.run(&format!("ln -s '{}' {package}/target", shared.display()));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // A walk that failed in the middle leaves no host behind, and nothing that it put into the background.
        let _ = writeln!(self.stdin, "ocap-host stop --force; kill $(jobs -p); wait; exit");
        let _ = self.child.wait();
    }
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

/// Numbers that differ from run to run, such as of processes, bytes and times, are alike, and so are digests.
fn comparable(text: &str) -> String {
    let alike = |word: &str| match is_digest(word) {
        true => "#digest".to_owned(),
        false => without_numbers(word),
    };
    text.split_whitespace().map(alike).collect::<Vec<_>>().join(" ")
}

/// Whether a word is a SHA-256, or the beginning of one.
fn is_digest(word: &str) -> bool {
    let digits = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).trim_start_matches("sha256:");
    digits.len() >= 12 && digits.chars().all(|c| c.is_ascii_hexdigit())
}

fn without_numbers(word: &str) -> String {
    let mut alike = String::new();
    let mut digits = 0;
    for c in word.chars() {
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
    // Whole or not is chance too.
    let alike = alike.replace("#.#", "#");
    if is_duration(&alike) { "#time".to_owned() } else { alike }
}

/// Whether a word whose numbers are alike is how long something took: `#ms`, or on a slower day `#.#s`.
fn is_duration(word: &str) -> bool {
    let unit = word.trim_end_matches([',', '.']).trim_start_matches(['#', '.']);
    word.starts_with('#') && ["ms", "s", "min", "m", "h"].contains(&unit)
}

/// Walks through a page; the same page with what the commands say now.
fn walked(page: &str, shell: &mut Shell) -> String {
    let mut now = String::new();
    let mut lines = page.split_inclusive('\n');
    while let Some(line) = lines.next() {
        now += line;
        let Some(opens) = line.strip_prefix(FENCE) else { continue };
        let block: String = lines.by_ref().take_while(|line| line.trim_end() != FENCE).collect();
        match title(opens) {
            Some(path) => {
                shell.write(path, &block);
                now += &block;
            }
            None if opens == "console\n" => {
                for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
                    now += &format!("$ {command}\n{}", without_cargo(&shell.type_in(command)));
                }
            }
            None => now += &block,
        }
        now += &format!("{FENCE}\n");
    }
    now
}

/// The file that a block is.
fn title(opens: &str) -> Option<&str> {
    opens.split_once(TITLE)?.1.split('"').next()
}

/// Walks a page that has so many commands at least, and compares it with what they say, or writes it.
fn walk(page: &str, commands_min: usize) {
    let place = Place::new();
    let path = repository().join(page);
    let page = fs::read_to_string(&path).expect("the page");
    assert!(page.matches("\n$ ").count() >= commands_min, "the page has few commands");
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
fn a_new_users_first_quarter_of_an_hour_goes_as_the_guide_tells_it() {
    walk(FIRST_QUARTER, 20);
}

#[test]
fn the_tutorial_goes_from_nothing_to_an_upgraded_bundle_of_two_vats_as_the_guide_tells_it() {
    walk(TUTORIAL, 30);
}

#[test]
fn a_page_with_files_to_be_written_is_one_that_is_walked() {
    let guide = fs::read_dir(repository().join("docs/guide")).expect("the guide");
    for path in guide.map(|entry| entry.expect("an entry").path()) {
        let has_files = fs::read_to_string(&path)
            .expect("a page")
            .lines()
            .any(|line| line.strip_prefix(FENCE).and_then(title).is_some());
        let is_walked = [FIRST_QUARTER, TUTORIAL].iter().any(|page| path.ends_with(page));
        assert!(is_walked || !has_files, "nobody writes the files of {}", path.display());
    }
}

#[test]
fn numbers_are_alike_and_words_are_not() {
    assert_eq!(comparable("process 4711, a  b\n"), comparable("process 12, a b"));
    assert_eq!(comparable("up 464ms, 1 awake"), comparable("up 1.2s, 1 awake"));
    assert_eq!(comparable("memory 2MiB, sha256:0aa107a87972."), comparable("memory 2.1MiB, sha256:feec0e61c841."));
    assert_ne!(comparable("ready: 1 vat"), comparable("ready: 1 cat"));
}
