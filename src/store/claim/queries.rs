use std::collections::HashSet;

use chrono::{DateTime, Utc};
use schema::{ChannelKind, DeliveryId, DistributionId, Timestamp};
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use super::bounded;
use super::row::{RawClaimed, RawDepth, RawPlanningRow, RawQueueRow};
use crate::log::{RawRow, rows};
use crate::timely::Timely;
use crate::{ClaimRequest, QueueRow};

/// `now()` and not `clock_timestamp()`: only what is stable within a statement can end an index scan.
pub(super) async fn claim(
    connection: &mut PgConnection,
    request: &ClaimRequest,
    floor: Timestamp,
) -> sqlx::Result<Vec<RawClaimed>> {
    sqlx::query_as(
        "select delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent, \
             due_at, clock_timestamp() as now \
         from delivery_queue \
         where lane = $1 and channel = $2 and due_at >= $3 and due_at <= now() \
             and tenant <> all($5::text[]) \
             and destination <> all($6::text[]) \
         order by due_at limit $4 for update skip locked",
    )
    .bind(request.lane)
    .bind(request.channel.as_str())
    .bind(floor.to_chrono())
    .bind(bounded(request.limit))
    .bind(&request.without_tenants)
    .bind(&request.without_destinations)
    .fetch_all(connection)
    .await
}

/// Those of the rows that are still due and that nobody else holds.
pub(super) async fn lock_again(
    connection: &mut PgConnection,
    rows: &[QueueRow],
    lane: i16,
) -> sqlx::Result<HashSet<Uuid>> {
    let deliveries: Vec<Uuid> = rows.iter().map(|row| row.delivery.as_uuid()).collect();
    let free: Vec<Uuid> = sqlx::query_scalar(
        "select delivery from delivery_queue \
         where delivery = any($1) and lane = $2 and due_at <= now() order by delivery \
         for update skip locked",
    )
    .bind(deliveries)
    .bind(lane)
    .fetch_all(connection)
    .await?;
    Ok(free.into_iter().collect())
}

/// The streams of deliveries, whole, inside the claim's transaction.
pub(super) async fn histories(
    connection: &mut PgConnection,
    deliveries: &[String],
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = 'delivery' and aggregate_id = any($1) \
         order by aggregate_id, sequence"
    ))
    .bind(deliveries)
    .fetch_all(connection)
    .await
}

pub(super) async fn floor(
    pool: Timely<'_>,
    lane: i16,
    channel: ChannelKind,
) -> sqlx::Result<(Option<DateTime<Utc>>, DateTime<Utc>)> {
    sqlx::query_as(
        "select (select due_at from delivery_queue where lane = $1 and channel = $2 \
             order by due_at limit 1), clock_timestamp()",
    )
    .bind(lane)
    .bind(channel.as_str())
    .fetch_one(pool)
    .await
}

pub(super) async fn claim_planning(
    pool: Timely<'_>,
    lease_ms: u64,
) -> sqlx::Result<Option<RawPlanningRow>> {
    sqlx::query_as(
        "update planning_queue set due_at = clock_timestamp() + $1 * interval '1 millisecond' \
         where distribution = ( \
             select distribution from planning_queue where due_at <= now() \
             order by due_at limit 1 for update skip locked) \
         returning distribution, tenant, slice, after_recipient",
    )
    .bind(i64::try_from(lease_ms).unwrap_or(i64::MAX))
    .fetch_optional(pool)
    .await
}

pub(super) async fn rows_of(
    pool: Timely<'_>,
    distribution: DistributionId,
    after: Option<DeliveryId>,
    limit: u32,
) -> sqlx::Result<Vec<RawQueueRow>> {
    sqlx::query_as(
        "select delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent \
         from delivery_queue where distribution = $1 and delivery > $2 order by delivery limit $3",
    )
    .bind(distribution.as_uuid())
    .bind(after.map_or(Uuid::nil(), |delivery| delivery.as_uuid()))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// A row without a state is an attempt under way.
pub(super) async fn waiting(
    pool: Timely<'_>,
    lane: i16,
    after: Option<DeliveryId>,
    limit: u32,
) -> sqlx::Result<Vec<RawQueueRow>> {
    sqlx::query_as(
        "select delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent \
         from delivery_queue where lane = $1 and due_at > now() and state <> '' and delivery > $2 \
         order by delivery limit $3",
    )
    .bind(lane)
    .bind(after.map_or(Uuid::nil(), |delivery| delivery.as_uuid()))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

pub(super) async fn row(
    pool: Timely<'_>,
    delivery: DeliveryId,
) -> sqlx::Result<Option<RawQueueRow>> {
    sqlx::query_as(
        "select delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent \
         from delivery_queue where delivery = $1",
    )
    .bind(delivery.as_uuid())
    .fetch_optional(pool)
    .await
}

pub(super) async fn held_past_deadline(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from \
         (select 1 from delivery_queue where lane = 2 and due_at <= now() limit 10000) q",
    )
    .fetch_one(pool)
    .await
}

pub(super) async fn depths(pool: &PgPool) -> sqlx::Result<Vec<RawDepth>> {
    sqlx::query_as(
        "select lane, channel, count(*) filter (where due_at <= now()) as due, count(*) as rows, \
             min(due_at) as oldest_due \
         from (select lane, channel, due_at from delivery_queue limit 100000) q \
         group by lane, channel order by lane, channel",
    )
    .fetch_all(pool)
    .await
}
