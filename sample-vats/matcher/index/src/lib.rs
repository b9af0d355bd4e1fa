//! Remembers which services there are.

use ocap_guest_sdk::prelude::*;

/// All services, in order of registration.
#[derive(Durable, Default)]
struct Index {
    services: Vec<Service>,
}

#[derive(Serialize, Deserialize)]
struct Service {
    name: String,
    description: String,
}

#[object]
impl Index {
    /// A name that is there already gets the new description and keeps its place.
    fn register(&mut self, name: String, description: String) {
        match self.services.iter_mut().find(|service| service.name == name) {
            Some(service) => service.description = description,
            None => self.services.push(Service { name, description }),
        }
    }

    /// The names of the services with that word.
    fn find(&self, word: String) -> Vec<String> {
        let found = self.services.iter().filter(|service| service.has(&word));
        found.map(|service| service.name.clone()).collect()
    }
}

impl Service {
    fn has(&self, word: &str) -> bool {
        let words = |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|it| it.eq_ignore_ascii_case(word));
        words(&self.name) || words(&self.description)
    }
}

vat!(Index);
