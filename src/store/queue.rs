use schema::{
    AddressId, ChannelKind, DeliveryId, DestinationKey, DistributionId, RecipientId, RecordedEvent,
    TenantId, Timestamp,
};

/// When a queue row is next looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At this instant.
    At(Timestamp),
    /// When the lease of whoever works on it ends: so many milliseconds from now, by the database's clock.
    Leased {
        /// Length of the lease.
        lease_ms: u64,
    },
}

/// What the events of a unit mean for the delivery queue.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueChange {
    /// The row as it is from now on, whether it was there or not.
    Put(QueueRow, Due),
    /// Nothing is left to do.
    Remove {
        /// For which delivery.
        delivery: DeliveryId,
    },
}

impl QueueChange {
    /// The delivery whose row changes.
    #[must_use]
    pub const fn delivery(&self) -> DeliveryId {
        match self {
            Self::Put(row, _) => row.delivery,
            Self::Remove { delivery } => *delivery,
        }
    }
}

/// A delivery that is not closed, with all that is needed to go on without loading its stream.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRow {
    /// Which.
    pub delivery: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// Of which run.
    pub distribution: DistributionId,
    /// How it is sent.
    pub channel: ChannelKind,
    /// Where to.
    pub destination: DestinationKey,
    /// 0 first tries, 1 retries, 2 held for a person.
    pub lane: i16,
    /// Last sequence of its stream.
    pub sequence: i64,
    /// The folded state as JSON. Empty while an attempt is leased: its end comes from whoever has the lease, and should
    /// nobody be left to tell it, the stream itself is read.
    pub state: String,
    /// W3C Trace Context of the report's intake.
    pub traceparent: Option<String>,
}

/// What to claim.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimRequest {
    /// From which lane.
    pub lane: i16,
    /// On which channel: each has permits of its own, so rows of one never stand before another's.
    pub channel: ChannelKind,
    /// At most so many rows.
    pub limit: u32,
    /// Moved forward by this much, by the database's clock.
    pub lease_ms: u64,
    /// Tenants left out (paused, or without a free permit).
    pub without_tenants: Vec<String>,
    /// Destinations left out (paused, or without a free permit).
    pub without_destinations: Vec<String>,
}

/// A claimed row. Until its lease ends nobody else gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The row.
    pub row: QueueRow,
    /// When it was due.
    pub due_at: Timestamp,
    /// The database's clock at the claim.
    pub now: Timestamp,
    /// The delivery's stream, where the row holds no state.
    pub history: Vec<RecordedEvent>,
}

/// What the events of a unit mean for the planning queue.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanningChange {
    /// The run is not planned to its end: someone goes on after this lease.
    Put {
        /// The run.
        row: PlanningRow,
        /// Length of the lease in milliseconds, by the database's clock; 0 for "at once".
        lease_ms: u64,
    },
    /// The plan is complete.
    Remove {
        /// Of which run.
        distribution: DistributionId,
    },
}

/// A distribution whose plan is not complete.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanningRow {
    /// Which run.
    pub distribution: DistributionId,
    /// Whose.
    pub tenant: TenantId,
    /// The next part to plan.
    pub slice: u32,
    /// Last recipient planned.
    pub after: Option<RecipientId>,
}

/// A change of the look-up "whose address is this", by keyed hash. Never in events; deleted at erasure.
#[derive(Clone, Debug, PartialEq)]
pub enum AddressChange {
    /// The address has this value now.
    Put {
        /// Whose.
        recipient: RecipientId,
        /// Which of its addresses.
        address: AddressId,
        /// HMAC of the value under the tenant's index key, base64url.
        tag: String,
    },
    /// The address is used no more.
    Remove {
        /// Whose.
        recipient: RecipientId,
        /// Which of its addresses.
        address: AddressId,
    },
}

/// How much of one channel is due in one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueDepth {
    /// 0 first tries, 1 retries, 2 held for a person.
    pub lane: i16,
    /// Which channel.
    pub channel: ChannelKind,
    /// Rows that are due. Counted up to a bound, then "at least".
    pub due: u64,
    /// Rows there are, due or not (leased and later ones included), up to the same bound.
    pub rows: u64,
    /// When the oldest of them was due.
    pub oldest_due: Option<Timestamp>,
}
