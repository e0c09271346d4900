use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// How a report reaches a recipient.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Mail by SMTP (RFC 5321). Ends as accepted: the next server has it, nothing more is promised.
    Mail,
    /// An HTTP POST after Standard Webhooks v1. Ends as delivered: a 2xx is the receiver's own proof.
    Webhook,
    /// The recipient's own list, on this installation. Ends as delivered: the row is its own proof.
    Inbox,
}

impl ChannelKind {
    /// All channels there are.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Webhook, Self::Inbox];

    /// Its name in events, tables and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Inbox => "inbox",
        }
    }
}

/// What kind of file an artifact is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// Office Open XML workbook (ISO/IEC 29500).
    Xlsx,
    /// Portable Document Format (ISO 32000).
    Pdf,
    /// Apache Parquet.
    Parquet,
    /// JSON (RFC 8259).
    Json,
    /// HTML.
    Html,
    /// Plain text.
    Text,
    /// A ZIP archive.
    Zip,
    /// Any other bytes.
    Binary,
}

impl Format {
    /// All formats there are.
    pub const ALL: [Self; 9] = [
        Self::Csv,
        Self::Xlsx,
        Self::Pdf,
        Self::Parquet,
        Self::Json,
        Self::Html,
        Self::Text,
        Self::Zip,
        Self::Binary,
    ];

    /// Its name in events and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
            Self::Parquet => "parquet",
            Self::Json => "json",
            Self::Html => "html",
            Self::Text => "text",
            Self::Zip => "zip",
            Self::Binary => "binary",
        }
    }

    /// The media type it is sent with.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
            Self::Zip => "application/zip",
            Self::Binary => "application/octet-stream",
        }
    }
}

macro_rules! by_name {
    ($kind:ty, $field:literal) => {
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
                    let known = Self::ALL.map(Self::as_str).join(", ");
                    Invalid::new($field, text, format!("must be one of {known}"))
                })
            }
        }
    };
}

by_name!(ChannelKind, "channel");
by_name!(Format, "format");
