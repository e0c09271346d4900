use std::collections::BTreeMap;

use followers::FollowerError;
use schema::events::OutcomeCounts;
use schema::{Position, TenantId};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::counts::Counts;

const LOAD: &str = "select * from reconciliation where distribution = any($1)";

const STORE: &str = "
    insert into reconciliation (distribution, tenant, planned, plan_complete, delivered, accepted,
        dead_lettered, cancelled, expired, suppressed)
    select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
    on conflict (distribution) do update
    set planned = excluded.planned, plan_complete = excluded.plan_complete,
        delivered = excluded.delivered, accepted = excluded.accepted,
        dead_lettered = excluded.dead_lettered, cancelled = excluded.cancelled,
        expired = excluded.expired, suppressed = excluded.suppressed";

const REMOVE: &str = "delete from reconciliation where distribution = any($1)";

#[derive(FromRow)]
struct Row {
    distribution: Uuid,
    tenant: String,
    planned: i64,
    plan_complete: bool,
    delivered: i64,
    accepted: i64,
    dead_lettered: i64,
    cancelled: i64,
    expired: i64,
    suppressed: i64,
}

/// What was counted before of these distributions.
pub(super) async fn load(
    conn: &mut PgConnection,
    distributions: &[Uuid],
) -> Result<BTreeMap<Uuid, Counts>, FollowerError> {
    if distributions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(LOAD).bind(distributions).fetch_all(conn).await?;
    rows.into_iter().map(|row| Ok((row.distribution, counts(row)?))).collect()
}

fn counts(row: Row) -> Result<Counts, FollowerError> {
    Ok(Counts {
        tenant: TenantId::try_new(row.tenant).map_err(FollowerError::refused)?,
        planned: row.planned.unsigned_abs(),
        plan_complete: row.plan_complete,
        outcomes: OutcomeCounts {
            delivered: row.delivered.unsigned_abs(),
            accepted: row.accepted.unsigned_abs(),
            dead_lettered: row.dead_lettered.unsigned_abs(),
            cancelled: row.cancelled.unsigned_abs(),
            expired: row.expired.unsigned_abs(),
            suppressed: row.suppressed.unsigned_abs(),
        },
        reconciled: false,
        last: Position::START,
    })
}

/// Keeps what is counted so far.
pub(super) async fn store(
    conn: &mut PgConnection,
    counts: &BTreeMap<Uuid, Counts>,
) -> Result<(), sqlx::Error> {
    if counts.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Counts) -> u64| -> Vec<i64> {
        counts.values().map(|row| of(row).cast_signed()).collect()
    };
    sqlx::query(STORE)
        .bind(counts.keys().copied().collect::<Vec<Uuid>>())
        .bind(counts.values().map(|row| row.tenant.as_str()).collect::<Vec<&str>>())
        .bind(column(|row| row.planned))
        .bind(counts.values().map(|row| row.plan_complete).collect::<Vec<bool>>())
        .bind(column(|row| row.outcomes.delivered))
        .bind(column(|row| row.outcomes.accepted))
        .bind(column(|row| row.outcomes.dead_lettered))
        .bind(column(|row| row.outcomes.cancelled))
        .bind(column(|row| row.outcomes.expired))
        .bind(column(|row| row.outcomes.suppressed))
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets distributions that are over.
pub(super) async fn remove(
    conn: &mut PgConnection,
    distributions: Vec<Uuid>,
) -> Result<(), sqlx::Error> {
    if distributions.is_empty() {
        return Ok(());
    }
    sqlx::query(REMOVE).bind(distributions).execute(conn).await?;
    Ok(())
}
