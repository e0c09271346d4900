use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a recipient says of when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeAnswer {
    /// In time for what it is needed for.
    OnTime,
    /// Too late for it.
    Late,
}

impl OnTimeAnswer {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::OnTime, Self::Late];

    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Late => "late",
        }
    }

    /// The answer of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == name)
    }
}

/// Where the recipient was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredVia {
    /// By a link in the mail.
    Mail,
    /// At the entry in the inbox.
    Inbox,
}

impl AnsweredVia {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Inbox => "inbox",
        }
    }
}
