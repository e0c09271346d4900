use chrono::{DateTime, Utc};
use schema::{Position, Sha256};
use sqlx::{FromRow, PgConnection, PgExecutor};

use crate::Mark;

const CREATE: &str = "insert into public.checkpoints (name) values ($1) on conflict do nothing";

const ACQUIRE: &str = "
    update public.checkpoints
    set epoch = epoch + 1, node = $2, heartbeat_at = clock_timestamp(),
        lease_until = clock_timestamp() + $3 * interval '1 millisecond',
        updated_at = clock_timestamp()
    where name = $1
      and (node is null or node = $2 or lease_until is null or lease_until < clock_timestamp())
    returning position, event_hash, system_identifier, epoch";

// First in every transaction: who has lost the lease finds no row and stops before anything is written.
const ADVANCE: &str = "
    update public.checkpoints
    set position = $3, event_hash = $4, system_identifier = $5, head = $6,
        events_applied = events_applied + $7, events_per_second = $8,
        poison_position = null, poison_error = null, trouble = null,
        at_head_at = case when $3 >= $6 then clock_timestamp() else at_head_at end,
        heartbeat_at = clock_timestamp(),
        lease_until = clock_timestamp() + $9 * interval '1 millisecond',
        updated_at = clock_timestamp()
    where name = $1 and epoch = $2";

const STAND_STILL: &str = "
    update public.checkpoints
    set poison_position = $3, poison_error = $4, updated_at = clock_timestamp()
    where name = $1 and epoch = $2";

const HEARTBEAT: &str = "
    update public.checkpoints
    set heartbeat_at = clock_timestamp(), head = $3, events_per_second = $4,
        at_head_at = case when position >= $3 then clock_timestamp() else at_head_at end,
        lease_until = clock_timestamp() + $5 * interval '1 millisecond'
    where name = $1 and epoch = $2
    returning poison_position";

const TROUBLE: &str = "
    update public.checkpoints set trouble = $3, updated_at = clock_timestamp()
    where name = $1 and epoch = $2 and trouble is distinct from $3";

const TROUBLE_OF_NODE: &str = "
    update public.checkpoints set trouble = $3, updated_at = clock_timestamp()
    where name = $1 and node = $2 and trouble is distinct from $3";

const RELEASE: &str = "
    update public.checkpoints set lease_until = clock_timestamp()
    where name = $1 and epoch = $2";

const PASS: &str = "
    update public.checkpoints
    set position = poison_position, event_hash = $3, poison_position = null, poison_error = null,
        updated_at = clock_timestamp()
    where name = $1 and poison_position = $2 and poison_position > position";

const STATUS: &str = "
    select name, position, epoch, node, events_applied,
           coalesce(events_per_second, 0) as events_per_second, poison_position, poison_error,
           trouble, (extract(epoch from clock_timestamp() - at_head_at) * 1000)::bigint as behind_ms,
           updated_at, coalesce(lease_until >= clock_timestamp(), false) as is_running,
           (extract(epoch from clock_timestamp() - heartbeat_at) * 1000)::bigint as heartbeat_age_ms
    from public.checkpoints
    where $1::text is null or name = $1
    order by name";

const POSITIONS: &str = "
    select coalesce(min(position), 0)::bigint as slowest, count(*) as found
    from public.checkpoints where name = any($1)";

/// What whoever takes a follower over must know.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Lease {
    pub position: i64,
    pub event_hash: Option<Vec<u8>>,
    pub system_identifier: Option<i64>,
    pub epoch: i64,
}

impl Lease {
    /// The last event applied.
    pub(crate) fn mark(&self) -> Mark {
        let hash = self.event_hash.as_deref().and_then(|hash| hash.try_into().ok());
        Mark { position: Position(self.position), event_hash: hash.map(Sha256::from_bytes) }
    }
}

/// A checkpoint as its runner writes it.
#[derive(Clone, Debug)]
pub(crate) struct Advance<'a> {
    pub name: &'a str,
    pub epoch: i64,
    pub position: i64,
    pub event_hash: Option<&'a [u8]>,
    pub system_identifier: i64,
    pub head: i64,
    pub applied: i64,
    pub rate: f64,
    pub lease_ms: i64,
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct StatusRow {
    pub name: String,
    pub position: i64,
    pub epoch: i64,
    pub node: Option<String>,
    pub events_applied: i64,
    pub events_per_second: f64,
    pub poison_position: Option<i64>,
    pub poison_error: Option<String>,
    pub trouble: Option<String>,
    pub behind_ms: Option<i64>,
    pub updated_at: DateTime<Utc>,
    pub is_running: bool,
    pub heartbeat_age_ms: Option<i64>,
}

