//! What is loaded is what was live, with every heap gone.

use std::collections::BTreeSet;

use ocap_kernel::*;

use super::disk::Rows;
use super::model::is_notice;
use super::number_of;
use super::run::World;

impl World {
    /// Compares the live kernel, when every incarnation was ended, with the one that its rows give. For a host that tells and never
    /// asks: what it holds in memory ends with the process alone.
    pub fn assert_loads_as_it_lives(&mut self) {
        for connection in std::mem::take(&mut self.connections) {
            self.kernel.end_object(connection);
        }
        self.commit();
        let mut live = self.kernel.clone();
        for vat in live.vats().map(|vat| vat.id).collect::<Vec<_>>() {
            live.hibernate_by_force(vat);
        }
        let mut loaded = Kernel::load(self.disk.state()).expect("what was committed loads");
        let [live, loaded] = [&mut live, &mut loaded].map(|kernel| {
            kernel.sweep();
            kernel.audit().unwrap_or_else(|discrepancy| panic!("{discrepancy}"));
            let mut rows = self.disk.clone();
            rows.write(kernel.take_commit());
            what_stays(&rows)
        });
        let lost: Vec<_> = live.difference(&loaded).collect();
        let made: Vec<_> = loaded.difference(&live).collect();
        assert!(lost.is_empty() && made.is_empty(), "only the live one has {lost:#?}, only the loaded one {made:#?}");
    }
}

/// The rows without what depends on the order in which incarnations end: numbers of messages, and which loss came last.
fn what_stays(rows: &Rows) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let fate = |row: &Object| row.fate == Fate::Live;
    all.extend(rows.objects.iter().map(|(id, row)| format!("{id} {:?} {}", row.owner, fate(row))));
    all.extend(rows.promises.iter().filter_map(|(id, row)| match row {
        Promise::Failed(_) => Some(format!("{id} failed")),
        // A link on the way to the end of a chain goes when somebody follows it.
        Promise::Settled(Answer::Forward(Kref::Promise(_))) => None,
        Promise::Unsettled { .. } | Promise::Settled(_) => Some(format!("{id} {row:?}")),
    }));
    all.extend(rows.clist.iter().map(|row| format!("{row:?}")));
    all.extend(rows.holds.iter().map(|row| format!("{row:?}")));
    all.extend(rows.store.iter().map(|row| format!("{row:?}")));
    all.extend(rows.vats.iter().map(|row| format!("{row:?}")));
    all.extend(rows.queue.values().map(|queued| match &queued.item {
        // A notice of the kernel's own says which loss it was.
        Item::Message(message) if is_notice(&message.method) && number_of(&message.args.body).is_none() => {
            format!("{:?} {} {} {:?}", queued.queue, message.target, message.method, message.args.caps)
        }
        Item::Message(_) | Item::Dropped(_) | Item::Settled { .. } => format!("{queued:?}"),
    }));
    all
}
