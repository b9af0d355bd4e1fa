//! Comparing declarations by what they mean: comments, order and spelling do not count.

use std::collections::BTreeMap;

use ocap_kernel::WhenQuarantined;

use super::host::VatLimits;
use super::{
    ChannelDeclaration, ChannelKind, Declaration, Direction, Framing, Hibernate, Linkage, Start, VatDeclaration, units,
};

/// What a declaration says, a value by its dotted key.
type Facts = BTreeMap<String, String>;

impl Declaration {
    /// What would change if `other` took this one's place, a line each: `vats.counter.limits.memory: 64MiB -> 128MiB`. Empty if both
    /// mean the same.
    pub fn difference(&self, other: &Declaration) -> Vec<String> {
        let (before, after) = (self.facts(), other.facts());
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        for key in before.keys().chain(after.keys()) {
            // A vat or channel that is there on one side only is one line, not one for each of its keys.
            let whole = section(key);
            let line = match (before.get(key), after.get(key)) {
                (Some(one), Some(two)) if one == two => continue,
                (Some(one), Some(two)) => (key.as_str(), format!("{key}: {one} -> {two}")),
                (Some(_), None) if !after.contains_key(whole) => (whole, format!("{whole}: removed")),
                (None, Some(_)) if !before.contains_key(whole) => (whole, format!("{whole}: added")),
                (Some(one), None) => (key.as_str(), format!("{key}: {one} -> (none)")),
                (None, Some(two)) => (key.as_str(), format!("{key}: (none) -> {two}")),
                (None, None) => continue,
            };
            lines.insert(line.0, line.1);
        }
        lines.into_values().collect()
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        facts.insert("name".to_owned(), self.name.clone());
        facts.insert("bootstrap".to_owned(), self.bootstrap.clone());
        for (name, vat) in &self.vats {
            insert(&mut facts, &format!("vats.{name}"), vat_facts(vat));
        }
        for (name, channel) in &self.channels {
            insert(&mut facts, &format!("io.{name}"), channel_facts(channel));
        }
        facts
    }
}

/// The vat or channel to which a key belongs: its first two parts. Names have no dots.
fn section(key: &str) -> &str {
    key.match_indices('.').nth(1).map_or(key, |(second_dot, _)| &key[..second_dot])
}

fn insert<const N: usize>(facts: &mut Facts, section: &str, of_section: [(&str, String); N]) {
    facts.insert(section.to_owned(), "declared".to_owned());
    facts.extend(of_section.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
}

fn vat_facts(vat: &VatDeclaration) -> [(&'static str, String); 13] {
    let mut uses: Vec<_> = vat.uses.iter().map(ToString::to_string).collect();
    uses.sort();
    let limits = VatLimits::wanted(&vat.limits);
    let start = match vat.start {
        Start::Lazy => "lazy",
        Start::Eager => "eager",
    };
    let hibernate = match vat.hibernate {
        Hibernate::WhenIdle => "when-idle",
        Hibernate::Never => "never",
    };
    let policy = match vat.when_quarantined {
        WhenQuarantined::Park => "park",
        WhenQuarantined::Reject => "reject",
    };
    [
        ("component", vat.component.to_string()),
        ("link", (vat.linkage == Linkage::Linked).to_string()),
        ("parameters", vat.parameters.to_string()),
        ("uses", format!("[{}]", uses.join(", "))),
        ("start", start.to_owned()),
        ("hibernate", hibernate.to_owned()),
        ("turns", vat.turns.to_string()),
        ("when_quarantined", policy.to_owned()),
        ("limits.memory", units::show_bytes(limits.memory_bytes)),
        ("limits.crank", units::show_time(limits.crank)),
        ("limits.store", units::show_bytes(limits.store_bytes)),
        ("limits.mailbox", limits.mailbox.to_string()),
        ("limits.references", limits.references.to_string()),
    ]
}

fn channel_facts(channel: &ChannelDeclaration) -> [(&'static str, String); 5] {
    let kind = match channel.kind {
        ChannelKind::UnixListen => "unix-listen",
    };
    let direction = match channel.direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::InOut => "inout",
    };
    let framing = match channel.framing {
        Framing::Lines => "lines",
    };
    [
        ("type", kind.to_owned()),
        ("path", channel.path.clone()),
        ("direction", direction.to_owned()),
        ("framing", framing.to_owned()),
        ("max_frame", units::show_bytes(channel.max_frame_bytes)),
    ]
}
