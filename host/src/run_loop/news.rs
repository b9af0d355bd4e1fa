//! What operators may hear of what happens in the loop, when it is durable.

use ocap_kernel::{Commit, DeadLetter, Kernel, MessageId, VatId, Why};

use crate::engine::LogLine;
use crate::escape::escape;
use crate::io::Client;

use super::RunLoop;
use super::effects::Effect;

/// What happened, beside whom it befell. Text of guests is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A vat spoke in one crank.
    Said(Vec<LogLine>),
    /// A vat's start went well.
    Started {
        /// The number of the incarnation.
        incarnation: u64,
    },
    /// A vat left memory.
    Hibernated,
    /// A crank of a vat was undone.
    Undone {
        /// Why, in one line.
        cause: String,
    },
    /// A vat went into quarantine.
    Quarantined {
        /// The diagnostic that the kernel keeps.
        reason: Vec<u8>,
    },
    /// A quarantined vat is served again.
    Healed,
    /// New code of a vat failed its start, and the code before is back.
    RolledBack {
        /// Why, in one line.
        cause: String,
    },
    /// A vat's incarnation was ended by an operator.
    Restarted,
    /// An operator ended a vat, alone or with its subcluster.
    Terminated,
    /// A vat ended itself.
    Exited,
    /// A client of a channel came.
    Connected(Client),
    /// It is gone.
    Left(Client),
    /// A channel that was down takes clients.
    ChannelHealed {
        /// Its name in the subcluster.
        channel: String,
    },
    /// A message for a vat will never be delivered.
    DeadLetter {
        /// Which.
        message: MessageId,
        /// The method's name.
        method: String,
        /// Why.
        why: Why,
    },
}

impl News {
    /// A vat's words.
    pub(super) fn said(lines: Vec<LogLine>) -> News {
        let harmless = lines.into_iter().map(|line| LogLine {
            message: escape(&line.message),
            fields: line.fields.iter().map(|(name, value)| (escape(name), escape(value))).collect(),
            ..line
        });
        News::Said(harmless.collect())
    }
}

impl RunLoop {
    /// Of dead letters that are about to become durable. There are next to none, and then this is a look at an empty list.
    pub(super) fn tell_of_dead_letters(&mut self, commit: &Commit) {
        for change in &commit.dead_letters {
            let Some(DeadLetter { vat, method, why, .. }) = &change.value else { continue };
            let news = News::DeadLetter { message: change.key, method: escape(method), why: *why };
            self.effects.push(Effect::News(name_of(&self.kernel, *vat), news));
        }
    }
}

/// A vat's name for people, also of one whose code is not at hand.
pub(super) fn name_of(kernel: &Kernel, vat: VatId) -> String {
    let Some(view) = kernel.vat(vat) else { return vat.to_string() };
    let subcluster = kernel.subclusters().find(|(id, _)| *id == view.row.subcluster);
    subcluster.map_or_else(|| vat.to_string(), |(_, row)| format!("{}/{}", row.name, view.row.name))
}
