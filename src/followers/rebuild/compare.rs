use std::sync::Arc;

use schema::{Position, Sha256};
use sqlx::Executor;
use store::{Ledger, Tail, TailConfig};
use tokio_util::sync::CancellationToken;

use super::catch_up::CatchUp;
use super::tables::{self, Live, REBUILD};
use crate::FollowersError;

/// One snapshot for everything: rows and checkpoint of the live follower commit together, so that it shows them
/// together. Tables are read through, which is what a comparison is.
const BEGIN: &str = "
    begin isolation level repeatable read;
    set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on";

/// What a comparison found.
pub(super) struct Compared {
    pub position: Position,
    pub live: Sha256,
    pub rebuilt: Sha256,
    pub differences: Vec<String>,
    /// Whether the live follower has read another log than this one.
    pub is_other_log: bool,
}

/// Compares the rebuilt tables with the live ones as they are at the live follower's place. That follower goes on; what
/// is applied here for it is rolled back.
pub(super) async fn compare(
    rebuilt: &mut CatchUp,
    named_differences: u32,
) -> Result<Compared, FollowersError> {
    let before = rebuilt.position;
    rebuilt.conn.execute(BEGIN).await?;
    let compared = compare_within(rebuilt, named_differences).await;
    rebuilt.conn.execute("rollback").await?;
    rebuilt.projection.forget();
    rebuilt.position = before;
    compared
}

async fn compare_within(rebuilt: &mut CatchUp, limit: u32) -> Result<Compared, FollowersError> {
    let projection = Arc::clone(&rebuilt.projection);
    let projection = projection.as_ref();
    let live = tables::checkpoint(&mut rebuilt.conn, projection.name()).await?;
    let target = Target::of(&rebuilt.ledger, &live, &rebuilt.stop).await?;
    rebuilt.reach_within(target.position).await?;
    let (live, of_live) = tables::digest(&mut rebuilt.conn, "read", projection).await?;
    let (built, of_built) = tables::digest(&mut rebuilt.conn, REBUILD, projection).await?;
    let mut differences = Vec::new();
    for (table, (of_live, of_built)) in
        projection.tables().iter().zip(of_live.iter().zip(&of_built))
    {
        if of_live != of_built {
            differences.extend(tables::differences(&mut rebuilt.conn, table, limit).await?);
        }
    }
    let Target { position, is_other_log } = target;
    Ok(Compared { position, live, rebuilt: built, differences, is_other_log })
}

/// Where a fold ends.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub position: Position,
    /// Whether the live follower has read another log than this one.
    pub is_other_log: bool,
}

impl Target {
    /// Where the live follower has come to; when that is in another log, the end of this one.
    pub(super) async fn of(
        ledger: &Arc<Ledger>,
        live: &Live,
        stop: &CancellationToken,
    ) -> Result<Self, FollowersError> {
        let position = Position(live.position);
        let Some(expected) = live.event_hash.as_deref() else {
            return Ok(Self { position, is_other_log: false });
        };
        let found = ledger.event_hash(position).await?;
        if found.is_some_and(|found| found.as_bytes() == expected) {
            return Ok(Self { position, is_other_log: false });
        }
        // The tail alone knows up to where nothing will appear any more.
        let asking = stop.child_token();
        let tail = Tail::start(ledger, TailConfig::default(), asking.clone()).await?;
        asking.cancel();
        let position = *tail.head().borrow();
        Ok(Self { position, is_other_log: true })
    }
}
