use sqlx::postgres::PgConnection;

use crate::log::{RawRow, rows};

/// The sequence's last number, or nothing before its first. Never by a SELECT of `last_value`: that is a torn read.
/// Takes RowExclusiveLock on the sequence for as long as its transaction lasts.
pub(super) async fn last_value(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select coalesce(pg_sequence_last_value('events_position_seq'), 0)")
        .fetch_one(connection)
        .await
}

/// The virtual transactions that hold RowExclusiveLock on the sequence. Prepared ones have no pid.
pub(super) async fn holders(
    connection: &mut PgConnection,
) -> sqlx::Result<Vec<(String, Option<i32>)>> {
    sqlx::query_as(
        "select virtualtransaction, pid from pg_locks \
         where locktype = 'relation' and relation = 'events_position_seq'::regclass \
             and database = (select oid from pg_database where datname = current_database()) \
             and mode = 'RowExclusiveLock' and granted",
    )
    .fetch_all(connection)
    .await
}

/// What there is to say about a session.
pub(super) async fn session(
    connection: &mut PgConnection,
    pid: i32,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select format('pid %s (%s, %s) %s for %s s', pid, usename, application_name, \
             coalesce(state, 'state unknown'), \
             round(extract(epoch from clock_timestamp() - coalesce(xact_start, backend_start))::numeric, 1)) \
         from pg_stat_activity where pid = $1",
    )
    .bind(pid)
    .fetch_optional(connection)
    .await
}

/// What there is to say about a prepared transaction. It keeps its session's local number, which others may have had,
/// too: its lock on its own transaction id tells which it is.
pub(super) async fn prepared(
    connection: &mut PgConnection,
    virtual_transaction: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select string_agg(format('prepared transaction %L (%s) for %s s', gid, owner, \
             round(extract(epoch from clock_timestamp() - prepared)::numeric, 1)), '; ' order by prepared) \
         from pg_prepared_xacts where transaction in ( \
             select transactionid from pg_locks \
             where pid is null and virtualtransaction = $1 and locktype = 'transactionid')",
    )
    .bind(virtual_transaction)
    .fetch_one(connection)
    .await
}

pub(super) async fn window(
    connection: &mut PgConnection,
    after: i64,
    through: i64,
) -> sqlx::Result<Vec<RawRow>> {
    sqlx::query_as(rows!("where position > $1 and position <= $2 order by position"))
        .bind(after)
        .bind(through)
        .fetch_all(connection)
        .await
}

/// The last event up to a position.
pub(super) async fn last_until(connection: &mut PgConnection, through: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("select coalesce(max(position), 0) from events where position <= $1")
        .bind(through)
        .fetch_one(connection)
        .await
}

pub(super) async fn is_standby(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(connection).await
}

pub(super) async fn now(
    connection: &mut PgConnection,
) -> sqlx::Result<chrono::DateTime<chrono::Utc>> {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(connection).await
}
