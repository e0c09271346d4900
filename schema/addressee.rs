use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{GroupId, RecipientId};

/// Whom something is for: one recipient, or all those under a name.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// One recipient.
    Recipient(RecipientId),
    /// Whoever is a member of the group, directly or by a group in it.
    Group(GroupId),
}

impl Addressee {
    /// The recipient, if it is one.
    #[must_use]
    pub const fn recipient(&self) -> Option<&RecipientId> {
        match self {
            Self::Recipient(recipient) => Some(recipient),
            Self::Group(_) => None,
        }
    }

    /// The group, if it is one.
    #[must_use]
    pub const fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Group(group) => Some(group),
            Self::Recipient(_) => None,
        }
    }

    /// Its name, whatever it names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Recipient(recipient) => recipient.as_str(),
            Self::Group(group) => group.as_str(),
        }
    }
}

impl fmt::Display for Addressee {
    /// As it stands in a sentence: `ada`, `group desk`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipient(recipient) => recipient.fmt(f),
            Self::Group(group) => write!(f, "group {group}"),
        }
    }
}
