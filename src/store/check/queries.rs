use chrono::{DateTime, Utc};
use schema::{DeliveryId, Timestamp};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Executor, FromRow, Postgres};

use super::compare::Held;
use super::streams::BOUNDS;
use crate::StoreError;
use crate::claim::RawQueueRow;
use crate::log::{RawRow, rows};

#[derive(FromRow)]
pub(super) struct RawHeld {
    #[sqlx(flatten)]
    row: RawQueueRow,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl TryFrom<RawHeld> for Held {
    type Error = StoreError;

    fn try_from(raw: RawHeld) -> Result<Self, StoreError> {
        Ok(Self {
            row: raw.row.try_into()?,
            due_at: Timestamp::from(raw.due_at),
            now: Timestamp::from(raw.now),
        })
    }
}

/// Ids as text and as UUID sort alike: lower-case digits, hyphens always in the same places, collation C.
pub(super) async fn delivery_events(
    pool: &PgPool,
    after: Option<DeliveryId>,
    limit: i64,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = 'delivery' and aggregate_id > $1 \
         order by aggregate_id, sequence limit $2"
    ))
    .bind(after.map(|id| id.to_string()).unwrap_or_default())
    .bind(limit)
    .fetch_all(pool)
    .await
}

pub(super) async fn stream_of<'e>(
    executor: impl Executor<'e, Database = Postgres>,
    delivery: DeliveryId,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = 'delivery' and aggregate_id = $1 order by sequence"
    ))
    .bind(delivery.to_string())
    .fetch_all(executor)
    .await
}

pub(super) async fn rows_between(
    pool: &PgPool,
    after: Option<DeliveryId>,
    upto: Option<DeliveryId>,
) -> sqlx::Result<Vec<RawHeld>> {
    sqlx::query_as(
        "select delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent, \
             due_at, clock_timestamp() as now \
         from delivery_queue where delivery > $1 and delivery <= $2 order by delivery",
    )
    .bind(after.map_or(BOUNDS.0, |id| id.as_uuid()))
    .bind(upto.map_or(BOUNDS.1, |id| id.as_uuid()))
    .fetch_all(pool)
    .await
}

pub(super) async fn row_of(
    connection: &mut PgConnection,
    delivery: DeliveryId,
) -> sqlx::Result<Option<RawHeld>> {
    sqlx::query_as(
        "select delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent, \
             due_at, clock_timestamp() as now \
         from delivery_queue where delivery = $1",
    )
    .bind(delivery.as_uuid())
    .fetch_optional(connection)
    .await
}

/// Holds off whoever changes the row, if there is one, until it is mended.
pub(super) async fn lock_row(
    connection: &mut PgConnection,
    delivery: DeliveryId,
) -> sqlx::Result<()> {
    sqlx::query("select from delivery_queue where delivery = $1 for update")
        .bind(delivery.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete_row(
    connection: &mut PgConnection,
    delivery: DeliveryId,
) -> sqlx::Result<()> {
    sqlx::query("delete from delivery_queue where delivery = $1")
        .bind(delivery.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}
