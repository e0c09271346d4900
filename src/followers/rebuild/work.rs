//! What a rebuild does, stage by stage.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use projections::Projection;
use schema::Position;
use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::beat::{Beat, Facts};
use super::catch_up::CatchUp;
use super::compare::{Compared, Target, compare};
use super::fold::{Fold, SHARDS};
use super::pace::Pace;
use super::record::{self, Ticket};
use super::report::{Reference, StageTime};
use super::status::Stage;
use super::switch::switch;
use super::tables::{self, REBUILD, REFERENCE};
use super::{RebuildOptions, RebuildReport, Rebuilder, Then};
use crate::FollowersError;

/// Behind by no more than this, the rest is applied while both are compared, or while the live follower waits.
const CLOSE: i64 = 2_000;
/// Memory of one index that is made.
const INDEX_MEMORY: &str = "128MB";

/// Where a rebuild stands.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub ticket: Ticket,
    pub stage: Stage,
    pub fold_through: Position,
    pub position: Position,
    pub applied: i64,
    pub expected: i64,
}

pub(super) struct Work<'r> {
    pub ticket: Ticket,
    rebuilder: &'r Rebuilder,
    projection: Arc<dyn Projection>,
    options: RebuildOptions,
    stop: &'r CancellationToken,
    start: Start,
    resumed: bool,
    skipped: Arc<HashSet<Position>>,
    pace: Arc<Pace>,
    facts: Arc<Facts>,
    started: Instant,
    stages: Vec<StageTime>,
}

impl<'r> Work<'r> {
    pub(super) fn new(
        rebuilder: &'r Rebuilder,
        projection: Arc<dyn Projection>,
        options: RebuildOptions,
        stop: &'r CancellationToken,
        skipped: HashSet<Position>,
        start: Start,
        resumed: bool,
    ) -> Self {
        let position = start.position.max(start.fold_through);
        let facts = Facts::new(start.stage, start.expected, start.applied, position);
        Self {
            ticket: start.ticket,
            rebuilder,
            projection,
            options,
            stop,
            start,
            resumed,
            skipped: Arc::new(skipped),
            pace: Arc::new(Pace::new(options.rate)),
            facts: Arc::new(facts),
            started: Instant::now(),
            stages: Vec::new(),
        }
    }

    pub(super) fn beat(&self) -> Beat {
        Beat {
            ledger: Arc::clone(&self.rebuilder.ledger),
            ticket: self.ticket,
            facts: Arc::clone(&self.facts),
            pace: Arc::clone(&self.pace),
        }
    }

    pub(super) async fn finish(&mut self) -> Result<RebuildReport, FollowersError> {
        let pool = self.pool().await?;
        if self.start.stage == Stage::Folding {
            self.fold(&pool).await?;
        }
        if matches!(self.start.stage, Stage::Folding | Stage::Indexing) {
            self.index(&pool).await?;
        }
        pool.close().await;
        let rebuilt = &mut self.caught_up().await?;
        let reference = self.reference(rebuilt).await?;
        self.enter(&mut rebuilt.conn, Stage::Comparing).await?;
        let before = Instant::now();
        let found = compare(rebuilt, self.options.named_differences).await?;
        self.took(Stage::Comparing, before, 0);
        record::compared(&mut rebuilt.conn, self.ticket, &found.live, &found.rebuilt).await?;
        let swapped = self.decide(rebuilt, &found).await?;
        Ok(RebuildReport {
            name: self.ticket.name,
            position: found.position,
            live_digest: found.live,
            rebuilt_digest: found.rebuilt,
            reference,
            differences: found.differences,
            events: self.facts.applied().unsigned_abs(),
            seconds: self.started.elapsed().as_secs_f64(),
            stages: std::mem::take(&mut self.stages),
            resumed: self.resumed,
            swapped,
        })
    }

    pub(super) async fn finish_by_switching(&mut self) -> Result<Position, FollowersError> {
        let rebuilt = &mut self.caught_up().await?;
        switch(rebuilt, self.ticket).await
    }

    /// Connections that write the rebuilt tables and make their indexes.
    async fn pool(&self) -> Result<PgPool, FollowersError> {
        let options = self.rebuilder.options(REBUILD).options([
            ("maintenance_work_mem", INDEX_MEMORY),
            // Several are made at once as it is.
            ("max_parallel_maintenance_workers", "0"),
        ]);
        Ok(PgPoolOptions::new().max_connections(SHARDS).connect_with(options).await?)
    }

    async fn fold(&mut self, pool: &PgPool) -> Result<(), FollowersError> {
        let (before, applied) = (Instant::now(), self.facts.applied());
        let fold = Arc::new(Fold {
            ledger: Arc::clone(&self.rebuilder.ledger),
            projection: Arc::clone(&self.projection),
            pool: pool.clone(),
            ticket: self.ticket,
            through: self.start.fold_through,
            skipped: Arc::clone(&self.skipped),
            pace: Arc::clone(&self.pace),
            facts: Arc::clone(&self.facts),
        });
        fold.run(self.stop).await?;
        self.took(Stage::Folding, before, self.facts.applied() - applied);
        Ok(())
    }

