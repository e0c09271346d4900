use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::NotPlannedRow;
use crate::ProjectionError;

const INSERT: &str = "
    insert into not_planned (tenant, distribution, position, ordinal, report, version, recipient,
        subscription, subscription_version, reason, slice, read_at, decided_at)
    select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::int[], $5::text[], $6::text[],
        $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[],
        $13::timestamptz[])";

/// Writes decisions, all in one statement.
pub(super) async fn insert_not_planned(
    conn: &mut PgConnection,
    rows: &[NotPlannedRow],
) -> Result<(), ProjectionError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(INSERT)
        .bind(texts(rows, |row| &row.tenant))
        .bind(rows.iter().map(|row| row.distribution).collect::<Vec<Uuid>>())
        .bind(numbers(rows, |row| row.position))
        .bind(rows.iter().map(|row| row.ordinal).collect::<Vec<i32>>())
        .bind(texts(rows, |row| &row.report))
        .bind(texts(rows, |row| &row.version))
        .bind(texts(rows, |row| &row.recipient))
        .bind(texts(rows, |row| &row.subscription))
        .bind(numbers(rows, |row| row.subscription_version))
        .bind(texts(rows, |row| &row.reason))
        .bind(numbers(rows, |row| row.slice))
        .bind(numbers(rows, |row| row.read_at))
        .bind(rows.iter().map(|row| row.decided_at).collect::<Vec<DateTime<Utc>>>())
        .execute(conn)
        .await?;
    Ok(())
}

fn texts(rows: &[NotPlannedRow], column: impl Fn(&NotPlannedRow) -> &String) -> Vec<&str> {
    rows.iter().map(|row| column(row).as_str()).collect()
}

fn numbers(rows: &[NotPlannedRow], column: impl Fn(&NotPlannedRow) -> i64) -> Vec<i64> {
    rows.iter().map(column).collect()
}
