//! Reading a TOML document by its schema, with the place of every key and value.
//!
//! A [`Section`] is a table with the keys that it may have, an [`Item`] a value with its dotted key. Whatever is wrong is a problem that
//! points at the very place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::text::{Text, did_you_mean, hides_something};
use crate::problem::{Problem, printable};

/// A table of the document.
pub(super) struct Section<'t> {
    text: &'t Text,
    table: &'t DeTable<'t>,
    /// Its dotted key; empty for the whole document.
    key: String,
    at: Range<usize>,
}

/// A value of the document.
pub(super) struct Item<'t> {
    text: &'t Text,
    value: &'t DeValue<'t>,
    /// The last part of its key, where it may be a name that a person chose.
    pub(super) name: String,
    /// Its dotted key.
    pub(super) key: String,
    /// Its place.
    pub(super) at: Range<usize>,
    /// The place of its key.
    pub(super) key_at: Range<usize>,
}

impl<'t> Section<'t> {
    /// The whole document.
    pub(super) fn whole(text: &'t Text, table: &'t DeTable<'t>) -> Section<'t> {
        let first_line = text.text.lines().next().map_or(0, str::len);
        Section { text, table, key: String::new(), at: 0..first_line }
    }

    /// The same section, if it has no keys but these.
    pub(super) fn only(self, known: &[&str]) -> Result<Section<'t>, Problem> {
        let stranger = self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(stranger) = stranger.min_by_key(|key| key.span().start) else { return Ok(self) };
        let name = stranger.get_ref();
        let whereabouts = if self.key.is_empty() { self.text.file.clone() } else { format!("`{}`", self.key) };
        let message = format!("{whereabouts} has no key `{}`", printable(name));
        let known_keys = || format!("known here: {}", known.join(", "));
        let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(known_keys);
        Err(self.text.problem("unknown_key", message, stranger.span(), "unknown key").with_help(help))
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Item<'t>> {
        self.table.get_key_value(key).map(|(key, value)| self.item(key, value))
    }

    /// The value of a key that must be there.
    pub(super) fn require(&self, key: &str) -> Result<Item<'t>, Problem> {
        self.get(key).ok_or_else(|| {
            let dotted = self.dotted(key);
            self.text.problem("missing_key", format!("`{dotted}` is missing"), self.at.clone(), "in here")
        })
    }

    /// All values, in the order of the text.
    pub(super) fn items(&self) -> Vec<Item<'t>> {
        let mut items: Vec<_> = self.table.iter().map(|(key, value)| self.item(key, value)).collect();
        items.sort_by_key(|item| item.key_at.start);
        items
    }

    fn item(&self, key: &Spanned<DeString<'t>>, value: &'t Spanned<DeValue<'t>>) -> Item<'t> {
        Item {
            text: self.text,
            value: value.get_ref(),
            name: key.get_ref().to_string(),
            key: self.dotted(key.get_ref()),
            at: value.span(),
            key_at: key.span(),
        }
    }

    fn dotted(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }
}

impl<'t> Item<'t> {
    /// A problem with this value.
    pub(super) fn problem(&self, word: &str, message: impl Into<String>, label: &str) -> Problem {
        self.text.problem(word, message, self.at.clone(), label)
    }

    /// A problem with its key.
    pub(super) fn key_problem(&self, word: &str, message: impl Into<String>, label: &str) -> Problem {
        self.text.problem(word, message, self.key_at.clone(), label)
    }

    /// The value itself.
    pub(super) fn value(&self) -> &'t DeValue<'t> {
        self.value
    }

    /// A string.
    pub(super) fn string(&self) -> Result<&'t str, Problem> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    /// A string that is one of these words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        let word = self.string()?;
        let chosen = words.iter().find(|(name, _)| *name == word).map(|(_, chosen)| *chosen);
        chosen.ok_or_else(|| {
            let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
            let message = format!("`{}` can not be `{}`", self.key, printable(word));
            let help =
                did_you_mean(word, names.iter().copied()).unwrap_or_else(|| format!("one of {}", names.join(", ")));
            self.problem("unknown_word", message, "not a word that is known here").with_help(help)
        })
    }

    /// `true` or `false`, as one of two values.
    pub(super) fn either<T>(&self, if_true: T, if_false: T) -> Result<T, Problem> {
        let value = self.value.as_bool().ok_or_else(|| self.wrong_type("true or false"))?;
        Ok(if value { if_true } else { if_false })
    }

    /// A whole number above 0.
    pub(super) fn count(&self) -> Result<u64, Problem> {
        let integer = self.value.as_integer().ok_or_else(|| self.wrong_type("a whole number"))?;
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(self.problem("out_of_range", format!("`{}` is a whole number above 0", self.key), "out of range")),
        }
    }

    /// A path: not empty, and nothing in it that could hide a part of it.
    pub(super) fn path(&self) -> Result<&'t str, Problem> {
        let path = self.string()?;
        if path.is_empty() {
            return Err(self.problem("path_malformed", format!("`{}` is empty", self.key), "a path is wanted"));
        }
        if path.contains(|character| hides_something(character) || character.is_control()) {
            let message = format!("`{}` has a control character: {}", self.key, printable(path));
            return Err(self.problem("path_malformed", message, "this path"));
        }
        Ok(path)
    }

    /// A table.
    pub(super) fn section(&self) -> Result<Section<'t>, Problem> {
        let table = self.value.as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Section { text: self.text, table, key: self.key.clone(), at: self.at.clone() })
    }

    /// The items of an array.
    pub(super) fn array(&self) -> Result<Vec<Item<'t>>, Problem> {
        let array = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        let item = |value: &'t Spanned<DeValue<'t>>| Item {
            text: self.text,
            value: value.get_ref(),
            name: self.name.clone(),
            key: self.key.clone(),
            at: value.span(),
            key_at: self.key_at.clone(),
        };
        Ok(array.iter().map(item).collect())
    }

    fn wrong_type(&self, wanted: &str) -> Problem {
        let found = self.value.type_str();
        let message = format!("`{}` is {wanted}, not of type {found}", self.key);
        self.problem("wrong_type", message, &format!("{wanted} is wanted"))
    }
}
