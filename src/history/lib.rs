//! What was so at a moment: prefixes of the log, folded by the aggregates' own functions. Decides nothing, writes
//! nothing, and knows no read model; what is sealed stays sealed.

#![warn(missing_docs)]

mod answer;
mod as_of;
mod error;

pub use answer::{Answer, Change};
pub use as_of::AsOf;
pub use error::HistoryError;
