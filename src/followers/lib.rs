//! Who reads the log: one loop with a name and a checkpoint, whatever is made of the events. Live and rebuild are the
//! same code.
//!
//! This crate does not know what an event means, and decides nothing. One follower has one checkpoint row: it says how
//! far it has come, who runs it, and at which event it stands still, if any. Several nodes may run the same follower:
//! one does.

#![warn(missing_docs)]

mod checkpoint;
mod config;
mod error;
mod follower;
mod metric;
mod mirror;
mod projector;
mod rebuild;
mod runner;
mod skip;

pub use checkpoint::{Checkpoints, FollowerStatus, NotReached, Poison};
pub use config::FollowerConfig;
pub use error::{FollowerError, FollowersError};
pub use follower::{Follower, Mark};
pub use mirror::{
    Backfill, BackfillOrder, Backfilled, Beyond, HearAhead, Mirror, MirrorConfig, MirrorDifference,
    MirrorError, MirrorMark, MirrorPartition, MirrorStatus, MirrorTopic, MirrorView, Place,
    Retained, Tell, Verification,
};
pub use projector::{Projector, projectors};
pub use rebuild::{
    Kept, Rate, RebuildOptions, RebuildProgress, RebuildReport, RebuildStatus, Rebuilder,
    Reference, Stage, StageTime, Then, rebuilds,
};
pub use runner::{Runner, run};
pub use skip::skip;
