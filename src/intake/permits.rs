use std::any::Any;
use std::time::Instant;

use aggregates::delivery::Delivery;
use aggregates::routing::Authorised;
use schema::{ChannelKind, DeliveryId, DestinationKey, TenantId};

/// The right to have one send under way. Dropping it gives it back.
pub type PermitGuard = Box<dyn Any + Send>;

/// Where intake asks whether a send may start at once, and hands over those it recorded as started. Boot implements it
/// with dispatch, which intake may not name.
pub trait SendPermits: Send + Sync {
    /// A permit, if one is free now. Never waits, and must not look at the routing index, which is held. Pauses are
    /// intake's to look at.
    fn try_permit(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> Option<PermitGuard>;

    /// Whether plans should keep pace with sends. Where other nodes send as well, what has no permit here is for them.
    fn keeps_pace(&self) -> bool;

    /// Whether there is room for a good many first tries like this one.
    fn has_room(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> bool;

    /// First tries on a channel that the other side answered so far: while it rises, permits come back.
    fn answered_count(&self, channel: ChannelKind) -> u64;

    /// How long the queue row of an attempt started on `channel` is leased, in milliseconds.
    fn lease_ms(&self, channel: ChannelKind) -> u64;

    /// Sends what is recorded as started. Called after the commit; returns at once.
    fn launch(&self, started: Vec<Started>);
}

/// A delivery whose first attempt is recorded as started, with all that is needed to send it without a look at the
/// store.
pub struct Started {
    /// Which.
    pub delivery: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// Last sequence of its stream: that of `AttemptStarted`.
    pub sequence: i64,
    /// The folded state, attempt under way.
    pub state: Delivery,
    /// Given back when the attempt is over.
    pub permit: PermitGuard,
    /// When the lease began, or a little earlier: an instant before the unit was appended.
    pub leased_at: Instant,
    /// W3C Trace Context of the report's intake.
    pub traceparent: Option<String>,
    /// Where it was allowed to go when that was decided.
    pub authorised: Authorised,
}

/// Permits of a node that sends nothing itself: every delivery waits in the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPermits;

impl SendPermits for NoPermits {
    fn try_permit(&self, _: &TenantId, _: ChannelKind, _: &DestinationKey) -> Option<PermitGuard> {
        None
    }

    fn keeps_pace(&self) -> bool {
        false
    }

    fn has_room(&self, _: &TenantId, _: ChannelKind, _: &DestinationKey) -> bool {
        false
    }

    fn answered_count(&self, _: ChannelKind) -> u64 {
        0
    }

    fn lease_ms(&self, _: ChannelKind) -> u64 {
        0
    }

    fn launch(&self, _: Vec<Started>) {}
}
