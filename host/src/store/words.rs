//! The words that stand for the kernel's enums in the database. They never change; `schema.sql` checks them too.

use ocap_kernel::{Lifetime, WhenQuarantined};

/// As `objects.lifetime`.
pub(super) const fn lifetime(lifetime: Lifetime) -> &'static str {
    match lifetime {
        Lifetime::Incarnation => "incarnation",
        Lifetime::Durable => "durable",
    }
}

/// The reverse of [`lifetime`].
pub(super) fn parse_lifetime(word: &str) -> Option<Lifetime> {
    [Lifetime::Incarnation, Lifetime::Durable].into_iter().find(|known| lifetime(*known) == word)
}

/// As `vats.when_quarantined`.
pub(super) const fn when_quarantined(policy: WhenQuarantined) -> &'static str {
    match policy {
        WhenQuarantined::Park => "park",
        WhenQuarantined::Reject => "reject",
    }
}

/// The reverse of [`when_quarantined`].
pub(super) fn parse_when_quarantined(word: &str) -> Option<WhenQuarantined> {
    [WhenQuarantined::Park, WhenQuarantined::Reject].into_iter().find(|known| when_quarantined(*known) == word)
}
