//! The next version of notes: what the first version kept becomes what this one keeps, when it is next loaded.

use ocap_guest_sdk::prelude::*;

/// Every note by its number, however many there are.
#[derive(Durable, Default)]
#[durable(version = 2, migrate = numbered)]
struct Notes {
    notes: Map<u64, Cap>,
}

/// As the first version had them.
#[derive(Durable)]
struct ListedNotes {
    notes: Vec<Cap>,
}

fn numbered(old: ListedNotes) -> Notes {
    let mut notes = Map::new();
    for (number, note) in (0..).zip(old.notes) {
        notes.insert(number, note);
    }
    Notes { notes }
}

#[object]
impl Notes {
    fn write(&mut self, title: String) -> Cap {
        let note = This::durable(Note { title, lines: Vec::new() }).cap();
        self.notes.insert(self.notes.len(), note.clone());
        note
    }

    fn all(&self) -> Vec<Cap> {
        self.notes.iter().map(|(_, note)| note).collect()
    }
}

/// One note: its title and its lines apart.
#[derive(Durable)]
#[durable(version = 2, migrate = taken_apart)]
struct Note {
    title: String,
    lines: Vec<String>,
}

/// As the first version had it.
#[derive(Durable)]
struct PlainNote {
    text: String,
}

fn taken_apart(old: PlainNote) -> Result<Note> {
    if old.text.contains('\t') {
        return Err(Error::new("tabs", format!("{:?} has tabs", old.text)));
    }
    let mut lines = old.text.lines().map(str::to_owned);
    Ok(Note { title: lines.next().unwrap_or_default(), lines: lines.collect() })
}

#[object]
impl Note {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn text(&self) -> String {
        [std::slice::from_ref(&self.title), self.lines.as_slice()].concat().join("\n")
    }

    fn append(&mut self, line: String) {
        self.lines.push(line);
    }
}

vat!(Notes, Note);
