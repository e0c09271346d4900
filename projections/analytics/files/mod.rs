//! Facts as Parquet: one file for each table, day and tenant of a block of the log. Same log, same block, same bytes.

mod block;
mod columns;
mod dataset;
mod error;
mod frames;
mod parquet;

pub use self::block::{Block, Draft};
pub use self::dataset::Dataset;
pub use self::error::FileError;
pub use self::parquet::{Written, merge, row_count};
