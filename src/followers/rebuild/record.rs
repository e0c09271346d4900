//! A rebuild's row: what is done, so that it can be gone on with, and who may write.

use schema::{Position, Sha256};
use sqlx::{FromRow, PgConnection};
use store::StreamSpan;

use super::Stage;
use crate::FollowersError;

const CLAIM: &str = "select pg_try_advisory_lock(hashtextextended('waybill rebuild ' || $1, 0))";
const ENTER: &str = "
    insert into public.rebuilds (projection, stage, fingerprint, fold_through, node)
    values ($1, 'folding', '', 0, $2) on conflict do nothing";
// Waits until what an earlier run still writes has ended: see `STILL_OURS`.
const BEGUN: &str = "
    select stage, fingerprint, fold_through, fold_hash, position, applied
    from public.rebuilds where projection = $1 for update";
const GO_ON: &str = "
    update public.rebuilds
    set run = run + 1, node = $2, error = null, poison_position = null,
        heartbeat_at = clock_timestamp()
    where projection = $1 returning run";
const BEGIN_ANEW: &str = "
    update public.rebuilds
    set run = run + 1, node = $2, stage = 'folding', fingerprint = $3, fold_through = $4,
        fold_hash = $5, expected = $6, head = $4, position = 0, applied = 0, events_per_second = 0,
        error = null, poison_position = null, live_digest = null, rebuilt_digest = null,
        started_at = clock_timestamp(), heartbeat_at = clock_timestamp()
    where projection = $1 returning run";
const FORGET_PARTS: &str = "delete from public.rebuild_parts where projection = $1";
const STILL_OURS: &str = "select run = $2 from public.rebuilds where projection = $1 for key share";
const PART_DONE: &str = "
    insert into public.rebuild_parts (projection, kind, after, through, events)
    values ($1, $2, $3, $4, $5)";
const PARTS: &str = "
    select after, through from public.rebuild_parts
    where projection = $1 and kind = $2 order by after";
const FOLDED: &str =
    "select coalesce(sum(events), 0)::bigint from public.rebuild_parts where projection = $1";
const ADVANCE: &str = "
    update public.rebuilds set position = $3, applied = applied + $4
    where projection = $1 and run = $2";
const ENTER_STAGE: &str = "
    update public.rebuilds
    set stage = $3, position = greatest(position, $4), applied = $5, heartbeat_at = clock_timestamp()
    where projection = $1 and run = $2";
const COMPARED: &str = "
    update public.rebuilds set live_digest = $3, rebuilt_digest = $4
    where projection = $1 and run = $2";
const BEAT: &str = "
    update public.rebuilds
    set applied = greatest(applied, $3), head = $4, events_per_second = $5, allowed_rate = $6,
        heartbeat_at = clock_timestamp()
    where projection = $1 and run = $2";
const FAIL: &str = "
    update public.rebuilds
    set error = $3, poison_position = $4, heartbeat_at = clock_timestamp()
    where projection = $1 and run = $2";

/// A run that may write: which rebuild it is of, and its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub name: &'static str,
    pub run: i64,
}

impl Ticket {
    /// One row changed, or it is no longer this run's.
    fn expect_one(self, done: &sqlx::postgres::PgQueryResult) -> Result<(), FollowersError> {
        if done.rows_affected() == 1 { Ok(()) } else { Err(self.taken_over()) }
    }

    fn taken_over(self) -> FollowersError {
        FollowersError::TakenOver { name: self.name }
    }
}

/// What was found of an earlier run.
#[derive(FromRow)]
pub(super) struct Begun {
    pub stage: String,
    pub fingerprint: String,
    pub fold_through: i64,
    pub fold_hash: Option<Vec<u8>>,
    pub position: i64,
    pub applied: i64,
}

/// What a rebuild is of, at its beginning.
pub(super) struct Beginning<'b> {
    pub node: &'b str,
    pub fingerprint: &'b str,
    pub fold_through: Position,
    pub fold_hash: Option<Sha256>,
    pub expected: i64,
}

/// Makes sure nobody else rebuilds the same projection while this connection lives.
pub(super) async fn claim(
    conn: &mut PgConnection,
    name: &'static str,
) -> Result<(), FollowersError> {
    let ours: bool = sqlx::query_scalar(CLAIM).bind(name).fetch_one(conn).await?;
    if ours { Ok(()) } else { Err(FollowersError::AlreadyRebuilding { name }) }
}

/// The row, made when there is none, held until the caller's transaction ends.
pub(super) async fn begun(conn: &mut PgConnection, name: &str, node: &str) -> sqlx::Result<Begun> {
    sqlx::query(ENTER).bind(name).bind(node).execute(&mut *conn).await?;
    sqlx::query_as(BEGUN).bind(name).fetch_one(conn).await
}

