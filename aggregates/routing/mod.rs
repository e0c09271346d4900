//! Who wants what, and may have it, as this node knows it now: the states of tenants, keys, reports, recipients, groups
//! and subscriptions, folded from the log into memory by the same functions that decisions use. Knows neither where
//! events come from nor what time it is; it can be built anew from the log at any moment.
//!
//! It is fed twice: by this node's own appends at once, and by the log's tail, which brings everything, own appends
//! once more. So each stream counts its sequence: what is known is ignored, what comes too early (another node wrote in
//! between) is held back until the tail has brought what lies before it.

mod early;
mod groups;
mod index;
mod merge;
mod own;
mod query;
mod stops;
mod tenant;
#[cfg(test)]
mod tests;
mod timing;

pub use early::MAX_EARLY_EVENTS;
pub use index::RoutingIndex;
pub use own::Own;
pub use query::{Authorised, Candidate, Denied};
pub use stops::MAX_STOPS;
