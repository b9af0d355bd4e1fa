//! Counts everything again from scratch and compares. After any public act it must agree.

use std::collections::BTreeMap;

use crate::drop::held_by;
use crate::id::Kref;
use crate::kernel::{Kernel, Watched};
use crate::rows::{Owner, Promise, Queue, VatStatus};

/// Something that the kernel's own rules exclude: a bug of the kernel or a damaged store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Discrepancy(pub String);

impl Kernel {
    /// Compares every count, index and queue with the rows they follow from.
    ///
    /// # Errors
    /// The first thing that does not agree.
    pub fn audit(&self) -> Result<(), Discrepancy> {
        let recount = self.recount();
        for (kref, count) in recount.iter().chain(&self.counts) {
            let (live, counted) = (self.count(*kref), recount.get(kref).copied().unwrap_or(0));
            if live != counted {
                return Err(Discrepancy(format!("{kref} has {counted} holders and a count of {live} ({count})")));
            }
        }
        self.audit_clists()?;
        self.audit_queues()?;
        self.audit_promises()?;
        if let Some((promise, _)) = self.work.front() {
            return Err(Discrepancy(format!("{promise} was not settled before the act ended")));
        }
        Ok(())
    }

    pub(crate) fn recount(&self) -> BTreeMap<Kref, u64> {
        let mut counts = BTreeMap::new();
        let mut hold = |kref: Kref| *counts.entry(kref).or_insert(0) += 1;
        self.clists.iter().filter(|(_, _, row)| row.is_held()).for_each(|(_, _, row)| hold(row.kref));
        self.queue.iter().flat_map(|(_, queued)| queued.item.held()).for_each(&mut hold);
        for (_, row) in self.promises.iter() {
            match row {
                Promise::Unsettled { listeners } => listeners.iter().copied().for_each(&mut hold),
                Promise::Settled(answer) => held_by(answer).into_iter().for_each(&mut hold),
                Promise::Failed(_) => {}
            }
        }
        for (promise, watchers) in &self.watchers {
            watchers.iter().for_each(|_| hold(Kref::Promise(*promise)));
        }
        self.holds.iter().for_each(|(_, kref)| hold(*kref));
        self.host_handles.iter().for_each(|object| hold(Kref::Object(*object)));
        self.lent.iter().copied().for_each(&mut hold);
        counts
    }

    fn audit_clists(&self) -> Result<(), Discrepancy> {
        if !self.clists.is_consistent() {
            return Err(Discrepancy("the two directions of a c-list differ".to_owned()));
        }
        let mut kept: BTreeMap<_, u64> = BTreeMap::new();
        for ((vat, _), slots) in &self.holdings {
            slots.iter().for_each(|slot| *kept.entry((*vat, *slot)).or_insert(0) += 1);
        }
        for (vat, row) in self.vats.iter() {
            row.grants.iter().for_each(|(_, slot)| *kept.entry((*vat, *slot)).or_insert(0) += 1);
        }
        for (vat, slot, row) in self.clists.iter() {
            let counted = kept.remove(&(vat, slot)).unwrap_or(0);
            if counted != row.kept {
                return Err(Discrepancy(format!("{vat} keeps {slot} {counted} times, its row says {}", row.kept)));
            }
        }
        match kept.first_key_value() {
            Some(((vat, slot), _)) => Err(Discrepancy(format!("{vat} keeps {slot}, which its c-list does not have"))),
            None => Ok(()),
        }
    }

    fn audit_queues(&self) -> Result<(), Discrepancy> {
        let inboxes: usize = self.seats.values().map(|seat| seat.inbox.len()).sum();
        let waiting: usize = self.waiting.values().map(|queue| queue.len()).sum();
        let at_host = self.queue.iter().filter(|(_, queued)| queued.queue == Queue::Host).count();
        if inboxes + waiting + at_host != self.queue.len() {
            return Err(Discrepancy(format!(
                "{} items wait, but {inboxes} in inboxes, {waiting} on promises and {at_host} for the host",
                self.queue.len()
            )));
        }
        for (vat, seat) in &self.seats {
            if seat.inbox.iter().zip(seat.inbox.iter().skip(1)).any(|(before, after)| before >= after) {
                return Err(Discrepancy(format!("the inbox of {vat} is out of order")));
            }
            let active = self.vats.get(vat).is_some_and(|row| row.status == VatStatus::Active);
            let should_be_ready = active && seat.crank.is_none() && seat.has_work();
            // The reverse is harmless: a vat whose only notice was taken back is skipped at its turn.
            if should_be_ready && !self.ready.contains(vat) {
                return Err(Discrepancy(format!("{vat} has something to do and is not ready")));
            }
            for (token, watched) in &seat.watches {
                let exists = match watched {
                    Watched::Promise(promise) => self.watchers.contains_key(promise),
                    Watched::Notice(id) => seat.inbox.contains(id),
                };
                if !exists {
                    return Err(Discrepancy(format!("{vat} watches with token {token} what is not there")));
                }
            }
        }
        Ok(())
    }

    fn audit_promises(&self) -> Result<(), Discrepancy> {
        for (&promise, row) in self.promises.iter() {
            let resolvable = self.count(Kref::Resolver(promise)) > 0;
            let held = self.count(Kref::Promise(promise)) > 0;
            let stays = match row {
                Promise::Unsettled { .. } => resolvable,
                Promise::Settled(_) | Promise::Failed(_) => held,
            };
            if !stays {
                return Err(Discrepancy(format!("{promise} has a row that nothing keeps")));
            }
        }
        for (&object, row) in self.objects.iter() {
            let Owner::Vat(vat, exposed) = row.owner else { continue };
            let exports = self.seats.get(&vat).map(|seat| &seat.exports);
            let bound = exports.and_then(|exports| exports.get(&exposed.object)).is_some_and(|at| at.object == object);
            let unheld = self.count(Kref::Object(object)) == 0;
            if unheld && (!bound || (exposed.object != 0 && !self.notified.contains(&object))) {
                return Err(Discrepancy(format!("{object} has a row that nothing keeps")));
            }
        }
        Ok(())
    }
}
