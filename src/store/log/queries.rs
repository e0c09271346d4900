use chrono::{DateTime, Utc};
use schema::{AddressId, AggregateType, RecipientId, StreamId, TenantId};

use super::row::rows;
use super::{RawRow, StreamSpan};
use crate::timely::Timely;

pub(super) async fn stream(
    pool: Timely<'_>,
    stream: &StreamId,
    after_sequence: i64,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = $1 and aggregate_id = $2 and sequence > $3 order by sequence"
    ))
    .bind(stream.aggregate_type.as_str())
    .bind(&stream.aggregate_id)
    .bind(after_sequence)
    .fetch_all(pool)
    .await
}

pub(super) async fn streams(
    pool: Timely<'_>,
    aggregate_type: AggregateType,
    ids: &[String],
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = $1 and aggregate_id = any($2) order by aggregate_id, sequence"
    ))
    .bind(aggregate_type.as_str())
    .bind(ids)
    .fetch_all(pool)
    .await
}

pub(super) async fn beginnings(
    pool: Timely<'_>,
    aggregate_type: AggregateType,
    ids: &[String],
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!("where aggregate_type = $1 and aggregate_id = any($2) and sequence = 1"))
        .bind(aggregate_type.as_str())
        .bind(ids)
        .fetch_all(pool)
        .await
}

pub(super) async fn window(
    pool: Timely<'_>,
    after: i64,
    through: i64,
    types: Option<&[AggregateType]>,
) -> sqlx::Result<Vec<RawRow>> {
    let types: Option<Vec<&str>> =
        types.map(|types| types.iter().map(|kind| kind.as_str()).collect());
    sqlx::query_as(rows!(
        "where position > $1 and position <= $2 \
         and ($3::text[] is null or aggregate_type = any($3)) order by position"
    ))
    .bind(after)
    .bind(through)
    .bind(types)
    .fetch_all(pool)
    .await
}

pub(super) async fn window_of(
    pool: Timely<'_>,
    tenant: &TenantId,
    after: i64,
    through: i64,
    types: Option<&[AggregateType]>,
) -> sqlx::Result<Vec<RawRow>> {
    let types: Option<Vec<&str>> =
        types.map(|types| types.iter().map(|kind| kind.as_str()).collect());
    sqlx::query_as(rows!(
        "where position > $1 and position <= $2 \
         and ($3::text[] is null or aggregate_type = any($3)) and tenant = $4 order by position"
    ))
    .bind(after)
    .bind(through)
    .bind(types)
    .bind(tenant.as_str())
    .fetch_all(pool)
    .await
}

/// The condition is word for word that of the index `events_rest_routing`.
pub(super) async fn routing(
    pool: Timely<'_>,
    after: i64,
    through: i64,
    limit: u32,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where position > $1 and position <= $2 and aggregate_type <> 'delivery' \
         and (aggregate_type <> 'distribution' or event_type in ('VersionCorrected', 'VersionWithdrawn')) \
         order by position limit $3"
    ))
    .bind(after)
    .bind(through)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// Whole streams of a kind in the order of their ids, as far as `through_position`.
pub(super) async fn part(
    pool: Timely<'_>,
    kind: AggregateType,
    span: &StreamSpan,
    through_position: i64,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = $1 and aggregate_id > $2 and aggregate_id <= $3 and position <= $4 \
         order by aggregate_id, sequence"
    ))
    .bind(kind.as_str())
    .bind(&span.after)
    .bind(&span.through)
    .bind(through_position)
    .fetch_all(pool)
    .await
}

/// The stream that has the event so many behind the span's beginning.
pub(super) async fn cut(
    pool: Timely<'_>,
    kind: AggregateType,
    span: &StreamSpan,
    events: i64,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select aggregate_id from events where aggregate_type = $1 and aggregate_id > $2 and aggregate_id <= $3 \
         order by aggregate_id, sequence offset $4 limit 1",
    )
    .bind(kind.as_str())
    .bind(&span.after)
    .bind(&span.through)
    .bind(events)
    .fetch_optional(pool)
    .await
}

