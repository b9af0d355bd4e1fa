//! Every bound of this room.

use std::time::Duration;

/// The most lines of one connection that wait for their answers. Then its client is not read: 16.
pub const WINDOW: usize = 16;

/// The most clients of one channel at once. The next is closed at once: 256.
pub const CONNECTIONS_MAX: usize = 256;

/// What may wait to be written to one client, in bytes, before the next `write` waits: 64 KiB. One frame more may have been taken.
pub const OUT_BUFFER_BYTES: usize = 64 << 10;

/// How long a channel that can't be opened waits before it is tried again for the first time.
pub const RETRY_FIRST: Duration = Duration::from_millis(250);

/// The longest such wait; each is twice the one before.
pub const RETRY_LONGEST: Duration = Duration::from_secs(30);

/// How long a listener that can't accept (no descriptors left) waits, so that it does not spin.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest name of a socket file, in bytes. A socket address has room for 107, and `/proc/self/fd/<number>/` goes before it.
pub(super) const SOCKET_NAME_BYTES_MAX: usize = 80;

/// Clients that the system lets wait for `accept`.
pub(super) const BACKLOG: i32 = 128;
