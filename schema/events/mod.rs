//! What has happened: one enum per kind of stream, and how an event becomes bytes and comes back.

mod answer;
mod api_key;
mod codec;
mod delivery;
mod distribution;
mod group;
#[cfg(test)]
mod later;
mod mark;
mod recipient;
mod report;
#[cfg(test)]
mod samples;
mod subscription;
mod tenant;
#[cfg(test)]
mod tests;
mod upcast;

pub use answer::{AnsweredVia, OnTimeAnswer};
pub use api_key::{ApiKeyEvent, KeyLimits, Scope};
pub use codec::{CodecError, EventBody};
pub use delivery::{
    AttemptOutcome, CancelReason, Complaint, DeadLetterReason, DeliveryEvent, DeliveryPlan,
    Evidence, NextStep, Resolution, SuppressReason,
};
pub use distribution::{
    ArtifactRef, DistributionEvent, NotPlanned, NotPlannedReason, OutcomeCounts, ReportVersion,
    SliceSums,
};
pub use group::GroupEvent;
pub use mark::EntryMark;
pub use recipient::{
    RecipientEvent, RecipientKind, RecipientProfile, RetireReason, SuppressionReason,
};
pub use report::{ReportEvent, ReportProfile};
pub use subscription::{GroupSubscriptionBody, SubscriptionBody, SubscriptionEvent};
pub use tenant::{PauseScope, TenantEvent};
pub use upcast::{UPCASTERS, Upcaster};

use crate::AggregateType;

/// Any event of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum LedgerEvent {
    /// Of a tenant.
    Tenant(TenantEvent),
    /// Of an API key.
    ApiKey(ApiKeyEvent),
    /// Of a report.
    Report(ReportEvent),
    /// Of a recipient.
    Recipient(RecipientEvent),
    /// Of a group.
    Group(GroupEvent),
    /// Of a subscription.
    Subscription(SubscriptionEvent),
    /// Of a distribution.
    Distribution(DistributionEvent),
    /// Of a delivery.
    Delivery(DeliveryEvent),
}

macro_rules! ledger_event {
    ($($kind:ident($body:ty)),+ $(,)?) => {
        impl LedgerEvent {
            /// Reads an event back from its stored form, older versions included.
            ///
            /// # Errors
            /// [`CodecError`] when the type or version is newer than this program, or the bytes are not that event.
            pub fn decode(
                aggregate_type: AggregateType,
                event_type: &str,
                version: &str,
                payload: &str,
            ) -> Result<Self, CodecError> {
                match aggregate_type {
                    $(AggregateType::$kind => {
                        <$body>::decode(event_type, version, payload).map(Self::$kind)
                    })+
                }
            }

            /// The event's name, as the column `event_type` has it.
            #[must_use]
            pub fn event_type(&self) -> &'static str {
                match self {
                    $(Self::$kind(event) => event.event_type(),)+
                }
            }

            /// The kind of stream it belongs to.
            #[must_use]
            pub const fn aggregate_type(&self) -> AggregateType {
                match self {
                    $(Self::$kind(_) => AggregateType::$kind,)+
                }
            }

            /// The payload as it is stored: the body of the event, without its name.
            ///
            /// # Errors
            /// [`CodecError::Nul`] when a text in it contains NUL.
            pub fn encode(&self) -> Result<String, CodecError> {
                match self {
                    $(Self::$kind(event) => event.encode(),)+
                }
            }
        }

        $(impl From<$body> for LedgerEvent {
            fn from(event: $body) -> Self {
                Self::$kind(event)
            }
        }

        impl<'e> TryFrom<&'e LedgerEvent> for &'e $body {
            /// What kind it is instead.
            type Error = AggregateType;

            fn try_from(event: &'e LedgerEvent) -> Result<Self, AggregateType> {
                match event {
                    LedgerEvent::$kind(event) => Ok(event),
                    other => Err(other.aggregate_type()),
                }
            }
        })+
    };
}

ledger_event!(
    Tenant(TenantEvent),
    ApiKey(ApiKeyEvent),
    Report(ReportEvent),
    Recipient(RecipientEvent),
    Group(GroupEvent),
    Subscription(SubscriptionEvent),
    Distribution(DistributionEvent),
    Delivery(DeliveryEvent),
);
