//! The ledger: what was appended stays, in order, and can be read again without a gap.
//!
//! This crate alone reads and writes the events table. It does not know what any event means: it is generic over
//! cqrs-es' aggregates and hands events on as `schema` spells them.

mod error;
mod queue;
mod unit;

pub use error::{AppendError, StoreError};
pub use queue::{AddressChange, ClaimRequest, Claimed, Due, PlanningChange, PlanningRow, QueueChange, QueueRow};
pub use unit::{Append, Appended, CommandOutcome, CommandRecord, Unit};
