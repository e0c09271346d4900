use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{
    AggregateType, Attributes, Format, Frame, GroupId, Position, RecipientId, ReportName, Sha256,
    SubscriptionId, Timestamp, VersionName,
};

/// A file of a report version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactRef {
    /// File name, without path.
    pub name: String,
    /// What kind of file.
    pub format: Format,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// How many bytes.
    pub size_bytes: u64,
}

/// One published result of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportVersion {
    /// Which report.
    pub report: ReportName,
    /// Which version.
    pub version: VersionName,
    /// SHA-256 over the canonical form of attributes and artifacts: the same version with another digest is refused.
    pub digest: Sha256,
    /// The report's title when it was received, so that a replay sends the same words.
    pub title: String,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactRef>,
    /// Which of them is its data frame, and what is known of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// The version this one corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<VersionName>,
    /// When it came in, by the clock of the node that took it.
    pub received_at: Timestamp,
    /// When its deliveries expire, unless a subscription says earlier.
    pub deadline: Timestamp,
}

/// Why a considered pair of subscription and recipient leads to no delivery.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NotPlannedReason {
    /// The version's attributes are not those asked for.
    AttributesDiffer,
    /// The subscription is paused.
    Paused,
    /// No valid grant covers the report.
    NotEntitled,
    /// The recipient has no active address on any channel the subscription names.
    NoAddress,
    /// The version has no artifact in any format the subscription names.
    NoFormat,
    /// Another subscription of the recipient already leads to the same delivery.
    SameDelivery,
    /// The recipient was retired.
    RecipientRetired,
    /// The version was withdrawn or corrected before this slice was planned.
    Withdrawn,
    /// Every active address on the channels the subscription names is suppressed.
    SuppressedAddress,
    /// The time at which the subscription wants it lies behind its deadline.
    AfterDeadline,
    /// The subscription goes by a calendar that there is not any more.
    UnknownCalendar,
}

impl NotPlannedReason {
    /// All reasons there are.
    pub const ALL: [Self; 11] = [
        Self::AttributesDiffer,
        Self::Paused,
        Self::NotEntitled,
        Self::NoAddress,
        Self::NoFormat,
        Self::SameDelivery,
        Self::RecipientRetired,
        Self::Withdrawn,
        Self::SuppressedAddress,
        Self::AfterDeadline,
        Self::UnknownCalendar,
    ];

    /// Its name in events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AttributesDiffer => "attributes_differ",
            Self::Paused => "paused",
            Self::NotEntitled => "not_entitled",
            Self::NoAddress => "no_address",
            Self::NoFormat => "no_format",
            Self::SameDelivery => "same_delivery",
            Self::RecipientRetired => "recipient_retired",
            Self::Withdrawn => "withdrawn",
            Self::SuppressedAddress => "suppressed_address",
            Self::AfterDeadline => "after_deadline",
            Self::UnknownCalendar => "unknown_calendar",
        }
    }
}

/// The decision on one considered pair that leads to no delivery. A pair that leads to one has its decision in
/// `DeliveryScheduled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotPlanned {
    /// Whose subscription.
    pub recipient: RecipientId,
    /// Which.
    pub subscription: SubscriptionId,
    /// As it stood then.
    pub subscription_version: u32,
    /// As a member of which group, where the subscription is a group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Why not.
    pub reason: NotPlannedReason,
}

/// What one planning slice adds up to: considered = planned + not planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SliceSums {
    /// Pairs looked at.
    pub considered: u64,
    /// Pairs that led to a delivery.
    pub planned: u64,
    /// Pairs that did not, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_planned: BTreeMap<NotPlannedReason, u64>,
}

/// How the planned deliveries of a distribution ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeCounts {
    /// The receiver confirmed it.
    pub delivered: u64,
    /// Handed over.
    pub accepted: u64,
    /// Given up.
    pub dead_lettered: u64,
    /// Called off.
    pub cancelled: u64,
    /// Too late.
    pub expired: u64,
    /// Held back by a rule at the moment of sending.
    pub suppressed: u64,
}

impl OutcomeCounts {
    /// Closed deliveries in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.delivered
            + self.accepted
            + self.dead_lettered
            + self.cancelled
            + self.expired
            + self.suppressed
    }
}

/// What has happened to a report version and its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum DistributionEvent {
    /// A version came in and is ours to deliver.
    ReportReceived(ReportVersion),
    /// A bounded part of it was planned, in the same transaction as its deliveries.
    SlicePlanned {
        /// Which part, from 0.
        slice: u32,
        /// The last recipient of the part before; the beginning, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<RecipientId>,
        /// The last recipient of this part; the end of all, when absent: the plan is complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<RecipientId>,
        /// The log's position at which subscriptions were read.
        read_at: Position,
        /// What it adds up to.
        #[serde(flatten)]
        sums: SliceSums,
        /// The pairs that led to no delivery, one by one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decisions: Vec<NotPlanned>,
    },
    /// A later version corrects this one: what is not yet sent stays unsent.
    VersionCorrected {
        /// The version that takes its place.
        by: VersionName,
    },
    /// The owner took it back: what is not yet sent stays unsent.
    VersionWithdrawn {
        /// Why.
        reason: String,
    },
    /// Every planned delivery is closed and the sums close.
    DistributionReconciled {
        /// Over all slices.
        #[serde(flatten)]
        sums: SliceSums,
        /// How they ended; totals `planned`.
        outcomes: OutcomeCounts,
    },
}

impl EventBody for DistributionEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Distribution;

    fn event_type(&self) -> &'static str {
        match self {
            Self::ReportReceived(_) => "ReportReceived",
            Self::SlicePlanned { .. } => "SlicePlanned",
            Self::VersionCorrected { .. } => "VersionCorrected",
            Self::VersionWithdrawn { .. } => "VersionWithdrawn",
            Self::DistributionReconciled { .. } => "DistributionReconciled",
        }
    }
}
