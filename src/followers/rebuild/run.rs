use std::collections::HashSet;
use std::sync::Arc;

use projections::Projection;
use schema::{Position, Sha256};
use sqlx::{Connection, PgConnection};
use store::Ledger;
use tokio_util::sync::CancellationToken;

use super::compare::Target;
use super::record::{self, Beginning, Begun};
use super::status::{self, RebuildStatus, Stage};
use super::tables::{self, REBUILD};
use super::work::{Start, Work};
use super::{RebuildOptions, RebuildReport, Rebuilder, Tell};
use crate::FollowersError;
use crate::skip::skipped;

/// One rebuild, from where it stands to where it shall end.
pub(super) struct Run<'r> {
    /// Holds the right to it, and tells how it goes.
    control: PgConnection,
    work: Work<'r>,
}

impl<'r> Run<'r> {
    /// Takes the rebuild: goes on with what was begun if nothing it is made of has changed, else begins anew.
    pub(super) async fn begin(
        rebuilder: &'r Rebuilder,
        projection: Arc<dyn Projection>,
        options: RebuildOptions,
        stop: &'r CancellationToken,
    ) -> Result<Self, FollowersError> {
        let (ledger, name) = (&rebuilder.ledger, projection.name());
        let mut control = rebuilder.claimed(name).await?;
        let skipped: HashSet<Position> = skipped(ledger, name).await?.into_iter().collect();
        let fingerprint = fingerprint(&mut control, projection.as_ref(), &skipped).await?;
        let live = tables::checkpoint(&mut control, name).await?;
        let target = Target::of(ledger, &live, stop).await?.position;
        let expected = ledger.estimated_events(projection.follows()).await?;
        let node = format!("process {}", std::process::id());

        let mut tx = control.begin().await?;
        let begun = record::begun(&mut tx, name, &node).await?;
        let kept = can_go_on(&mut tx, ledger, projection.as_ref(), &begun, &fingerprint, target);
        let resumed = kept.await?;
        let (ticket, stage, fold_through, position) = match resumed {
            Some(stage) => {
                let ticket = record::go_on(&mut tx, name, &node).await?;
                (ticket, stage, Position(begun.fold_through), Position(begun.position))
            }
            None => {
                let fold_hash = ledger.event_hash(target).await?;
                let (node, fingerprint) = (node.as_str(), fingerprint.as_str());
                let fold_through = target;
                let beginning = Beginning { node, fingerprint, fold_through, fold_hash, expected };
                let ticket = record::begin_anew(&mut tx, name, &beginning).await?;
                for table in projection.tables() {
                    let is_copied = projection.copied().contains(&table.name);
                    tables::create(&mut tx, REBUILD, table, is_copied).await?;
                }
                (ticket, Stage::Folding, target, Position::START)
            }
        };
        let folded = record::folded(&mut tx, name).await?;
        tx.commit().await?;
        let applied = if resumed.is_some() { begun.applied.max(folded) } else { 0 };
        let start = Start { ticket, stage, fold_through, position, applied, expected };
        let resumed = resumed.is_some();
        let work = Work::new(rebuilder, projection, options, stop, skipped, start, resumed);
        Ok(Self { control, work })
    }

    /// Does all of it.
    pub(super) async fn finish(&mut self, tell: Tell<'_>) -> Result<RebuildReport, FollowersError> {
        let beat = self.work.beat();
        let ended = beat.beside(&mut self.control, tell, self.work.finish()).await;
        self.settle(ended).await
    }

    /// Catches up and switches, without a comparison: that was made before.
    pub(super) async fn finish_by_switching(&mut self) -> Result<Position, FollowersError> {
        let beat = self.work.beat();
        let ended =
            beat.beside(&mut self.control, &mut |_| {}, self.work.finish_by_switching()).await;
        self.settle(ended).await
    }

    pub(super) async fn status(&mut self) -> Result<RebuildStatus, FollowersError> {
        let name = self.work.ticket.name;
        let status = status::of(&mut self.control, name).await?;
        status.ok_or(FollowersError::TakenOver { name })
    }

    pub(super) async fn close(self) -> Result<(), FollowersError> {
        Ok(self.control.close().await?)
    }

    /// Notes why it ended, if it ended too early; being called off is no fault.
    async fn settle<T>(&mut self, ended: Result<T, FollowersError>) -> Result<T, FollowersError> {
        let error = match ended {
            Ok(_) | Err(FollowersError::Cancelled | FollowersError::TakenOver { .. }) => {
                return ended;
            }
            Err(error) => error,
        };
        let poison = match &error {
            FollowersError::Poison { position, .. } => Some(*position),
            _ => None,
        };
        let (ticket, text) = (self.work.ticket, error.to_string());
        if let Err(untold) = record::fail(&mut self.control, ticket, &text, poison).await {
            tracing::warn!(
                projection = ticket.name,
                "why the rebuild ended is not noted: {untold}"
            );
        }
        Err(error)
    }
}

/// What the rebuilt rows are made of, besides the log.
async fn fingerprint(
    conn: &mut PgConnection,
    projection: &dyn Projection,
    skipped: &HashSet<Position>,
) -> Result<String, FollowersError> {
    let mut skipped: Vec<i64> = skipped.iter().map(|position| position.0).collect();
    skipped.sort_unstable();
    let columns = tables::columns(conn, projection).await?;
    let text = format!("{} {skipped:?}\n{columns}", env!("CARGO_PKG_VERSION"));
    Ok(Sha256::of(text.as_bytes()).to_string())
}

/// The stage at which an interrupted rebuild can be gone on with.
async fn can_go_on(
    conn: &mut PgConnection,
    ledger: &Ledger,
    projection: &dyn Projection,
    begun: &Begun,
    fingerprint: &str,
    target: Position,
) -> Result<Option<Stage>, FollowersError> {
    let Some(stage) = Stage::parse(&begun.stage).filter(|stage| stage.goes_on()) else {
        return Ok(None);
    };
    let is_behind = begun.fold_through.max(begun.position) <= target.0;
    if begun.fingerprint != fingerprint || !is_behind {
        return Ok(None);
    }
    let hash = ledger.event_hash(Position(begun.fold_through)).await?;
    let is_same_log = hash.map(|hash| hash.as_bytes().to_vec()) == begun.fold_hash;
    let are_there = tables::are_there(conn, REBUILD, projection).await?;
    Ok((is_same_log && are_there).then_some(stage))
}
