//! Keeps notes, each an object of its own.

use ocap_guest_sdk::prelude::*;

/// Every note, in the order in which they were written.
#[derive(Durable, Default)]
struct Notes {
    notes: Vec<Cap>,
}

#[object]
impl Notes {
    fn write(&mut self, text: String) -> Cap {
        let note = This::durable(Note { text }).cap();
        self.notes.push(note.clone());
        note
    }

    fn all(&self) -> Vec<Cap> {
        self.notes.clone()
    }
}

/// One note: a title, and lines below it.
#[derive(Durable)]
struct Note {
    text: String,
}

#[object]
impl Note {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn append(&mut self, line: String) {
        self.text = format!("{}\n{line}", self.text);
    }
}

vat!(Notes, Note);
