//! The ledger: what was appended stays, in order, and can be read again without a gap.
//!
//! This crate alone reads and writes the events table. It does not know what any event means: it is generic over
//! cqrs-es' aggregates and hands events on as `schema` spells them. Keys of sealed personal data live here too, in a
//! database of their own.

#![warn(missing_docs)]

mod append;
mod check;
mod claim;
mod config;
mod connect;
mod doctor;
mod error;
mod identity;
mod ledger;
mod log;
mod migrate;
mod minutes;
mod nodes;
mod precondition;
mod queue;
mod returning;
mod scope;
mod suppressions;
mod tail;
#[cfg(feature = "testing")]
pub mod testing;
mod timely;
mod unit;
mod vault;

pub use check::{QueueDifference, QueueReport};
pub use config::{LedgerConfig, TailConfig, VaultConfig};
pub use doctor::{CheckpointFacts, DoctorFacts, TableSize};
pub use error::{AppendError, ExecuteError, StoreError};
pub use identity::{Identity, LogIdentity, StoredIdentity};
pub use ledger::{Ledger, OnAppend};
pub use log::{LAST_STREAM, LogRow, StreamPart, StreamSpan};
pub use migrate::{APP_ROLE, migrate};
pub use minutes::Minutes;
pub use precondition::{Precondition, Stale};
pub use queue::{
    AddressChange, ClaimRequest, Claimed, Due, PlanningChange, PlanningRow, QueueChange,
    QueueDepth, QueueRow,
};
pub use returning::{ReturnError, Returning, Told, pass_positions};
pub use scope::CommandScope;
pub use suppressions::ListedAddress;
pub use tail::{Batch, Blocked, Replaced, Subscription, Tail, TailStep};
pub use unit::{Append, Appended, CommandOutcome, CommandRecord, Unit};
pub use vault::{
    EarlierTokens, OnTimeLink, PREFERENCE_LINK_MS, PreferenceLink, RotationState, UnsealError,
    UnsubscribeLink, Vault, VaultError,
};
