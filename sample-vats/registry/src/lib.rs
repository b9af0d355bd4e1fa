//! Remembers very many things, and loads what is asked for and nothing else.

use ocap_guest_sdk::prelude::*;

/// Everything registered, the words that lead to it, and who was registered when.
#[derive(Durable, Default)]
struct Registry {
    entries: Map<String, Entry>,
    words: Set<(String, String)>,
    favourites: Set<Cap>,
    history: Log<String>,
}

/// What is known of a name.
#[derive(Serialize, Deserialize)]
struct Entry {
    description: String,
    service: Option<Cap>,
}

/// One name of a page.
#[derive(Serialize)]
struct Line {
    name: String,
    description: String,
}

#[object]
impl Registry {
    /// At the first start the registry is in itself.
    #[started]
    fn open(this: This<Self>) {
        let itself = this.cap();
        this.with(|registry| {
            if registry.history.is_empty() {
                registry.register("registry".to_owned(), "finds services".to_owned(), Some(itself));
            }
        });
    }

    /// Registers a name, in place of what it may have been registered for.
    fn register(&mut self, name: String, description: String, service: Option<Cap>) {
        self.forget(name.clone());
        for word in words(&description) {
            self.words.insert((word, name.clone()));
        }
        self.history.push(&name);
        self.entries.insert(name, Entry { description, service });
    }

    /// Whether there was such a name.
    fn forget(&mut self, name: String) -> bool {
        let Some(entry) = self.entries.remove(&name) else { return false };
        for word in words(&entry.description) {
            self.words.remove(&(word, name.clone()));
        }
        true
    }

    fn service(&self, name: String) -> Result<Cap> {
        let entry = self.entries.get(&name).and_then(|entry| entry.service);
        entry.ok_or_else(|| Error::new("no-service", format!("there is no service `{name}`")))
    }

    /// The names with that word.
    fn find(&self, word: String) -> Vec<String> {
        let from = (word.to_lowercase(), String::new());
        self.words.range(from.clone()..).take_while(|(word, _)| *word == from.0).map(|(_, name)| name).collect()
    }

    /// At most `limit` names after that one, in their order.
    fn list(&self, after: Option<String>, limit: u32) -> Vec<Line> {
        let page = self.entries.page(after.as_ref(), limit as usize);
        page.into_iter().map(|(name, Entry { description, .. })| Line { name, description }).collect()
    }

    fn len(&self) -> u64 {
        self.entries.len()
    }

    /// Whether it is one by now.
    fn favour(&mut self, service: Cap) -> bool {
        let is_new = self.favourites.insert(service.clone());
        if !is_new {
            self.favourites.remove(&service);
        }
        is_new
    }

    fn favourites(&self) -> Vec<Cap> {
        self.favourites.iter().collect()
    }

    /// The last names that were registered, newest last.
    fn history(&self, count: u64) -> Vec<String> {
        self.history.range(self.history.end().saturating_sub(count)..).map(|(_, name)| name).collect()
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.words.clear();
    }
}

fn words(description: &str) -> impl Iterator<Item = String> {
    description.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

vat!(Registry);
