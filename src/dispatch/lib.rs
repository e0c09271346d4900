//! From due to done: permit, claim, attempt, send, record.
//!
//! Dispatch decides nothing by itself: what may happen to a delivery says `aggregates`, who may get it says the routing
//! index, what an answer means says the channel. It sees to it that no send begins without a permit and a record, that
//! each is recorded as it ended, and that a node that falls silent leaves doubt behind and never a guess.

#![warn(missing_docs)]

mod bells;
mod cache;
mod carried;
mod claim;
mod clock;
mod config;
mod desk;
mod dispatcher;
mod figures;
mod files;
mod loss;
mod permits;
mod prepare;
mod record;
mod retiming;
mod secrets;
mod send;
mod start;
mod trace;
mod versions;

pub use carried::fold_queue;
pub use config::DispatchConfig;
pub use desk::{Act, DeliveryDesk, DeskError, Done, Resent};
pub use dispatcher::{Dispatcher, Parts, SharedRoutingIndex};
pub use loss::doubt_after_loss;
pub use permits::{Permit, Permits, Share};
pub use start::Start;