/// Takes an interrupted rebuild over.
pub(super) async fn go_on(
    conn: &mut PgConnection,
    name: &'static str,
    node: &str,
) -> sqlx::Result<Ticket> {
    let run = sqlx::query_scalar(GO_ON).bind(name).bind(node).fetch_one(conn).await?;
    Ok(Ticket { name, run })
}

/// Forgets what was done before.
pub(super) async fn begin_anew(
    conn: &mut PgConnection,
    name: &'static str,
    beginning: &Beginning<'_>,
) -> sqlx::Result<Ticket> {
    sqlx::query(FORGET_PARTS).bind(name).execute(&mut *conn).await?;
    let run = sqlx::query_scalar(BEGIN_ANEW)
        .bind(name)
        .bind(beginning.node)
        .bind(beginning.fingerprint)
        .bind(beginning.fold_through.0)
        .bind(beginning.fold_hash.as_ref().map(|hash| hash.as_bytes().as_slice()))
        .bind(beginning.expected)
        .fetch_one(conn)
        .await?;
    Ok(Ticket { name, run })
}

/// First in a transaction that writes rows: nobody takes the rebuild over before it ends.
pub(super) async fn still_ours(
    conn: &mut PgConnection,
    ticket: Ticket,
) -> Result<(), FollowersError> {
    let query = sqlx::query_scalar(STILL_OURS).bind(ticket.name).bind(ticket.run);
    match query.fetch_optional(conn).await? {
        Some(true) => Ok(()),
        Some(false) | None => Err(ticket.taken_over()),
    }
}

/// Notes a part whose rows are written in the same transaction.
pub(super) async fn part_done(
    conn: &mut PgConnection,
    ticket: Ticket,
    kind: &str,
    span: &StreamSpan,
    events: i64,
) -> sqlx::Result<()> {
    sqlx::query(PART_DONE)
        .bind(ticket.name)
        .bind(kind)
        .bind(&span.after)
        .bind(&span.through)
        .bind(events)
        .execute(conn)
        .await?;
    Ok(())
}

/// The spans of one kind that are done, in order, and none of which overlap.
pub(super) async fn parts(
    conn: &mut PgConnection,
    name: &str,
    kind: &str,
) -> sqlx::Result<Vec<StreamSpan>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as(PARTS).bind(name).bind(kind).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(after, through)| StreamSpan { after, through }).collect())
}

/// How many events the parts hold that are done.
pub(super) async fn folded(conn: &mut PgConnection, name: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(FOLDED).bind(name).fetch_one(conn).await
}

/// The log is applied up to here, in the transaction that writes the rows.
pub(super) async fn advance(
    conn: &mut PgConnection,
    ticket: Ticket,
    position: Position,
    events: usize,
) -> Result<(), FollowersError> {
    let done = sqlx::query(ADVANCE)
        .bind(ticket.name)
        .bind(ticket.run)
        .bind(position.0)
        .bind(events as i64)
        .execute(conn)
        .await?;
    ticket.expect_one(&done)
}

/// Says what it is at from here on.
pub(super) async fn enter(
    conn: &mut PgConnection,
    ticket: Ticket,
    stage: Stage,
    position: Position,
    applied: i64,
) -> Result<(), FollowersError> {
    let done = sqlx::query(ENTER_STAGE)
        .bind(ticket.name)
        .bind(ticket.run)
        .bind(stage.as_str())
        .bind(position.0)
        .bind(applied)
        .execute(conn)
        .await?;
    ticket.expect_one(&done)
}

/// Notes what the comparison found.
pub(super) async fn compared(
    conn: &mut PgConnection,
    ticket: Ticket,
    live: &Sha256,
    rebuilt: &Sha256,
) -> Result<(), FollowersError> {
    let done = sqlx::query(COMPARED)
        .bind(ticket.name)
        .bind(ticket.run)
        .bind(live.to_string())
        .bind(rebuilt.to_string())
        .execute(conn)
        .await?;
    ticket.expect_one(&done)
}

/// What is said at each beat.
pub(super) struct Said {
    pub applied: i64,
    pub head: Position,
    pub rate: f64,
    pub allowed: Option<i64>,
}

/// Says "still here", and how it goes.
pub(super) async fn beat(
    conn: &mut PgConnection,
    ticket: Ticket,
    said: &Said,
) -> Result<(), FollowersError> {
    let done = sqlx::query(BEAT)
        .bind(ticket.name)
        .bind(ticket.run)
        .bind(said.applied)
        .bind(said.head.0)
        .bind(said.rate)
        .bind(said.allowed)
        .execute(conn)
        .await?;
    ticket.expect_one(&done)
}

/// Says why it ended before its end.
pub(super) async fn fail(
    conn: &mut PgConnection,
    ticket: Ticket,
    error: &str,
    poison: Option<Position>,
) -> sqlx::Result<()> {
    sqlx::query(FAIL)
        .bind(ticket.name)
        .bind(ticket.run)
        .bind(error)
        .bind(poison.map(|position| position.0))
        .execute(conn)
        .await?;
    Ok(())
}
