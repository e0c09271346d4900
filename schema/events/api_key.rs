use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{AggregateType, Timestamp};

/// What a key may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Register and publish reports.
    Publish,
    /// Keep recipients, entitlements and subscriptions.
    Subscribe,
    /// Read everything but personal data in the clear.
    Read,
    /// Pause, cancel, resend, resolve; issue and revoke keys.
    Operate,
    /// Read personal data in the clear, and the log itself.
    Audit,
}

impl Scope {
    /// All scopes there are.
    pub const ALL: [Self; 5] =
        [Self::Publish, Self::Subscribe, Self::Read, Self::Operate, Self::Audit];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Audit => "audit",
        }
    }
}

/// What has happened to an API key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum ApiKeyEvent {
    /// A key was handed out. Its secret was shown once and is stored nowhere.
    ApiKeyIssued {
        /// What it is for.
        title: String,
        /// HMAC-SHA-256 of the secret under the installation's key, hexadecimal.
        secret_hash: String,
        /// What it may do.
        scopes: BTreeSet<Scope>,
        /// When it stops working; never, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// The key stopped working.
    ApiKeyRevoked {
        /// Why.
        reason: String,
    },
}

impl EventBody for ApiKeyEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::ApiKey;

    fn event_type(&self) -> &'static str {
        match self {
            Self::ApiKeyIssued { .. } => "ApiKeyIssued",
            Self::ApiKeyRevoked { .. } => "ApiKeyRevoked",
        }
    }
}
