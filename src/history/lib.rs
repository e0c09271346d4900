//! What was so at a moment: prefixes of the log, folded by the aggregates' own functions. Decides nothing, writes
//! nothing, and knows no read model; what is sealed stays sealed.

#![warn(missing_docs)]

mod answer;
mod as_of;
mod difference;
mod error;
mod pages;
mod replay;
mod sealing;
mod sentences;
mod standing;
mod subject;
mod subscribed;
mod unconsidered;
mod why;

pub use answer::Answer;
pub use as_of::{AsOf, Moment};
pub use difference::{Difference, FieldChange};
pub use error::HistoryError;
pub use replay::{Line, Replay};
pub use sentences::sentence;
pub use standing::{Change, stream_of};
pub use subject::Subject;
pub use subscribed::{Hold, Subscribed, Subscriber};
pub use unconsidered::{Held, Registration, Unconsidered};
pub use why::{Decision, Question, Verdict, Why};
