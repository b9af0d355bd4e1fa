//! How a vat came to hold a reference: what is remembered of it, by whom, and for how long.
//!
//! Each row of a c-list says how it came there first, and when. That goes with the row, and nothing is kept for each message. It is for
//! operators: no rule depends on it, and no vat can see it.

use std::sync::Arc;

use crate::id::{Kref, MessageId, ObjectId};
use crate::kernel::{BegunKind, Delivered, Kernel};
use crate::limits::METHOD_BYTES_REMEMBERED_MAX;
use crate::rows::{Item, Message, Sender};

/// How a reference came into a vat's c-list, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// How.
    pub how: How,
    /// When.
    pub since: Moment,
}

/// When something happened, as far as the kernel was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// In which boot of the store.
    pub boot: u64,
    /// The time of day, in milliseconds since 1970; 0 if the host had not told it.
    pub ms: u64,
}

/// How a reference came into a vat's c-list first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// At its launch, as the grant of this name.
    Granted(String),
    /// It is an object of the vat's own.
    Exposed,
    /// The vat asked the kernel for it: a promise with its resolver, or a caretaker with its revoker.
    Made,
    /// The promise of the answer to a message that the vat sent there.
    Asked {
        /// What the message was sent to.
        target: Kref,
    },
    /// A message brought it.
    Sent {
        /// Which message.
        message: MessageId,
        /// Who sent it.
        by: Sender,
        /// The object of the vat that it was delivered to.
        to: ObjectId,
        /// The beginning of the method's name: at most [`crate::limits::METHOD_BYTES_REMEMBERED_MAX`] bytes.
        method: String,
    },
    /// A promise that the vat watched or listened to ended with it.
    Answered {
        /// Who settled the promise, if it was settled after the vat had asked to be told.
        by: Option<Sender>,
    },
}

impl Kernel {
    /// The time of day, in milliseconds since 1970: what happens from now on is remembered as having happened then.
    pub fn tell_time(&mut self, ms: u64) {
        self.now_ms = ms;
    }

    /// The origin of what comes about just now.
    pub(crate) fn origin(&self, how: How) -> Arc<Origin> {
        Arc::new(Origin { how, since: Moment { boot: self.counters.boot, ms: self.now_ms } })
    }

    /// The origin of what a delivery brings; `of_message` is where that of a message is kept for all that it brings.
    pub(crate) fn brought(
        &self,
        kind: &BegunKind,
        delivered: &Delivered,
        of_message: &mut Option<Arc<Origin>>,
    ) -> Arc<Origin> {
        match kind {
            BegunKind::Message(id) => of_message.get_or_insert_with(|| self.sent(*id)).clone(),
            BegunKind::Start | BegunKind::Settled(_) | BegunKind::Dropped(_) => {
                self.origin(How::Answered { by: delivered.settler })
            }
        }
    }

    fn sent(&self, id: MessageId) -> Arc<Origin> {
        let queued = self.queue.get(&id).expect("what is delivered waits until its crank is finished");
        let Item::Message(message @ Message { target: Kref::Object(to), .. }) = &queued.item else {
            unreachable!("only messages to objects are delivered as such")
        };
        self.origin(match message.settler {
            Some(settler) => How::Answered { by: Some(settler) },
            None => How::Sent { message: id, by: message.sender, to: *to, method: beginning(&message.method) },
        })
    }
}

/// A name may be as long as a message: of what is kept as long as a reference, only the beginning is.
fn beginning(method: &str) -> String {
    method[..method.floor_char_boundary(METHOD_BYTES_REMEMBERED_MAX)].to_owned()
}
