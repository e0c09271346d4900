use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use projections::tenants::queries::ApiKeyRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::words::ScopeWord;

/// The key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// What it is for: one line of 1 to 200 bytes.
    #[schema(example = "nightly publisher")]
    pub(super) title: String,
    /// What it may do; nothing that the key it is made with may not.
    pub(super) scopes: Vec<ScopeWord>,
    /// When it stops working (exclusive, RFC 3339); never, when absent. No later than the key it is made with.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub(super) expires_at: Option<String>,
    /// Whom it may subscribe to what; not limited, when absent.
    #[serde(default)]
    pub(super) limits: LimitsBody,
}

/// Whom a key may subscribe to what. A limited key changes subscriptions within its limits; nothing else that asks for
/// scope `subscribe`, and no keys. A list with nothing in it limits nothing.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsBody {
    /// Reports by name, or by how names begin and an asterisk; at most 100.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(example = json!(["sales-*"]))]
    pub(super) reports: BTreeSet<String>,
    /// Groups whose members, those of the groups in them included, it may subscribe, and they themselves; at most 100.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) groups: BTreeSet<String>,
}

/// The answer to a new key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyAnswer {
    /// Its public part.
    key: String,
    /// The whole key, `wb_<key>_<secret>`: shown this once, kept nowhere; absent when the request is repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The state it is in: the ETag's number.
    sequence: i64,
    /// The position from which it can be read.
    position: i64,
}

/// A key, without anything that would let one use it.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its public part.
    key: String,
    /// What it is for.
    title: String,
    /// What it may do.
    scopes: Vec<ScopeWord>,
    /// Whom it may subscribe to what, where that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsBody>,
    /// By whom it was handed out.
    issued_by: String,
    /// When.
    issued_at: DateTime<Utc>,
    /// When it stops working (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke_reason: Option<String>,
    /// The state it is in: the ETag's number.
    sequence: i64,
}

impl From<ApiKeyRow> for KeyView {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            // Issued once, revoked once: there is no third event.
            sequence: if row.revoked_at.is_some() { 2 } else { 1 },
            key: row.api_key,
            title: row.title,
            scopes: row.scopes.into_iter().map(ScopeWord).collect(),
            limits: row.limits.map(|limits| LimitsBody {
                reports: limits.0.reports,
                groups: limits.0.groups.iter().map(ToString::to_string).collect(),
            }),
            issued_by: row.issued_by,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoke_reason: row.revoke_reason,
        }
    }
}

impl KeyView {
    pub(super) const fn sequence(&self) -> i64 {
        self.sequence
    }
}
