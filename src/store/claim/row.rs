use chrono::{DateTime, Utc};
use schema::{DeliveryId, DestinationKey, DistributionId, RecipientId, TenantId, Timestamp};
use uuid::Uuid;

use crate::{Claimed, PlanningRow, QueueDepth, QueueRow, StoreError};

/// A row of the delivery queue, unchecked.
#[derive(sqlx::FromRow)]
pub(crate) struct RawQueueRow {
    pub delivery: Uuid,
    pub tenant: String,
    pub distribution: Uuid,
    pub channel: String,
    pub destination: String,
    pub lane: i16,
    pub sequence: i64,
    pub state: String,
    pub traceparent: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(super) struct RawClaimed {
    #[sqlx(flatten)]
    pub row: RawQueueRow,
    pub due_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
pub(super) struct RawPlanningRow {
    pub distribution: Uuid,
    pub tenant: String,
    pub slice: i32,
    pub after_recipient: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(super) struct RawDepth {
    pub lane: i16,
    pub channel: String,
    pub due: i64,
    pub rows: i64,
    pub oldest_due: Option<DateTime<Utc>>,
}

impl TryFrom<RawQueueRow> for QueueRow {
    type Error = StoreError;

    fn try_from(raw: RawQueueRow) -> Result<Self, StoreError> {
        Ok(Self {
            delivery: DeliveryId::from_uuid(raw.delivery),
            tenant: TenantId::try_new(raw.tenant)?,
            distribution: DistributionId::from_uuid(raw.distribution),
            channel: raw.channel.parse()?,
            destination: DestinationKey::try_new(raw.destination)?,
            lane: raw.lane,
            sequence: raw.sequence,
            state: raw.state,
            traceparent: raw.traceparent,
        })
    }
}

impl TryFrom<RawClaimed> for Claimed {
    type Error = StoreError;

    fn try_from(raw: RawClaimed) -> Result<Self, StoreError> {
        Ok(Self {
            row: raw.row.try_into()?,
            due_at: Timestamp::from(raw.due_at),
            now: Timestamp::from(raw.now),
            history: Vec::new(),
        })
    }
}

impl TryFrom<RawPlanningRow> for PlanningRow {
    type Error = StoreError;

    fn try_from(raw: RawPlanningRow) -> Result<Self, StoreError> {
        Ok(Self {
            distribution: DistributionId::from_uuid(raw.distribution),
            tenant: TenantId::try_new(raw.tenant)?,
            slice: u32::try_from(raw.slice).unwrap_or_default(),
            after: raw.after_recipient.map(RecipientId::try_new).transpose()?,
        })
    }
}

impl TryFrom<RawDepth> for QueueDepth {
    type Error = StoreError;

    fn try_from(raw: RawDepth) -> Result<Self, StoreError> {
        Ok(Self {
            lane: raw.lane,
            channel: raw.channel.parse()?,
            due: raw.due.unsigned_abs(),
            rows: raw.rows.unsigned_abs(),
            oldest_due: raw.oldest_due.map(Timestamp::from),
        })
    }
}
