use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256 as Hasher};
use uuid::Uuid;

use crate::{ChannelKind, Invalid, Timestamp};

/// Longest name a person may choose, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

fn is_name(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(inner)
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

const NAME_RULE: &str = "must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit \
    (it is not sealed: never put an address or a person's name here)";

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` against the rule for names.
            ///
            /// # Errors
            /// [`Invalid`] when it is empty, longer than 64 bytes or holds another character.
            pub fn try_new(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                if !is_name(&text) {
                    return Err(Invalid::new($field, &text, NAME_RULE));
                }
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::try_new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::try_new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id as a UUID (version 8, RFC 9562).
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// An id read back from where it was stored.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| Invalid::new($field, text, "must be a UUID"))
            }
        }
    };
}

name!(
    /// Name of a tenant's calendar.
    CalendarName,
    "calendar"
);
name!(
    /// Whose ledger it is. Chosen by the operator.
    TenantId,
    "tenant"
);
name!(
    /// A kind of report, such as `market-risk-daily`.
    ReportName,
    "report"
);
name!(
    /// One published result of a report, such as `2026-11-23`.
    VersionName,
    "version"
);
name!(
    /// A person, team or system, by a pseudonym the publisher knows.
    RecipientId,
    "recipient"
);
name!(
    /// Recipients under one name.
    GroupId,
    "group"
);
name!(
    /// One of a recipient's addresses, such as `work`.
    AddressId,
    "address"
);
name!(
    /// An entitlement, by the name of its grant.
    GrantId,
    "grant"
);
name!(
    /// What the vault keeps one state of a webhook's secrets under.
    WebhookKeysId,
    "keys"
);
name!(
    /// A subscription.
    SubscriptionId,
    "subscription"
);
name!(
    /// The public part of an API key.
    ApiKeyId,
    "api_key"
);
name!(
    /// Where sends end up, as a stable pseudonym: a keyed hash of the webhook's host and port or of the mail
    /// domain. Limits, pauses and statistics name it; it tells nobody who is behind it.
    DestinationKey,
    "destination"
);
digest_id!(
    /// The run that plans and delivers one report version: a digest of tenant, report and version, so the same
    /// version is always the same distribution.
    DistributionId,
    "distribution"
);
digest_id!(
    /// One report version to one recipient on one channel: 48 bits of the version's time, then a digest.
    DeliveryId,
    "delivery"
);

/// What stands for the place of an inbox, where other channels name an address and a host.
const INBOX: &str = "inbox";

impl AddressId {
    /// Where an inbox is: every recipient has one, without adding an address.
    #[must_use]
    pub fn of_inbox() -> Self {
        Self(INBOX.to_owned())
    }
}

impl DestinationKey {
    /// Where everything sent to inboxes ends up: this installation.
    #[must_use]
    pub fn of_inbox() -> Self {
        Self(INBOX.to_owned())
    }
}

impl DistributionId {
    /// The distribution of `version` of `report`.
    #[must_use]
    pub fn of(tenant: &TenantId, report: &ReportName, version: &VersionName) -> Self {
        let digest = digest(&[tenant.as_str(), report.as_str(), version.as_str()]);
        Self(Uuid::new_v8(first_16(&digest)))
    }
}

impl DeliveryId {
    /// The delivery of a distribution to `recipient` on `channel`. `received_at` is the version's time, so that ids
    /// of one distribution lie together in an index; `resend` is 0 for the planned delivery, then 1, 2, ….
    #[must_use]
    pub fn of(
        distribution: DistributionId,
        received_at: Timestamp,
        recipient: &RecipientId,
        channel: ChannelKind,
        resend: u32,
    ) -> Self {
        let (run, again) = (distribution.to_string(), resend.to_string());
        let digest = digest(&[&run, recipient.as_str(), channel.as_str(), &again]);
        let mut bytes = first_16(&digest);
        let millis = received_at.unix_millis().to_be_bytes();
        bytes[..6].copy_from_slice(&millis[2..]);
        Self(Uuid::new_v8(bytes))
    }
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

fn first_16(digest: &[u8; 32]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}
