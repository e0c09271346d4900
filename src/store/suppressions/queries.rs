use chrono::{DateTime, Utc};
use schema::{TenantId, Timestamp};

use super::ListedAddress;
use crate::timely::Timely;

/// Sorted, so that two imports do not deadlock; of one address listed twice the longer time counts.
pub(super) async fn list(
    pool: Timely<'_>,
    tenant: &TenantId,
    listed: &[ListedAddress],
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into suppressed_addresses (tenant, tag, until) \
         select $1, tag, case when bool_or(until is null) then null else max(until) end \
         from unnest($2::text[], $3::timestamptz[]) as u (tag, until) group by tag order by tag \
         on conflict (tenant, tag) do update set until = case \
             when suppressed_addresses.until is null or excluded.until is null then null \
             else greatest(suppressed_addresses.until, excluded.until) end",
    )
    .bind(tenant.as_str())
    .bind(listed.iter().map(|entry| entry.tag.as_str()).collect::<Vec<_>>())
    .bind(listed.iter().map(|entry| entry.until.map(Timestamp::to_chrono)).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn unlist(pool: Timely<'_>, tenant: &TenantId, tag: &str) -> sqlx::Result<u64> {
    let done = sqlx::query("delete from suppressed_addresses where tenant = $1 and tag = $2")
        .bind(tenant.as_str())
        .bind(tag)
        .execute(pool)
        .await?;
    Ok(done.rows_affected())
}

/// Its end, when it is listed.
pub(super) async fn listed(
    pool: Timely<'_>,
    tenant: &TenantId,
    tag: &str,
    now: Timestamp,
) -> sqlx::Result<Option<Option<DateTime<Utc>>>> {
    sqlx::query_scalar(
        "select until from suppressed_addresses \
         where tenant = $1 and tag = $2 and (until is null or until > $3)",
    )
    .bind(tenant.as_str())
    .bind(tag)
    .bind(now.to_chrono())
    .fetch_optional(pool)
    .await
}
