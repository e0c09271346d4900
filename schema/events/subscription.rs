use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{AggregateType, GroupId, Preferences, RecipientId, Selector, Timestamp};

/// What a subscription says, as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubscriptionBody {
    /// Who gets it. Never changes within a subscription.
    pub recipient: RecipientId,
    /// Which report versions.
    pub selector: Selector,
    /// How.
    pub preferences: Preferences,
}

/// What a group's subscription says, as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupSubscriptionBody {
    /// Whose members get it: whoever is one when a version is planned. Never changes within a subscription.
    pub group: GroupId,
    /// Which report versions.
    pub selector: Selector,
    /// How.
    pub preferences: Preferences,
}

/// What has happened to a subscription. `version` counts every change of what it says or whether it holds, from 1:
/// decisions name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum SubscriptionEvent {
    /// Someone subscribed.
    Subscribed {
        /// 1, or more when it had been ended.
        version: u32,
        /// What it says.
        #[serde(flatten)]
        body: SubscriptionBody,
    },
    /// What it says from now on, as a whole.
    SubscriptionChanged {
        /// One more than before.
        version: u32,
        /// What it says.
        #[serde(flatten)]
        body: SubscriptionBody,
    },
    /// A group was subscribed. Told apart from `Subscribed`, of which readers may rely on its recipient.
    GroupSubscribed {
        /// 1, or more when it had been ended.
        version: u32,
        /// What it says.
        #[serde(flatten)]
        body: GroupSubscriptionBody,
    },
    /// What a group's says from now on, as a whole.
    GroupSubscriptionChanged {
        /// One more than before.
        version: u32,
        /// What it says.
        #[serde(flatten)]
        body: GroupSubscriptionBody,
    },
    /// A member of the group wants none of it, and goes on as a member.
    MemberOptedOut {
        /// One more than before.
        version: u32,
        /// Who.
        recipient: RecipientId,
        /// Why, or how: `one_click`, `requested`, ….
        reason: String,
    },
    /// A member who wanted none of it wants it again.
    MemberOptedIn {
        /// One more than before.
        version: u32,
        /// Who.
        recipient: RecipientId,
    },
    /// It holds back for a while.
    SubscriptionPaused {
        /// One more than before.
        version: u32,
        /// Until when (exclusive); until resumed, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// It holds again.
    SubscriptionResumed {
        /// One more than before.
        version: u32,
    },
    /// It ended.
    Unsubscribed {
        /// One more than before.
        version: u32,
        /// Why, or how: `one_click`, `requested`, ….
        reason: String,
    },
}

impl EventBody for SubscriptionEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Subscription;

    fn event_type(&self) -> &'static str {
        match self {
            Self::Subscribed { .. } => "Subscribed",
            Self::SubscriptionChanged { .. } => "SubscriptionChanged",
            Self::GroupSubscribed { .. } => "GroupSubscribed",
            Self::GroupSubscriptionChanged { .. } => "GroupSubscriptionChanged",
            Self::MemberOptedOut { .. } => "MemberOptedOut",
            Self::MemberOptedIn { .. } => "MemberOptedIn",
            Self::SubscriptionPaused { .. } => "SubscriptionPaused",
            Self::SubscriptionResumed { .. } => "SubscriptionResumed",
            Self::Unsubscribed { .. } => "Unsubscribed",
        }
    }
}
