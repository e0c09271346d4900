use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Sealed;

/// Why an attempt failed, by what can be done about it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// It may work later: retried by schedule.
    Transient,
    /// The other side asks for less: retried, not before it says.
    Throttled,
    /// Our credentials are refused: retried by schedule, the operator must act.
    Auth,
    /// What we were told to do cannot be done this way as things stand, here or at the other side: retried by schedule,
    /// the operator must act.
    Config,
    /// This content is refused: not retried.
    Content,
    /// This address does not exist or no longer wants anything: not retried.
    RecipientPermanent,
    /// A rule forbids it: not retried.
    Policy,
    /// It may have arrived: retried under the same idempotency key, or held.
    InDoubt,
    /// No table knows the answer: treated as transient, counted so that the table can learn.
    Unknown,
}

impl FailureClass {
    /// All classes there are.
    pub const ALL: [Self; 9] = [
        Self::Transient,
        Self::Throttled,
        Self::Auth,
        Self::Config,
        Self::Content,
        Self::RecipientPermanent,
        Self::Policy,
        Self::InDoubt,
        Self::Unknown,
    ];

    /// Its name in events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Auth => "auth",
            Self::Config => "config",
            Self::Content => "content",
            Self::RecipientPermanent => "recipient_permanent",
            Self::Policy => "policy",
            Self::InDoubt => "in_doubt",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong with an attempt, as recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// What can be done about it.
    pub class: FailureClass,
    /// The taxonomy's name for it, such as `http.503`, `smtp.5.1.1`, `connect.refused`.
    pub code: String,
    /// What the other side said, sealed under the recipient's key: replies quote addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Sealed>,
    /// How long the other side asked us to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
