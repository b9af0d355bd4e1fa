//! Every accepted message has exactly one fate (I9): it waits in one place, was delivered, or was answered.

use std::collections::BTreeMap;

use ocap_kernel::*;

use super::disk::Rows;
use super::kept::Kept;
use super::model::{Model, Wanted};
use super::number_of;

/// Only these carry numbers of their own; a notice repeats the number of a value.
const SENT_ONCE: [&str; 3] = ["x", "y", "poke"];

#[derive(Default)]
pub struct Fates {
    /// Where each message waits that is on the disk.
    waiting: BTreeMap<u64, (MessageId, Queue)>,
    /// What was accepted since the last commit.
    accepted: Vec<u64>,
    /// What waits nowhere any more.
    ended: Kept<u64, ()>,
}

impl Fates {
    pub fn accepted(&mut self, method: &str, number: u64) {
        if SENT_ONCE.contains(&method) {
            self.accepted.push(number);
        }
    }

    /// It was taken from its queue for good.
    pub fn delivered(&mut self, number: u64) {
        assert!(!self.ended.contains(&number), "message {number} is delivered again");
        self.ended.add(number);
    }

    /// The host answered it, perhaps too late.
    pub fn answered(&mut self, number: u64) {
        self.ended.add(number);
    }

    /// Compares what a commit does to the queues with what was seen: the messages that wait nowhere any more. Call it before the
    /// commit is written.
    pub fn check(&mut self, commit: &Commit, before: &Rows) -> Vec<u64> {
        let mut left = std::mem::take(&mut self.accepted);
        let mut moved = BTreeMap::new();
        for change in &commit.queue {
            if let Some((number, _)) = before.queue.get(&change.key).and_then(sent_once) {
                moved.extend(self.waiting.remove(&number).map(|place| (number, place)));
                left.push(number);
            }
        }
        for change in &commit.queue {
            let Some((number, queue)) = change.value.as_ref().and_then(sent_once) else { continue };
            let place = (change.key, queue);
            let before = self.waiting.insert(number, place);
            assert!(before.is_none(), "message {number} waits twice: at {before:?} and {place:?}");
            assert!(!self.ended.contains(&number), "message {number} comes back after it was dealt with");
            // What waits for a vat keeps its place until it is delivered or answered (kernel-rules 16).
            let is_moved = |before: &(MessageId, Queue)| before.1 == queue && before.0 != change.key;
            let moved = moved.get(&number).is_some_and(is_moved) && matches!(queue, Queue::Inbox(_));
            assert!(!moved, "message {number} lost its place in an inbox");
        }
        left.retain(|number| !self.waiting.contains_key(number));
        left
    }

    /// Messages that left their queues were delivered, or their answer is settled.
    pub fn judge(&mut self, left: Vec<u64>, model: &Model, rows: &Rows) -> u64 {
        let mut refused = 0;
        for number in left.into_iter().filter(|number| !self.ended.contains(number)).collect::<Vec<_>>() {
            refused += 1;
            self.ended.add(number);
            if let Some(Wanted::AtPromise(answer)) = model.message(number).map(|sent| sent.wanted) {
                let open = matches!(rows.promises.get(&answer), Some(Promise::Unsettled { .. }));
                assert!(!open, "message {number} vanished, and its answer {answer} is still awaited");
            }
        }
        refused
    }

    pub fn commit(&mut self) {
        self.ended.commit();
    }

    pub fn crash(&mut self, rows: &Rows) {
        self.accepted.clear();
        self.ended.crash();
        self.waiting = rows
            .queue
            .iter()
            .filter_map(|(id, queued)| {
                let (number, queue) = sent_once(queued)?;
                Some((number, (*id, queue)))
            })
            .collect();
    }
}

fn sent_once(queued: &Queued) -> Option<(u64, Queue)> {
    match &queued.item {
        Item::Message(message) if SENT_ONCE.contains(&message.method.as_str()) => {
            Some((number_of(&message.args.body)?, queued.queue))
        }
        Item::Message(_) | Item::Dropped(_) | Item::Settled { .. } => None,
    }
}
