use chrono::{DateTime, Utc};
use projections::recipients::EntitlementRow;
use schema::{Invalid, checked_line};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::words::{ChannelWord, RecipientKindWord};

/// Longest name of a recipient, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 200;
/// Longest address, in bytes.
pub(super) const MAX_ADDRESS_BYTES: usize = 2048;

/// What is said of a recipient.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientBody {
    /// What kind it is.
    pub(super) kind: RecipientKindWord,
    /// Name for greetings: personal data, kept sealed.
    #[schema(value_type = Option<String>, example = "Ada Lovelace")]
    #[serde(default)]
    pub(super) name: Option<SecretString>,
    /// BCP 47 language tag.
    #[serde(default = "english")]
    #[schema(default = "en")]
    pub(super) locale: String,
    /// IANA time zone.
    #[serde(default = "utc")]
    #[schema(default = "UTC", example = "Europe/Berlin")]
    pub(super) zone: String,
}

fn english() -> String {
    "en".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// An address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressBody {
    /// On which channel. An address stays on its channel.
    pub(super) channel: ChannelWord,
    /// Mail address or URL: personal data, kept sealed.
    #[schema(value_type = String, example = "ada@example.com")]
    pub(super) value: SecretString,
}

/// A grant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntitlementBody {
    /// Which report; `*` for all.
    #[schema(example = "market-risk-daily")]
    pub(super) report: String,
    /// Until when (exclusive, RFC 3339); for good, when absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub(super) until: Option<String>,
}

/// The answer to a new address.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressAnswer {
    /// The recipient's last sequence.
    sequence: i64,
    /// The position from which it can be read.
    position: i64,
    /// Whose.
    recipient: String,
    /// Which.
    address: String,
    /// The webhook's signing secret, `whsec_…`: shown this once, when a webhook address is added. To get another one,
    /// retire the address and add it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A recipient, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientView {
    /// Its pseudonym.
    pub(super) recipient: String,
    /// What kind it is.
    #[schema(value_type = RecipientKindWord)]
    pub(super) kind: String,
    /// Its name; `***` unless the key has the scope `audit`; absent when none is known or it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// BCP 47 language tag.
    pub(super) locale: String,
    /// IANA time zone.
    pub(super) zone: String,
    /// When it was made known.
    pub(super) registered_at: DateTime<Utc>,
    /// When its profile last changed.
    pub(super) changed_at: DateTime<Utc>,
    /// When it was retired, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retired_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retire_reason: Option<String>,
    /// The state it is in: the ETag's number.
    pub(super) sequence: i64,
    /// Where it is reached, retired ones included; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) addresses: Option<Vec<AddressView>>,
    /// What it may have, revoked and ended grants included; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entitlements: Option<Vec<EntitlementView>>,
}

/// An address, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressView {
    /// Its name.
    pub(super) address: String,
    /// On which channel.
    #[schema(value_type = ChannelWord)]
    pub(super) channel: String,
    /// Mail address or URL; `***` unless the key has the scope `audit`: its domain may be personal, too. Absent when it
    /// was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    /// Where sends end up, as a pseudonym: what a pause names.
    pub(super) destination: String,
    /// Counts its values, from 1.
    pub(super) revision: i64,
    /// When it was added.
    pub(super) added_at: DateTime<Utc>,
    /// When its value last changed.
    pub(super) changed_at: DateTime<Utc>,
    /// When it was retired, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retired_at: Option<DateTime<Utc>>,
    /// Why: `requested` or `gone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retire_reason: Option<String>,
}

/// A grant, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntitlementView {
    grant: String,
    report: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    granted_by: String,
    granted_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke_reason: Option<String>,
}

impl From<EntitlementRow> for EntitlementView {
    fn from(row: EntitlementRow) -> Self {
        Self {
            grant: row.grant_id,
            report: row.report,
            until: row.until,
            granted_by: row.granted_by,
            granted_at: row.granted_at,
            revoked_by: row.revoked_by,
            revoked_at: row.revoked_at,
            revoke_reason: row.revoke_reason,
        }
    }
}

/// Checks a name. What is wrong with it is told without telling it.
pub(super) fn checked_name(name: &str) -> Result<(), Invalid> {
    checked_line("name", name, MAX_NAME_BYTES).map(drop).map_err(|invalid| without_value(&invalid))
}

/// The same error without the value: personal data is not echoed.
pub(super) fn without_value(invalid: &Invalid) -> Invalid {
    Invalid::new(invalid.field.clone(), "***", invalid.rule.clone())
}
