use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ChannelKind, Format, Timing};

/// How a subscription wants its reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Preferences {
    /// Channels in order; the first for which the recipient has an active address is used.
    pub channels: Vec<ChannelKind>,
    /// Formats in order; the first that the version has is sent. Empty: all of the version's artifacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<Format>,
    /// Seconds from receipt of the version until it is no longer worth sending; the report's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<u32>,
    /// When they may be sent; at once when absent.
    #[serde(default, skip_serializing_if = "Timing::is_immediate")]
    pub timing: Timing,
}
