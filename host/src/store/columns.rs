//! One row's columns, from left to right, each parsed or refused: what is on the disk is never trusted.
//!
//! It knows SQLite's types and the codec, not the tables.

use std::fmt;

use ocap_kernel::{Body, Code, Kref, ObjectId, Payload, Slot};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::codec::{NotAList, decode_grants, decode_krefs, decode_objects, decode_slots};
use super::sum;

/// What is wrong with a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No host writes this: the column and its fault, in words.
    Form(String),
    /// A host has written something else there.
    Sum,
}

impl Flaw {
    fn new(column: &str, fault: impl fmt::Display) -> Flaw {
        Flaw::Form(format!("`{column}` {fault}"))
    }

    /// The word may be anything, so it is escaped and cut.
    pub(super) fn unknown_word(column: &str, word: &str) -> Flaw {
        let start: String = word.chars().take(40).flat_map(char::escape_debug).collect();
        Flaw::new(column, format_args!("has an unknown word: `{start}`"))
    }
}

/// The columns of a row that were not taken yet. Each is taken once, in the order of the query; the names are for people.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
    table: &'static str,
    /// Of what was taken, since the last [`as_written`](Columns::as_written).
    sum: u64,
}

impl<'r> Columns<'r> {
    pub(super) fn of(table: &'static str, row: &'r Row<'r>) -> Columns<'r> {
        Columns { row, next: 0, table, sum: sum::of_table(table) }
    }

    fn value(&mut self, column: &str) -> Result<ValueRef<'r>, Flaw> {
        let value = self.row.get_ref(self.next).map_err(|error| Flaw::new(column, error))?;
        self.next += 1;
        self.sum = sum::add(self.sum, value);
        Ok(value)
    }

    /// The sum that was written with what was taken up to here. What comes after it has one of its own.
    ///
    /// # Errors
    /// `Sum`, if something else was written.
    pub(super) fn as_written(&mut self, column: &str) -> Result<(), Flaw> {
        let found = std::mem::replace(&mut self.sum, sum::of_table(self.table));
        let written = match self.value(column)? {
            ValueRef::Null => None,
            ValueRef::Integer(sum) => Some(sum.cast_unsigned()),
            _ => return Err(Flaw::new(column, "is no number")),
        };
        self.sum = sum::of_table(self.table);
        if written.is_none_or(|written| written == found) { Ok(()) } else { Err(Flaw::Sum) }
    }

    /// A number that the kernel gave out.
    pub(super) fn number(&mut self, column: &str) -> Result<u64, Flaw> {
        self.optional_number(column)?.ok_or_else(|| Flaw::new(column, "is null"))
    }

    /// The same, or NULL.
    pub(super) fn optional_number(&mut self, column: &str) -> Result<Option<u64>, Flaw> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => match u64::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Flaw::new(column, "is negative")),
            },
            _ => Err(Flaw::new(column, "is no number")),
        }
    }

    /// A number of at most 32 bits.
    pub(super) fn small_number(&mut self, column: &str) -> Result<u32, Flaw> {
        u32::try_from(self.number(column)?).map_err(|_| Flaw::new(column, "is too large"))
    }

    /// Any 64 bits: a number that a vat or a person chose.
    pub(super) fn bits(&mut self, column: &str) -> Result<u64, Flaw> {
        match self.value(column)? {
            ValueRef::Integer(number) => Ok(number.cast_unsigned()),
            _ => Err(Flaw::new(column, "is no number")),
        }
    }

    /// A kernel reference.
    pub(super) fn kref(&mut self, column: &str) -> Result<Kref, Flaw> {
        Kref::from_bits(self.number(column)?).ok_or_else(|| Flaw::new(column, "is no kernel reference"))
    }

    /// A text.
    pub(super) fn text(&mut self, column: &str) -> Result<&'r str, Flaw> {
        self.optional_text(column)?.ok_or_else(|| Flaw::new(column, "is null"))
    }

    /// The same, or NULL.
    pub(super) fn optional_text(&mut self, column: &str) -> Result<Option<&'r str>, Flaw> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(Flaw::new(column, "is not UTF-8")),
            },
            _ => Err(Flaw::new(column, "is no text")),
        }
    }

    /// One of a few words.
    pub(super) fn word<T>(&mut self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Flaw> {
        let word = self.text(column)?;
        parse(word).ok_or_else(|| Flaw::unknown_word(column, word))
    }

    /// One of the kernel's codes, or NULL.
    pub(super) fn optional_code(&mut self, column: &str) -> Result<Option<Code>, Flaw> {
        let Some(word) = self.optional_text(column)? else { return Ok(None) };
        Code::parse(word).map(Some).ok_or_else(|| Flaw::unknown_word(column, word))
    }

    /// Bytes.
    pub(super) fn bytes(&mut self, column: &str) -> Result<&'r [u8], Flaw> {
        self.optional_bytes(column)?.ok_or_else(|| Flaw::new(column, "is null"))
    }

    fn optional_bytes(&mut self, column: &str) -> Result<Option<&'r [u8]>, Flaw> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(Flaw::new(column, "is no blob")),
        }
    }

    /// Bytes that the kernel carries.
    pub(super) fn body(&mut self, column: &str) -> Result<Body, Flaw> {
        self.bytes(column).map(Body::from)
    }

    /// NULL, because `reason`.
    pub(super) fn absent(&mut self, column: &str, reason: &str) -> Result<(), Flaw> {
        match self.value(column)? {
            ValueRef::Null => Ok(()),
            _ => Err(Flaw::new(column, format_args!("is not null, though {reason}"))),
        }
    }

    /// A list of kernel references.
    pub(super) fn krefs(&mut self, column: &str) -> Result<Vec<Kref>, Flaw> {
        self.list(column, decode_krefs)
    }

    /// A list of objects.
    pub(super) fn objects(&mut self, column: &str) -> Result<Vec<ObjectId>, Flaw> {
        self.list(column, decode_objects)
    }

    /// A list of slots.
    pub(super) fn slots(&mut self, column: &str) -> Result<Vec<Slot>, Flaw> {
        self.list(column, decode_slots)
    }

    /// A list of grants.
    pub(super) fn grants(&mut self, column: &str) -> Result<Vec<(String, Slot)>, Flaw> {
        self.list(column, decode_grants)
    }

    fn list<T>(
        &mut self,
        column: &str,
        decode: impl Fn(Option<&[u8]>) -> Result<Vec<T>, NotAList>,
    ) -> Result<Vec<T>, Flaw> {
        decode(self.optional_bytes(column)?).map_err(|error| Flaw::new(column, error))
    }

    /// `body` and `caps`.
    pub(super) fn payload(&mut self) -> Result<Payload<Kref>, Flaw> {
        Ok(Payload { body: self.body("body")?, caps: self.krefs("caps")? })
    }
}
