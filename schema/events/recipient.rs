use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{
    AddressId, AggregateType, ChannelKind, DeliveryId, DestinationKey, GrantId, ReportSelector,
    Sealed, Timestamp, WebhookSettings, Zone,
};

/// What kind of recipient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientKind {
    /// A human being.
    Person,
    /// Several, behind one address.
    Team,
    /// A program.
    System,
}

/// What is known of a recipient besides addresses and entitlements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecipientProfile {
    /// What kind.
    pub kind: RecipientKind,
    /// Name for greetings: personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sealed>,
    /// BCP 47 language tag.
    pub locale: String,
    /// Where its clock is.
    pub zone: Zone,
}

/// Why an address is used no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetireReason {
    /// Someone asked for it.
    Requested,
    /// The other side said it is gone for good (HTTP 410).
    Gone,
}

/// Why nothing is sent to an address for a while, or for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// Its server says that the mailbox does not exist, or takes nothing any more.
    HardBounce,
    /// Its owner, or the owner's provider, complained (RFC 5965).
    Complaint,
    /// Mail came back several times for reasons that pass.
    RepeatedSoft,
    /// It stood on a list that was imported.
    Imported,
    /// Someone asked for it.
    Requested,
}

impl SuppressionReason {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::Complaint => "complaint",
            Self::RepeatedSoft => "repeated_soft",
            Self::Imported => "imported",
            Self::Requested => "requested",
        }
    }
}

/// What has happened to a recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum RecipientEvent {
    /// The recipient was made known.
    RecipientRegistered(RecipientProfile),
    /// The whole profile, as it is from now on.
    RecipientChanged(RecipientProfile),
    /// It can be reached here.
    AddressAdded {
        /// The address's name within the recipient.
        address: AddressId,
        /// On which channel.
        channel: ChannelKind,
        /// Mail address or URL: personal data.
        value: Sealed,
        /// Where sends end up, as a pseudonym.
        destination: DestinationKey,
        /// 1, or more when an address of this name had been retired.
        revision: u32,
    },
    /// It can be reached here instead.
    AddressChanged {
        /// Which address.
        address: AddressId,
        /// The new value: personal data.
        value: Sealed,
        /// Where sends end up, as a pseudonym.
        destination: DestinationKey,
        /// One more than before; attempts name the revision they used.
        revision: u32,
    },
    /// It can no longer be reached here.
    AddressRetired {
        /// Which address.
        address: AddressId,
        /// Why.
        reason: RetireReason,
    },
    /// A mail to it came back for a reason that passes.
    AddressBouncedSoftly {
        /// Which address.
        address: AddressId,
        /// As it stood when the mail was sent.
        revision: u32,
        /// Which delivery came back.
        delivery: DeliveryId,
        /// When that was learned.
        at: Timestamp,
    },
    /// Nothing is sent to it. A change of the address ends that: it leads elsewhere.
    AddressSuppressed {
        /// Which address.
        address: AddressId,
        /// As it stood then.
        revision: u32,
        /// Why.
        reason: SuppressionReason,
        /// Until when (exclusive); until it is lifted, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// The delivery that came back or was complained of, if one was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<DeliveryId>,
    },
    /// It is sent to again.
    SuppressionLifted {
        /// Which address.
        address: AddressId,
        /// Why.
        reason: String,
    },
    /// The webhook is sent to like this from now on, whatever was said before.
    WebhookConfigured {
        /// Which address.
        address: AddressId,
        /// How.
        settings: WebhookSettings,
    },
    /// It may have these reports. Who granted it is the event's actor.
    EntitlementGranted {
        /// The grant's name within the recipient.
        grant: GrantId,
        /// Which reports.
        report: ReportSelector,
        /// Until when (exclusive); for good, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// It may no longer have them by this grant.
    EntitlementRevoked {
        /// Which grant.
        grant: GrantId,
        /// Why.
        reason: String,
    },
    /// The recipient gets nothing any more.
    RecipientRetired {
        /// Why.
        reason: String,
    },
}

impl EventBody for RecipientEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Recipient;

    fn event_type(&self) -> &'static str {
        match self {
            Self::RecipientRegistered(_) => "RecipientRegistered",
            Self::RecipientChanged(_) => "RecipientChanged",
            Self::AddressAdded { .. } => "AddressAdded",
            Self::AddressChanged { .. } => "AddressChanged",
            Self::AddressRetired { .. } => "AddressRetired",
            Self::AddressBouncedSoftly { .. } => "AddressBouncedSoftly",
            Self::AddressSuppressed { .. } => "AddressSuppressed",
            Self::SuppressionLifted { .. } => "SuppressionLifted",
            Self::WebhookConfigured { .. } => "WebhookConfigured",
            Self::EntitlementGranted { .. } => "EntitlementGranted",
            Self::EntitlementRevoked { .. } => "EntitlementRevoked",
            Self::RecipientRetired { .. } => "RecipientRetired",
        }
    }
}
