//! The words that stand for the kernel's enums in the database. They never change; `schema.sql` and `migrations/` check them too.

use ocap_kernel::{Lifetime, Owner, WhenQuarantined, Why};

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

/// As `objects.owner`. Back it goes with the columns that each word stands for (rows.rs).
pub(super) const fn owner(owner: &Owner) -> &'static str {
    match owner {
        Owner::Vat(..) => "vat",
        Owner::Host(_) => "host",
        Owner::HostUntilBoot(_) => "host-until-boot",
        Owner::HostWhileHeld(_) => "host-while-held",
        Owner::Caretaker { .. } => "caretaker",
        Owner::Revoker(_) => "revoker",
    }
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

/// As `dead_letters.why`.
pub(super) const fn why(why: Why) -> &'static str {
    match why {
        Why::KilledTheProcess => "killed-the-process",
        Why::MailboxFull => "mailbox-full",
        Why::Damaged => "damaged",
    }
}

/// The reverse of [`why`].
pub(super) fn parse_why(word: &str) -> Option<Why> {
    [Why::KilledTheProcess, Why::MailboxFull, Why::Damaged].into_iter().find(|known| why(*known) == word)
}
