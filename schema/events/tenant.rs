use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{AggregateType, Calendar, CalendarName, ChannelKind, DestinationKey, Position};

/// What an operator's pause holds back.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PauseScope {
    /// Every send of the tenant.
    All,
    /// Sends on one channel.
    Channel {
        /// Which.
        channel: ChannelKind,
    },
    /// Sends to one destination.
    Destination {
        /// Which.
        destination: DestinationKey,
    },
}

/// What has happened to a tenant. The tenant `system` stands for the installation itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum TenantEvent {
    /// A tenant was set up.
    TenantCreated {
        /// The organisation's name, for people.
        title: String,
    },
    /// An operator holds sends back. What is due waits; deadlines go on.
    DispatchPaused {
        /// Which sends.
        scope: PauseScope,
        /// Why, for whoever looks next.
        reason: String,
    },
    /// Sends go on.
    DispatchResumed {
        /// Which sends.
        scope: PauseScope,
    },
    /// An operator told a follower to leave out an event it cannot read (tenant `system` only).
    EventSkipped {
        /// Which follower.
        follower: String,
        /// The event left out.
        position: Position,
        /// Why.
        reason: String,
    },
    /// An older backup was restored, and an operator goes on without what was recorded after it (tenant `system` only).
    LossAccepted {
        /// The last event the restored log held.
        head: Position,
        /// The last event that is known to have been there: what lies between is lost, and these positions are not
        /// used again.
        known: Position,
        /// Why.
        reason: String,
    },
    /// A calendar says from now on which days are business days.
    CalendarDefined {
        /// Its name.
        calendar: CalendarName,
        /// What it says, as a whole.
        #[serde(flatten)]
        days: Calendar,
    },
    /// There is no such calendar any more.
    CalendarRemoved {
        /// Its name.
        calendar: CalendarName,
    },
}

impl EventBody for TenantEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Tenant;

    fn event_type(&self) -> &'static str {
        match self {
            Self::TenantCreated { .. } => "TenantCreated",
            Self::DispatchPaused { .. } => "DispatchPaused",
            Self::DispatchResumed { .. } => "DispatchResumed",
            Self::EventSkipped { .. } => "EventSkipped",
            Self::LossAccepted { .. } => "LossAccepted",
            Self::CalendarDefined { .. } => "CalendarDefined",
            Self::CalendarRemoved { .. } => "CalendarRemoved",
        }
    }
}
