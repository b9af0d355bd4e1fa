//! A small world around the kernel: a disk that holds what was committed, hands that play a vat's worker, and a stage for scenes.
#![allow(dead_code, unused_imports, reason = "each file of tests uses a part of it")]

mod chance;
mod number;
mod stage;
mod worker;

use std::collections::BTreeMap;

use ocap_kernel::*;

pub use chance::*;
pub use number::*;
pub use stage::*;
pub use worker::*;

/// What a store would hold.
#[derive(Default, Clone)]
pub struct Disk {
    pub state: State,
    pub store: BTreeMap<(VatId, Vec<u8>), Payload<Slot>>,
}

fn put<K: Ord + Clone, V: Clone>(rows: &mut Vec<(K, V)>, changes: Vec<Change<K, V>>) {
    let mut map: BTreeMap<K, V> = std::mem::take(rows).into_iter().collect();
    for Change { key, value } in changes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
    *rows = map.into_iter().collect();
}

impl Disk {
    pub fn write(&mut self, commit: Commit) {
        let state = &mut self.state;
        state.counters = commit.counters.unwrap_or(state.counters);
        put(&mut state.subclusters, commit.subclusters);
        put(&mut state.vats, commit.vats);
        put(&mut state.progress, commit.progress);
        put(&mut state.objects, commit.objects);
        put(&mut state.promises, commit.promises);
        put(&mut state.clist, commit.clist);
        put(&mut state.queue, commit.queue);
        put(&mut state.holds, commit.holds);
        put(&mut state.suspicions, commit.suspicions);
        put(&mut state.dead_letters, commit.dead_letters);
        self.store.retain(|(vat, _), _| !commit.forgotten.contains(vat));
        for Change { key, value } in commit.store {
            match value {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
        let holding = self.store.iter().filter(|(_, value)| !value.caps.is_empty());
        state.holdings = holding.map(|(key, value)| (key.clone(), value.caps.clone())).collect();
    }
}

/// `vats` vats in one subcluster, each with a grant on each other.
pub fn launch(name: &str, vats: &[&str]) -> Launch {
    let vat = |vat: &&str| LaunchVat {
        name: (*vat).to_owned(),
        code: Body::from([]),
        parameters: Body::from([]),
        grants: vats
            .iter()
            .filter(|peer| *peer != vat)
            .map(|peer| (format!("vat.{peer}"), Grant::Vat((*peer).to_owned())))
            .chain([("io.door".to_owned(), Grant::HostObject("io.door".to_owned()))])
            .collect(),
        mailbox_max: 50,
        references_max: 10_000_000,
        turns: 1,
        when_quarantined: WhenQuarantined::Park,
    };
    Launch {
        name: name.to_owned(),
        bootstrap: vats[0].to_owned(),
        declaration: Body::from([]),
        host_objects: vec![("io.door".to_owned(), format!("channel {name} door"))],
        vats: vats.iter().map(vat).collect(),
    }
}
