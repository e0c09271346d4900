use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{AggregateType, GroupId, ReportSelector, Timestamp};

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

/// To whom and to what a key's subscriptions are limited. A list with nothing in it limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyLimits {
    /// Reports by name, or by how the name begins, then an asterisk: `risk-*`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reports: BTreeSet<String>,
    /// Groups: they, the groups in them and their members are whom it may subscribe.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupId>,
}

impl KeyLimits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.groups.is_empty()
    }

    /// Whether a subscription may select this. All reports are more than any list.
    #[must_use]
    pub fn allow(&self, report: &ReportSelector) -> bool {
        let ReportSelector::Named(name) = report else { return self.reports.is_empty() };
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => name.as_str().starts_with(beginning),
            None => name.as_str() == pattern,
        };
        self.reports.is_empty() || self.reports.iter().any(fits)
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
        /// To whom and to what its subscriptions are limited; not at all, when absent.
        #[serde(default, skip_serializing_if = "KeyLimits::is_empty")]
        limits: KeyLimits,
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
