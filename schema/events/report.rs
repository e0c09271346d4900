use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{AggregateType, ColumnSpec};

/// What is known of a kind of report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportProfile {
    /// Its name for people; the mail's subject begins with it.
    pub title: String,
    /// Who answers for it, as an opaque id.
    pub owner: String,
    /// Seconds from receipt of a version until its deliveries expire, unless a subscription says less.
    pub deadline_s: u32,
    /// The columns that a version's data frame must have, in their order; any, when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnSpec>,
    /// Whether recipients may subscribe themselves on their own page, as far as a grant covers it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_service: bool,
}

/// What has happened to a kind of report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum ReportEvent {
    /// The report was made known.
    ReportRegistered(ReportProfile),
    /// The whole profile, as it is from now on.
    ReportChanged(ReportProfile),
    /// No further versions are taken.
    ReportRetired {
        /// Why.
        reason: String,
    },
}

impl EventBody for ReportEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Report;

    fn event_type(&self) -> &'static str {
        match self {
            Self::ReportRegistered(_) => "ReportRegistered",
            Self::ReportChanged(_) => "ReportChanged",
            Self::ReportRetired { .. } => "ReportRetired",
        }
    }
}
