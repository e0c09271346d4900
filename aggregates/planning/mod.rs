//! From a version to its deliveries: every considered pair of subscription and recipient ends in a delivery or in a
//! reason why not. Knows no store: what it plans becomes true when the distribution and the deliveries accept it.

mod digest;
mod files;
mod matching;
mod preview;
mod resend;
mod slice;
#[cfg(test)]
mod tests;

pub use digest::{canonical_form, version_digest};
pub use files::{VersionFile, version_files};
pub(crate) use matching::{planned, wants};
pub use preview::{Preview, PreviewRequest, Previewed, Would, preview};
pub use resend::resend_plan;
pub use slice::{SlicePlan, SliceRequest, plan_slice};

/// So many recipients are looked at in one slice, at most.
pub const MAX_RECIPIENTS: usize = 500;
/// So many pairs are considered in one slice, at most; but a slice holds one recipient at least, whole.
pub const MAX_PAIRS: usize = 2000;
