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

/// The most references that a vat holds whose declaration says nothing.
pub const REFERENCES_DEFAULT: u64 = 100_000;

/// Traps in a row from which on a vat waits a while before its next delivery.
pub const TRAPS_BEFORE_REST: u32 = 2;

/// Deaths of the process after which a delivery is set aside, or a vat is quarantined (kernel-rules D).
pub const DEATHS_MAX: u32 = 3;

/// How many deliveries to a vat run alone when the message that it had been given is not known.
pub const LONE_DELIVERIES: u64 = 1_000;

/// The most dead letters that are kept; the oldest go.
pub const DEAD_LETTERS_MAX: usize = 1_000;

/// The most bytes of a dead letter's body that are kept.
pub const DEAD_LETTER_BYTES_MAX: usize = 4_096;

/// The most bytes of a method's name that are remembered of the message by which a reference came.
pub const METHOD_BYTES_REMEMBERED_MAX: usize = 64;

/// The most caretakers that a message passes on its way; a way that is longer may be a circle, and ends with `forward-cycle`.
pub const CARETAKERS_MAX: usize = 64;

/// The most rows that one slice of a vat's end lets go.
pub const ENDING_SLICE_ROWS_MAX: usize = 500;
