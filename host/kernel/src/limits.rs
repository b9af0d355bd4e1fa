//! Every bound of the kernel, with its unit.

/// The most messages that wait on one promise; the next is answered with `mailbox-full`.
pub const PROMISE_QUEUE_MESSAGES_MAX: usize = 10_000;

/// The most messages to one host object that the host has not answered; the next is answered with `mailbox-full`.
pub const HOST_OBJECT_MESSAGES_MAX: u64 = 10_000;

/// The most notices of one kind that are put into one delivery.
pub const NOTICES_PER_CRANK_MAX: usize = 64;

/// The most messages that wait for a vat whose declaration says nothing.
pub const MAILBOX_MESSAGES_DEFAULT: u64 = 10_000;

/// The most references that the host keeps because it lately showed them to a person, so that they can be named in the next call.
pub const LENT_REFERENCES_MAX: usize = 1_024;

/// Traps in a row, with nothing finished between them, after which a vat is quarantined if at least two senders caused them.
pub const TRAPS_IN_A_ROW_MAX: u32 = 3;
