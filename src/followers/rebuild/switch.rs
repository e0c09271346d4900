//! Which tables are live. Each change is one transaction that has the live follower wait for its checkpoint: all of it,
//! or nothing.

use std::sync::Arc;
use std::time::Duration;

use projections::Projection;
use schema::Position;
use sqlx::{Executor, FromRow, PgConnection};
use tokio::time::sleep;

use super::Stage;
use super::catch_up::CatchUp;
use super::compare::Target;
use super::record::Ticket;
use super::tables::{self, REBUILD, REFERENCE};
use crate::FollowersError;

/// Where replaced tables are kept.
const REPLACED: &str = "read_replaced";

// A lock that does not come soon is not waited for in front of readers.
const BEGIN: &str = "begin; set local lock_timeout = '500ms'";
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// SQLSTATEs of a lock that did not come: timed out, or given up for someone else's.
const IN_THE_WAY: [&str; 2] = ["55P03", "40P01"];

const SWITCHED: &str = "
    update public.rebuilds
    set stage = 'switched', position = $3, replaced_position = $4, replaced_hash = $5,
        replaced_at = clock_timestamp(), heartbeat_at = clock_timestamp()
    where projection = $1 and run = $2";
const KEPT: &str = "
    select stage, replaced_position, replaced_hash from public.rebuilds
    where projection = $1 and replaced_position is not null for update";
const ROLLED_BACK: &str = "
    update public.rebuilds
    set stage = $2, replaced_position = $3, replaced_hash = $4, replaced_at = clock_timestamp()
    where projection = $1";
const DROPPED: &str = "
    update public.rebuilds set replaced_position = null, replaced_hash = null, replaced_at = null
    where projection = $1 and replaced_position is not null";

/// Brings the rebuilt tables to the live follower's place and puts them in that of its tables. Returns the place.
pub(super) async fn switch(
    rebuilt: &mut CatchUp,
    ticket: Ticket,
) -> Result<Position, FollowersError> {
    let before = rebuilt.position;
    for attempt in 1.. {
        rebuilt.conn.execute(BEGIN).await?;
        let switched = switch_within(rebuilt, ticket).await;
        match switched {
            Ok(position) => {
                rebuilt.conn.execute("commit").await?;
                return Ok(position);
            }
            Err(error) => {
                rebuilt.conn.execute("rollback").await?;
                rebuilt.projection.forget();
                rebuilt.position = before;
                if attempt == ATTEMPTS || !is_in_the_way(&error) {
                    return Err(error);
                }
            }
        }
        sleep(PAUSE).await;
    }
    Ok(before)
}

async fn switch_within(rebuilt: &mut CatchUp, ticket: Ticket) -> Result<Position, FollowersError> {
    let projection = Arc::clone(&rebuilt.projection);
    let (projection, name) = (projection.as_ref(), projection.name());
    let live = tables::lock_checkpoint(&mut rebuilt.conn, name).await?;
    let target = Target::of(&rebuilt.ledger, &live, &rebuilt.stop).await?;
    rebuilt.reach_within(target.position).await?;
    let conn = &mut rebuilt.conn;
    tables::discard(conn, REPLACED, projection).await?;
    tables::shift(conn, projection, "read", REPLACED).await?;
    tables::shift(conn, projection, REBUILD, "read").await?;
    let hash = rebuilt.ledger.event_hash(target.position).await?;
    let hash = hash.as_ref().map(|hash| hash.as_bytes().as_slice());
    tables::start_anew(conn, name, target.position, hash).await?;
    let done = sqlx::query(SWITCHED)
        .bind(name)
        .bind(ticket.run)
        .bind(target.position.0)
        .bind(live.position)
        .bind(live.event_hash)
        .execute(conn)
        .await?;
    if done.rows_affected() == 1 {
        Ok(target.position)
    } else {
        Err(FollowersError::TakenOver { name })
    }
}

fn is_in_the_way(error: &FollowersError) -> bool {
    let FollowersError::Database(sqlx::Error::Database(error)) = error else { return false };
    error.code().is_some_and(|code| IN_THE_WAY.contains(&code.as_ref()))
}

#[derive(FromRow)]
struct Replaced {
    stage: String,
    replaced_position: i64,
    replaced_hash: Option<Vec<u8>>,
}

/// Puts the replaced tables back, with the follower's place in them; those that were live are kept instead.
pub(super) async fn roll_back(
    conn: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<(), FollowersError> {
    for attempt in 1.. {
        conn.execute(BEGIN).await?;
        match roll_back_within(conn, projection).await {
            Ok(()) => {
                conn.execute("commit").await?;
                return Ok(());
            }
            Err(error) => {
                conn.execute("rollback").await?;
                if attempt == ATTEMPTS || !is_in_the_way(&error) {
                    return Err(error);
                }
            }
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn roll_back_within(
    conn: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<(), FollowersError> {
    let name = projection.name();
    let live = tables::lock_checkpoint(conn, name).await?;
    let kept: Option<Replaced> = sqlx::query_as(KEPT).bind(name).fetch_optional(&mut *conn).await?;
    let kept = kept.ok_or(FollowersError::NothingKept { name })?;
    if !tables::are_there(conn, REPLACED, projection).await? {
        return Err(FollowersError::NothingKept { name });
    }
    tables::discard(conn, REFERENCE, projection).await?;
    tables::shift(conn, projection, REPLACED, REFERENCE).await?;
    tables::shift(conn, projection, "read", REPLACED).await?;
    tables::shift(conn, projection, REFERENCE, "read").await?;
    let position = Position(kept.replaced_position);
    tables::start_anew(conn, name, position, kept.replaced_hash.as_deref()).await?;
    let stage = match Stage::parse(&kept.stage) {
        Some(Stage::Switched) => Stage::RolledBack.as_str(),
        Some(Stage::RolledBack) => Stage::Switched.as_str(),
        _ => kept.stage.as_str(),
    };
    sqlx::query(ROLLED_BACK)
        .bind(name)
        .bind(stage)
        .bind(live.position)
        .bind(live.event_hash)
        .execute(conn)
        .await?;
    Ok(())
}

/// Drops the replaced tables.
pub(super) async fn drop_old(
    conn: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<(), FollowersError> {
    let name = projection.name();
    let found = sqlx::query(DROPPED).bind(name).execute(&mut *conn).await?;
    let are_there = tables::are_there(conn, REPLACED, projection).await?;
    if found.rows_affected() == 0 && !are_there {
        return Err(FollowersError::NothingKept { name });
    }
    tables::discard(conn, REPLACED, projection).await?;
    Ok(())
}
