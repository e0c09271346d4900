use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Sealed, Sha256};

/// What a success proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The receiver itself confirmed it.
    Delivered,
    /// It was handed over; nothing more is promised.
    Accepted,
}

/// What the other side answered to a send that worked, as recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// What it proves.
    pub proof: Proof,
    /// HTTP status or SMTP reply code; 0 where nobody answers, on the inbox.
    pub status: u16,
    /// SHA-256 of the exact bytes sent (HTTP body; mail as given to DATA, before dot-stuffing; an inbox entry's
    /// canonical form).
    pub content_sha256: Sha256,
    /// How many bytes that were.
    pub content_bytes: u64,
    /// The reply's text, sealed under the recipient's key. Absent when it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Sealed>,
}

/// A receipt before its reply is sealed: as a channel hands it to dispatch, in memory only.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearReceipt {
    /// What it proves.
    pub proof: Proof,
    /// HTTP status or SMTP reply code.
    pub status: u16,
    /// SHA-256 of the exact bytes sent.
    pub content_sha256: Sha256,
    /// How many bytes that were.
    pub content_bytes: u64,
    /// The reply's text, at most 512 bytes of it; may hold personal data.
    pub reply: Option<String>,
}
