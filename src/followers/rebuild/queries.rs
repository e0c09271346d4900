//! Statements over tables whose names come from [`projections::Table`]: constants of this program, never input.
//! Postgres binds no identifiers, so these are put together.

use projections::Table;
use schema::{Position, Sha256};
use sqlx::{Executor, FromRow, PgConnection};

use crate::FollowersError;

const CLAIM: &str = "select pg_try_advisory_lock(hashtextextended('waybill rebuild ' || $1, 0))";
const CHECKPOINT: &str = "select position, event_hash from public.checkpoints where name = $1";
const LOCK: &str = "select position, event_hash from public.checkpoints where name = $1 for update";
const OPTIONS: &str = "
    select coalesce(array_to_string(reloptions, ', '), '') from pg_class
    where oid = ('read.' || $1)::regclass";
// Full reads are what a comparison is; a lock that does not come soon is not waited for in front of readers.
const FULL_READS: &str = "
    set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on;
    set local lock_timeout = '5s'";
// A new epoch, so that whoever runs the follower looks at its tables anew.
const START_ANEW: &str = "
    update public.checkpoints
    set position = $2, event_hash = $3,
        epoch = epoch + 1, poison_position = null, poison_error = null,
        updated_at = clock_timestamp()
    where name = $1";

/// Makes sure nobody else rebuilds the same projection.
pub(super) async fn claim(
    conn: &mut PgConnection,
    name: &'static str,
) -> Result<(), FollowersError> {
    let ours: bool = sqlx::query_scalar(CLAIM).bind(name).fetch_one(conn).await?;
    if ours { Ok(()) } else { Err(FollowersError::AlreadyRebuilding { name }) }
}

/// A table beside the live one: same columns, indexes and storage options, nothing in it.
pub(super) async fn create(conn: &mut PgConnection, table: &Table) -> sqlx::Result<()> {
    let name = table.name;
    let options: String = sqlx::query_scalar(OPTIONS).bind(name).fetch_one(&mut *conn).await?;
    let with = if options.is_empty() { String::new() } else { format!("with ({options})") };
    let statement = format!(
        "drop table if exists read_rebuild.{name};
         create table read_rebuild.{name} (like read.{name} including all) {with};"
    );
    conn.execute(statement.as_str()).await?;
    Ok(())
}

/// Drops what is left of a rebuild.
pub(super) async fn discard(conn: &mut PgConnection, table: &Table) -> sqlx::Result<()> {
    let statement = format!("drop table if exists read_rebuild.{}", table.name);
    conn.execute(statement.as_str()).await?;
    Ok(())
}

/// Puts the rebuilt table in the place of the live one, and keeps that one.
pub(super) async fn swap(conn: &mut PgConnection, table: &Table) -> sqlx::Result<()> {
    let name = table.name;
    let statement = format!(
        "drop table if exists read_replaced.{name};
         alter table read.{name} set schema read_replaced;
         alter table read_rebuild.{name} set schema read;"
    );
    conn.execute(statement.as_str()).await?;
    Ok(())
}

/// How far the live follower has come, and the hash of the event there.
#[derive(Default, FromRow)]
pub(super) struct Live {
    pub position: i64,
    pub event_hash: Option<Vec<u8>>,
}

/// The live follower's checkpoint; nowhere, when it never ran.
pub(super) async fn checkpoint(conn: &mut PgConnection, name: &str) -> sqlx::Result<Live> {
    let live = sqlx::query_as(CHECKPOINT).bind(name).fetch_optional(conn).await?;
    Ok(live.unwrap_or_default())
}

/// The same, and the live follower waits until this transaction ends.
pub(super) async fn lock_checkpoint(conn: &mut PgConnection, name: &str) -> sqlx::Result<Live> {
    let live = sqlx::query_as(LOCK).bind(name).fetch_optional(conn).await?;
    Ok(live.unwrap_or_default())
}

/// From here on, tables are read through.
pub(super) async fn allow_full_reads(conn: &mut PgConnection) -> sqlx::Result<()> {
    conn.execute(FULL_READS).await?;
    Ok(())
}

/// Places the live follower where the rebuilt tables end.
pub(super) async fn start_anew(
    conn: &mut PgConnection,
    name: &str,
    position: Position,
    event_hash: Option<Sha256>,
) -> sqlx::Result<()> {
    let hash = event_hash.as_ref().map(|hash| hash.as_bytes().as_slice());
    sqlx::query(START_ANEW).bind(name).bind(position.0).bind(hash).execute(conn).await?;
    Ok(())
}

/// Count of rows and sums of their hashes: the same for the same rows, in whatever order they lie.
pub(super) async fn digest(
    conn: &mut PgConnection,
    schema: &str,
    table: &Table,
) -> sqlx::Result<String> {
    let statement = format!(
        "select concat_ws(':', count(*), sum(('x' || substr(hash, 1, 15))::bit(60)::bigint),
                          sum(('x' || substr(hash, 16, 15))::bit(60)::bigint))
         from (select md5(t::text) as hash from {schema}.{} t) hashes",
        table.name
    );
    sqlx::query_scalar(&statement).persistent(false).fetch_one(conn).await
}

/// Names rows that are not the same on both sides: table, key, and which columns.
pub(super) async fn differences(
    conn: &mut PgConnection,
    table: &Table,
    limit: u32,
) -> sqlx::Result<Vec<String>> {
    let (name, key) = (table.name, table.key.join(", "));
    let first = table.key.first().copied().unwrap_or_default();
    let statement = format!(
        "select concat('{name} ', concat_ws('/', {key}), ': ', case
             when live.{first} is null then 'missing'
             when built.{first} is null then 'should not be there'
             else 'differs in ' || (
                 select string_agg(l.key, ', ' order by l.key)
                 from jsonb_each(to_jsonb(live)) l join jsonb_each(to_jsonb(built)) b using (key)
                 where l.value is distinct from b.value) end)
         from read.{name} live full join read_rebuild.{name} built using ({key})
         where live::text is distinct from built::text
         order by {key} limit {limit}"
    );
    sqlx::query_scalar(&statement).persistent(false).fetch_all(conn).await
}

pub(super) async fn begin(conn: &mut PgConnection) -> sqlx::Result<()> {
    conn.execute("begin").await?;
    Ok(())
}

pub(super) async fn commit(conn: &mut PgConnection) -> sqlx::Result<()> {
    conn.execute("commit").await?;
    Ok(())
}

pub(super) async fn roll_back(conn: &mut PgConnection) -> sqlx::Result<()> {
    conn.execute("rollback").await?;
    Ok(())
}
