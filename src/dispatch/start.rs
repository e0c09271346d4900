use std::time::Instant;

use aggregates::delivery::Delivery;
use aggregates::routing::Authorised;
use schema::{DeliveryId, TenantId};

use crate::Permit;
use crate::carried::Carried;

/// A delivery whose attempt is recorded as started, with all that is needed to send it without a look at the store.
#[derive(Debug)]
pub struct Start {
    /// Which.
    pub delivery: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// Last sequence of its stream: that of `AttemptStarted`.
    pub sequence: i64,
    /// The folded state, attempt under way.
    pub state: Delivery,
    /// W3C Trace Context of the report's intake.
    pub traceparent: Option<String>,
    /// Given back when the outcome is recorded.
    pub permit: Permit,
    /// When the lease began, or a little earlier: an instant before the unit was appended.
    pub leased_at: Instant,
    /// Where it was allowed to go when that was decided.
    pub authorised: Authorised,
}

/// A send about to begin.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) carried: Carried,
    pub(crate) permit: Permit,
    pub(crate) leased_at: Instant,
    /// What was allowed when the attempt was recorded.
    pub(crate) authorised: Authorised,
}

impl From<Start> for Send {
    fn from(start: Start) -> Self {
        let Start { delivery, tenant, sequence, state, traceparent, .. } = start;
        let Start { permit, leased_at, authorised, .. } = start;
        let carried = Carried { delivery, tenant, sequence, state, traceparent };
        Self { carried, permit, leased_at, authorised }
    }
}
