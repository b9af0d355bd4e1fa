//! A copy of a sample subcluster that a story may change: move its files, cut them short, edit its declaration.

use std::fs;
use std::path::{Path, PathBuf};

use crate::built::{repository, sample_component};

/// Where the declarations of the repository look for components.
const BUILT: &str = "../../target/vats/";

/// A directory with a declaration and its components.
#[derive(Debug, Clone)]
pub struct Sample {
    directory: PathBuf,
}

impl Sample {
    pub(crate) fn copy(name: &str, directory: &Path) -> Sample {
        let original = repository().join("sample-vats").join(name).join("subcluster.toml");
        let text = fs::read_to_string(&original).unwrap_or_else(|error| panic!("{}: {error}", original.display()));
        fs::create_dir(directory).expect("a sample is copied once to a place");
        for line in text.lines() {
            if let Some((_, component)) = line.split_once(BUILT) {
                let file = component.trim_end_matches('"');
                let built = sample_component(file.trim_end_matches(".wasm"));
                fs::copy(&built, directory.join(file)).expect("a component was built");
            }
        }
        let sample = Sample { directory: directory.to_owned() };
        sample.declare(&text.replace(BUILT, ""));
        sample
    }

    /// The declaration's path.
    pub fn file(&self) -> PathBuf {
        self.directory.join("subcluster.toml")
    }

    /// The declaration's path, as a word of a command line.
    ///
    /// # Panics
    /// If it is not UTF-8.
    pub fn word(&self) -> String {
        self.file().to_str().expect("a temporary directory has a path in UTF-8").to_owned()
    }

    /// Where a vat's component lies, by its file's name without `.wasm`.
    pub fn component(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.wasm"))
    }

    /// The declaration's text.
    ///
    /// # Panics
    /// If it can't be read.
    pub fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("a declaration")
    }

    /// Writes another declaration.
    ///
    /// # Panics
    /// If it can't be written.
    pub fn declare(&self, text: &str) {
        fs::write(self.file(), text).expect("a declaration can be written");
    }

    /// Changes the declaration at one place.
    ///
    /// # Panics
    /// If that place is not in it.
    #[track_caller]
    pub fn replace(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "`{from}` is not in {text}");
        self.declare(&text.replacen(from, to, 1));
    }

    /// Declares that a vat's component is read from its path at each start.
    #[track_caller]
    pub fn link(&self, component: &str) {
        let line = format!("component = \"{component}.wasm\"");
        self.replace(&line, &format!("{line}\nlink = true"));
    }

    /// Moves a component away; the returned path is where it is now.
    ///
    /// # Panics
    /// If it is not there.
    pub fn move_away(&self, component: &str) -> PathBuf {
        let away = self.directory.join(format!("{component}.away"));
        fs::rename(self.component(component), &away).expect("it was there");
        away
    }

    /// Moves a component back.
    ///
    /// # Panics
    /// If it was not moved away.
    pub fn move_back(&self, component: &str) {
        let away = self.directory.join(format!("{component}.away"));
        fs::rename(away, self.component(component)).expect("it was moved away");
    }

    /// Removes everything: declaration and components.
    ///
    /// # Panics
    /// If it can't be removed.
    pub fn remove(&self) {
        fs::remove_dir_all(&self.directory).expect("it was there");
    }
}