impl StatusRow {
    /// An event that cannot be applied lies behind the checkpoint. A mark at the checkpoint itself says that the event
    /// there, which was applied, is not this log's.
    pub(crate) fn is_other_log(&self) -> bool {
        self.poison_position.is_some_and(|position| position <= self.position)
    }
}

/// Takes the follower over, unless another node is heard of.
pub(crate) async fn acquire(
    conn: &mut PgConnection,
    name: &str,
    node: &str,
    lease_ms: i64,
) -> sqlx::Result<Option<Lease>> {
    sqlx::query(CREATE).bind(name).execute(&mut *conn).await?;
    sqlx::query_as(ACQUIRE).bind(name).bind(node).bind(lease_ms as f64).fetch_optional(conn).await
}

/// Moves the checkpoint on; false when the lease is lost.
pub(crate) async fn advance(conn: &mut PgConnection, to: &Advance<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query(ADVANCE)
        .bind(to.name)
        .bind(to.epoch)
        .bind(to.position)
        .bind(to.event_hash)
        .bind(to.system_identifier)
        .bind(to.head)
        .bind(to.applied)
        .bind(to.rate)
        .bind(to.lease_ms as f64)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Records the event the follower stands still at; false when the lease is lost.
pub(crate) async fn stand_still(
    conn: &mut PgConnection,
    name: &str,
    epoch: i64,
    position: i64,
    error: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query(STAND_STILL)
        .bind(name)
        .bind(epoch)
        .bind(position)
        .bind(error)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Says "still here"; absent when the lease is lost, else the event it stands still at, if any.
pub(crate) async fn heartbeat(
    conn: &mut PgConnection,
    name: &str,
    epoch: i64,
    head: i64,
    rate: f64,
    lease_ms: i64,
) -> sqlx::Result<Option<Option<i64>>> {
    sqlx::query_scalar(HEARTBEAT)
        .bind(name)
        .bind(epoch)
        .bind(head)
        .bind(rate)
        .bind(lease_ms as f64)
        .fetch_optional(conn)
        .await
}

/// Says why the follower waits, or that it does not; a lost lease changes nothing.
pub(crate) async fn trouble(
    conn: &mut PgConnection,
    name: &str,
    epoch: i64,
    trouble: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(TROUBLE).bind(name).bind(epoch).bind(trouble).execute(conn).await?;
    Ok(())
}

/// Says why the follower waits where `node` runs it.
pub(crate) async fn trouble_of_node(
    executor: impl PgExecutor<'_>,
    name: &str,
    node: &str,
    trouble: &str,
) -> sqlx::Result<()> {
    sqlx::query(TROUBLE_OF_NODE).bind(name).bind(node).bind(trouble).execute(executor).await?;
    Ok(())
}

/// Lets another node take over at once.
pub(crate) async fn release(conn: &mut PgConnection, name: &str, epoch: i64) -> sqlx::Result<()> {
    sqlx::query(RELEASE).bind(name).bind(epoch).execute(conn).await?;
    Ok(())
}

/// Moves the checkpoint over the event it stands still at; false when it does not stand there.
pub(crate) async fn pass(
    executor: impl PgExecutor<'_>,
    name: &str,
    position: i64,
    event_hash: Option<&[u8]>,
) -> sqlx::Result<bool> {
    let done =
        sqlx::query(PASS).bind(name).bind(position).bind(event_hash).execute(executor).await?;
    Ok(done.rows_affected() == 1)
}

/// Checkpoints by name: one, or all.
pub(crate) async fn status(
    executor: impl PgExecutor<'_>,
    name: Option<&str>,
) -> sqlx::Result<Vec<StatusRow>> {
    sqlx::query_as(STATUS).bind(name).fetch_all(executor).await
}

/// How far the slowest of `names` has come, and how many of them have a checkpoint.
pub(crate) async fn slowest(
    executor: impl PgExecutor<'_>,
    names: &[&str],
) -> sqlx::Result<(i64, i64)> {
    sqlx::query_as(POSITIONS).bind(names).fetch_one(executor).await
}