/// The planner's estimate, from its statistics: the log is not read for it.
pub(super) async fn estimate(pool: Timely<'_>, kinds: &[AggregateType]) -> sqlx::Result<i64> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let statement = format!(
        "explain (format json) select from events where aggregate_type in ('{}')",
        kinds.join("', '")
    );
    let plan: serde_json::Value =
        sqlx::query_scalar(&statement).persistent(false).fetch_one(pool).await?;
    Ok(plan[0]["Plan"]["Plan Rows"].as_f64().map_or(0, |rows| rows as i64))
}

pub(super) async fn stream_part(
    pool: Timely<'_>,
    tenant: &TenantId,
    stream: &StreamId,
    after_sequence: i64,
    through: i64,
    limit: u32,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!(
        "where aggregate_type = $1 and aggregate_id = $2 and sequence > $3 and position <= $4 \
         and tenant = $5 order by sequence limit $6"
    ))
    .bind(stream.aggregate_type.as_str())
    .bind(&stream.aggregate_id)
    .bind(after_sequence)
    .bind(through)
    .bind(tenant.as_str())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// Without the partition of deliveries, whatever the kinds: the plan may be made before they are known.
pub(super) async fn kinds(
    pool: Timely<'_>,
    tenant: &TenantId,
    kinds: &[AggregateType],
    after: i64,
    through: i64,
    limit: u32,
) -> sqlx::Result<Vec<RawRow>> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    sqlx::query_as(rows!(
        "where position > $1 and position <= $2 and tenant = $3 \
         and aggregate_type = any($4) and aggregate_type <> 'delivery' order by position limit $5"
    ))
    .bind(after)
    .bind(through)
    .bind(tenant.as_str())
    .bind(kinds)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// When the last event up to a position was taken. One probe of each partition's index.
pub(super) async fn recorded_through(
    pool: Timely<'_>,
    position: i64,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar(
        "select recorded_at from events where position <= $1 order by position desc limit 1",
    )
    .bind(position)
    .fetch_optional(pool)
    .await
}

/// When the first event from a position on was taken. One probe of each partition's index.
pub(super) async fn recorded_from(
    pool: Timely<'_>,
    position: i64,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar(
        "select recorded_at from events where position >= $1 order by position limit 1",
    )
    .bind(position)
    .fetch_optional(pool)
    .await
}

pub(super) async fn now(pool: Timely<'_>) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(pool).await
}

/// Two probes of an index: `max` over a union would read both partitions.
pub(super) async fn head(pool: Timely<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select coalesce(max(position), 0) from events").fetch_one(pool).await
}

pub(super) async fn count(pool: Timely<'_>, after: i64, through: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from events where position > $1 and position <= $2")
        .bind(after)
        .bind(through)
        .fetch_one(pool)
        .await
}

pub(super) async fn command(
    pool: Timely<'_>,
    tenant: &TenantId,
    id: &str,
) -> sqlx::Result<Option<(Vec<u8>, String)>> {
    sqlx::query_as("select body_sha256, outcome from command_log where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id)
        .fetch_optional(pool)
        .await
}

pub(super) async fn same_address(
    pool: Timely<'_>,
    tenant: &TenantId,
    recipient: &RecipientId,
    address: &AddressId,
    limit: u32,
) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as(
        "select other.recipient, other.address from address_index this \
         join address_index other on other.tenant = this.tenant and other.tag = this.tag \
         where this.tenant = $1 and this.recipient = $2 and this.address = $3 \
             and (other.recipient, other.address) <> (this.recipient, this.address) \
         order by 1, 2 limit $4",
    )
    .bind(tenant.as_str())
    .bind(recipient.as_str())
    .bind(address.as_str())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

pub(super) async fn by_address(
    pool: Timely<'_>,
    tenant: &TenantId,
    tag: &str,
) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as(
        "select recipient, address from address_index where tenant = $1 and tag = $2 order by 1, 2",
    )
    .bind(tenant.as_str())
    .bind(tag)
    .fetch_all(pool)
    .await
}
