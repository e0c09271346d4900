//! What is said. Every word that crosses a wall: ids, events, metadata, sealed values, parcels and receipts.
//!
//! This crate does no I/O, holds no rule and does not know cqrs-es, SQL, HTTP or the clock. Nothing in it denies
//! unknown fields: in a rolling upgrade an older node reads what a newer one has stored. Callers' misspellings are
//! refused where their bytes are read (`api`, `intake`, `config`).

#![warn(missing_docs)]

mod addressee;
mod attributes;
mod channel;
pub mod contract;
mod digest;
mod envelope;
pub mod events;
mod failure;
mod frame;
mod ids;
mod invalid;
mod metadata;
mod parcel;
mod preferences;
mod receipt;
mod recorded;
mod retry;
mod sealed;
mod severity;
mod stream;
mod text;
mod timestamp;
mod timing;
mod webhook;
mod zone;

pub use addressee::Addressee;
pub use attributes::{AttributeValue, Attributes, ReportSelector, Selector};
pub use channel::{ChannelKind, Format};
pub use digest::Sha256;
pub use envelope::{StoredEvent, ToldEvent};
pub use events::{CodecError, EventBody, LedgerEvent};
pub use failure::{FailureClass, Fault};
pub use frame::{ColumnSpec, ColumnType, Frame};
pub use ids::{
    AddressId, ApiKeyId, CalendarName, DeliveryId, DestinationKey, DistributionId, GrantId,
    GroupId, RecipientId, ReportName, SubscriptionId, TenantId, VersionName, WebhookKeysId,
};
pub use invalid::Invalid;
pub use metadata::{Actor, Metadata};
pub use parcel::{Attachment, ChannelError, OnTimeUrls, Parcel, SendResult, SendStage};
pub use preferences::Preferences;
pub use receipt::{ClearReceipt, Proof, Receipt};
pub use recorded::{Position, RecordedEvent};
pub use retry::RetrySchedule;
pub use sealed::Sealed;
pub use severity::Severity;
pub use stream::{AggregateType, StreamId};
pub use text::{checked_line, checked_text};
pub use timestamp::Timestamp;
pub use timing::{Calendar, Date, LocalTime, Planned, QuietHours, Timing, TimingRule, Weekday};
pub use webhook::{
    ClientCertificate, SigningKey, WebhookKeys, WebhookPayload, WebhookSettings, WebhookSigning,
};
pub use zone::Zone;