    async fn index(&mut self, pool: &PgPool) -> Result<(), FollowersError> {
        let mut conn = pool.acquire().await?;
        self.enter(&mut conn, Stage::Indexing).await?;
        let before = Instant::now();
        let mut statements = Vec::new();
        for table in self.projection.tables() {
            statements.extend(tables::missing_indexes(&mut conn, table).await?);
        }
        // Beside traffic one at a time.
        let at_once = if self.pace.allowed().is_some() { 1 } else { 2 };
        stream::iter(statements)
            .map(Ok::<String, sqlx::Error>)
            .try_for_each_concurrent(at_once, |statement| async move {
                pool.acquire().await?.execute(statement.as_str()).await.map(drop)
            })
            .await?;
        for table in self.projection.tables() {
            tables::complete(&mut conn, table).await?;
        }
        self.took(Stage::Indexing, before, 0);
        Ok(())
    }

    /// Applies what came behind the fold, until little is left.
    async fn caught_up(&mut self) -> Result<CatchUp, FollowersError> {
        let position = self.start.position.max(self.start.fold_through);
        let mut rebuilt = self.catch_up(REBUILD, Some(self.ticket), position).await?;
        self.enter(&mut rebuilt.conn, Stage::CatchingUp).await?;
        let (before, applied) = (Instant::now(), self.facts.applied());
        loop {
            let live = tables::checkpoint(&mut rebuilt.conn, self.ticket.name).await?;
            let target = Target::of(&self.rebuilder.ledger, &live, self.stop).await?.position;
            if target.0 - rebuilt.position.0 <= CLOSE {
                break;
            }
            rebuilt.reach(target).await?;
        }
        self.took(Stage::CatchingUp, before, self.facts.applied() - applied);
        Ok(rebuilt)
    }

    async fn catch_up(
        &self,
        schema: &str,
        ticket: Option<Ticket>,
        position: Position,
    ) -> Result<CatchUp, FollowersError> {
        Ok(CatchUp {
            ledger: Arc::clone(&self.rebuilder.ledger),
            projection: Arc::clone(&self.projection),
            conn: self.rebuilder.options(schema).connect().await?,
            ticket,
            skipped: Arc::clone(&self.skipped),
            pace: Arc::clone(&self.pace),
            facts: Arc::clone(&self.facts),
            stop: self.stop.clone(),
            position,
        })
    }

    /// Folds the log event by event as far as the rebuilt tables go, and digests both.
    async fn reference(
        &mut self,
        rebuilt: &mut CatchUp,
    ) -> Result<Option<Reference>, FollowersError> {
        if !self.options.reference {
            return Ok(None);
        }
        self.enter(&mut rebuilt.conn, Stage::Referencing).await?;
        let (before, position) = (Instant::now(), rebuilt.position);
        let projection = Arc::clone(&self.projection);
        let mut plain = self.catch_up(REFERENCE, None, Position::START).await?;
        for table in projection.tables() {
            tables::create(&mut plain.conn, REFERENCE, table, false).await?;
        }
        projection.forget();
        plain.reach(position).await?;
        projection.forget();
        let (digest, _) = tables::digest(&mut plain.conn, REFERENCE, projection.as_ref()).await?;
        let (rebuilt_digest, _) =
            tables::digest(&mut plain.conn, REBUILD, projection.as_ref()).await?;
        tables::discard(&mut plain.conn, REFERENCE, projection.as_ref()).await?;
        plain.conn.close().await?;
        self.took(Stage::Referencing, before, 0);
        Ok(Some(Reference { position, digest, rebuilt_digest }))
    }

    /// What becomes of the rebuilt tables. Returns whether they are the live ones now.
    async fn decide(
        &mut self,
        rebuilt: &mut CatchUp,
        found: &Compared,
    ) -> Result<bool, FollowersError> {
        let is_equal = found.live == found.rebuilt;
        let switches = match self.options.then {
            Then::Switch => true,
            Then::Mend => !is_equal || found.is_other_log,
            Then::Compare | Then::Hold => false,
        };
        if switches {
            switch(rebuilt, self.ticket).await?;
            return Ok(!is_equal || self.options.then == Then::Switch);
        }
        if self.options.then == Then::Hold {
            self.enter(&mut rebuilt.conn, Stage::Ready).await?;
            return Ok(false);
        }
        let stage = if is_equal { Stage::Equal } else { Stage::Different };
        self.enter(&mut rebuilt.conn, stage).await?;
        tables::discard(&mut rebuilt.conn, REBUILD, self.projection.as_ref()).await?;
        Ok(false)
    }

    async fn enter(&self, conn: &mut PgConnection, stage: Stage) -> Result<(), FollowersError> {
        self.facts.enter(stage);
        let position = self.start.position.max(self.start.fold_through);
        record::enter(conn, self.ticket, stage, position, self.facts.applied()).await
    }

    fn took(&mut self, stage: Stage, since: Instant, events: i64) {
        let (seconds, events) = (since.elapsed().as_secs_f64(), events.unsigned_abs());
        self.stages.push(StageTime { stage, seconds, events });
    }
}
