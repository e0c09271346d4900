use std::collections::HashSet;

use chrono::{DateTime, Utc};
use schema::Format;
use sqlx::PgConnection;
use uuid::Uuid;

use super::batch::{Change, Fresh, Served};
use crate::ProjectionError;

const INSERT: &str = "
    insert into inbox (delivery, tenant, recipient, distribution, format, resend,
        scheduled_position, position, served_at, content_sha256, read_at, acknowledged_at,
        snoozed_until, last_position, answer)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::timestamptz[], $10::text[], $11::timestamptz[],
        $12::timestamptz[], $13::timestamptz[], $14::bigint[], $15::text[])";

const UPDATE: &str = "
    update inbox i
    set position = coalesce(i.position, c.position), served_at = coalesce(i.served_at, c.served_at),
        content_sha256 = coalesce(i.content_sha256, c.content_sha256),
        read_at = coalesce(i.read_at, c.read_at),
        acknowledged_at = coalesce(i.acknowledged_at, c.acknowledged_at),
        snoozed_until = case when c.snoozed then c.snoozed_until else i.snoozed_until end,
        answer = coalesce(c.answer, i.answer), last_position = c.last_position
    from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::timestamptz[],
        $6::timestamptz[], $7::boolean[], $8::timestamptz[], $9::bigint[], $10::text[])
        as c (delivery, position, served_at, content_sha256, read_at, acknowledged_at, snoozed,
            snoozed_until, last_position, answer)
    where i.delivery = c.delivery
    returning i.delivery";

const REMOVE: &str = "delete from inbox where delivery = any($1)";

type Times = Vec<Option<DateTime<Utc>>>;

/// Adds entries planned within the batch, as they stand at its end.
pub(super) async fn insert(conn: &mut PgConnection, rows: &[Fresh<'_>]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let served = |of: fn(&Served) -> i64| {
        let served = rows.iter().map(|row| row.change.served.as_ref());
        served.map(|served| served.map(of)).collect::<Vec<_>>()
    };
    sqlx::query(INSERT)
        .bind(rows.iter().map(|row| row.delivery).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.planned.metadata.tenant.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.recipient.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.distribution.as_uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.format.map(Format::as_str)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| i64::from(row.plan.resend)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.planned.position.0).collect::<Vec<_>>())
        .bind(served(|served| served.position))
        .bind(rows.iter().map(|row| served_at(row.change)).collect::<Times>())
        .bind(rows.iter().map(|row| content(row.change)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.change.read_at).collect::<Times>())
        .bind(rows.iter().map(|row| row.change.acknowledged_at).collect::<Times>())
        .bind(rows.iter().map(|row| row.change.snoozed.flatten()).collect::<Times>())
        .bind(rows.iter().map(|row| row.change.last_position).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.change.answer).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Changes entries planned before the batch. What is no entry has no row and stays out.
pub(super) async fn update(
    conn: &mut PgConnection,
    rows: &[(Uuid, &Change<'_>)],
) -> Result<(), ProjectionError> {
    if rows.is_empty() {
        return Ok(());
    }
    let changes = || rows.iter().map(|(_, change)| *change);
    let served = |change: &Change<'_>| change.served.as_ref().map(|served| served.position);
    let found: Vec<Uuid> = sqlx::query_scalar(UPDATE)
        .bind(rows.iter().map(|(delivery, _)| *delivery).collect::<Vec<_>>())
        .bind(changes().map(served).collect::<Vec<_>>())
        .bind(changes().map(served_at).collect::<Times>())
        .bind(changes().map(content).collect::<Vec<_>>())
        .bind(changes().map(|change| change.read_at).collect::<Times>())
        .bind(changes().map(|change| change.acknowledged_at).collect::<Times>())
        .bind(changes().map(|change| change.snoozed.is_some()).collect::<Vec<_>>())
        .bind(changes().map(|change| change.snoozed.flatten()).collect::<Times>())
        .bind(changes().map(|change| change.last_position).collect::<Vec<_>>())
        .bind(changes().map(|change| change.answer).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    let found: HashSet<Uuid> = found.into_iter().collect();
    for (delivery, change) in rows {
        if let Some(marked) = change.marked.filter(|_| !found.contains(delivery)) {
            return Err(ProjectionError::row_missing(marked));
        }
    }
    Ok(())
}

/// Takes away what will never come.
pub(super) async fn remove(
    conn: &mut PgConnection,
    deliveries: &[Uuid],
) -> Result<(), sqlx::Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sqlx::query(REMOVE).bind(deliveries).execute(conn).await?;
    Ok(())
}

fn served_at(change: &Change<'_>) -> Option<DateTime<Utc>> {
    change.served.as_ref().map(|served| served.at)
}

fn content<'c>(change: &'c Change<'_>) -> Option<&'c str> {
    change.served.as_ref()?.content_sha256.as_deref()
}
