//! What a client of the control socket may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a client may do; each may do also what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look: nothing in the host is different afterwards.
    Read,
    /// Use what runs, and have more run: call, launch, restart, upgrade, pin.
    Operate,
    /// Also what can't be undone or takes away: terminate, revoke, stop.
    Admin,
}

impl Role {
    /// The word on the command line, in files and in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_all_that_others_may() {
        assert!(Role::Read < Role::Operate && Role::Operate < Role::Admin);
    }
}
