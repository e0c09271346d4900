use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a recipient did with an entry of its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryMark {
    /// Looked at it.
    Read,
    /// Said that it has taken note. Whoever does has read it.
    Acknowledged,
    /// Wants to see it later.
    Snoozed {
        /// From when on (inclusive).
        until: Timestamp,
    },
    /// Wants to see it now after all.
    Unsnoozed,
}

impl EntryMark {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Acknowledged => "acknowledged",
            Self::Snoozed { .. } => "snoozed",
            Self::Unsnoozed => "unsnoozed",
        }
    }
}
