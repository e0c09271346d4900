//! Questions over many streams: facts folded from the log, written as Parquet by Polars; questions about them as SQL
//! for DuckDB. None of their types stands in a signature. This crate knows no store, no clock and no network.

mod facts;
mod files;
mod pictures;
mod questions;
mod wire;

pub use facts::{Courses, EventRow, Fact, Needs, Subject};
pub use files::{Block, Dataset, Draft, FileError, Written, merge, row_count};
pub use pictures::Picture;
pub use questions::{
    AuditTrail, By, ChannelEffectiveness, Completeness, DeliveryList, DeliveryPerformance,
    FailureClusters, FailureList, Filter, OwnSql, Patterns, Question,
};
pub use wire::{ColumnOf, Format, Limits, Reply, Request, Target};
