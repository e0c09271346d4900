//! A read model folded anew beside the one that is read, and put in its place.
//!
//! *Folding*: every stream is read whole, in the order of ids and up to one fixed position, folded in memory to the
//! rows it ends in, and these are copied into tables without indexes. So memory holds a few parts, whatever the log
//! holds; a part's rows commit together with the note that it is done; and several connections fold at once, since no
//! row is made of the order in which events of different streams come. *Indexing*: the live table's indexes. *Catching
//! up*: what was appended meanwhile, as the live follower does it. Then both are *compared*, in one snapshot at the
//! live follower's place: it does not wait for that. The *switch* alone makes it wait, for a last short part and the
//! renaming of tables. What was replaced is kept with its place in the log, so that it can be switched back to.
//!
//! Each rebuild is a row of `rebuilds`: progress is what is written there. One that was killed goes on from it, unless
//! the program, the columns, the skips or the log are others by now. One process at a time rebuilds a projection (a
//! lock of its session); one that lost the lock unawares is refused by the row's `run`.
//!
//! Beside traffic it holds itself back; see [`Rate`]. This room does not know what an event means.

mod beat;
mod catch_up;
mod compare;
mod fold;
mod pace;
mod record;
mod report;
mod run;
mod status;
mod switch;
mod tables;
mod work;

use std::sync::Arc;

use projections::Projection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use store::Ledger;
use tokio_util::sync::CancellationToken;

use self::run::Run;
use self::tables::REBUILD;
use crate::FollowersError;
use crate::runner::follower_options;

pub use pace::Rate;
pub use report::{RebuildOptions, RebuildProgress, RebuildReport, Reference, StageTime, Then};
pub use status::{Kept, RebuildStatus, Stage, rebuilds};

/// Rebuilds projections. Needs the owner's login: tables are made and moved.
pub struct Rebuilder {
    ledger: Arc<Ledger>,
    owner: PgConnectOptions,
}

/// Told of progress.
type Tell<'t> = &'t mut (dyn FnMut(RebuildProgress) + Send);

impl Rebuilder {
    /// For this ledger's read models, logging in as `owner`.
    #[must_use]
    pub const fn new(ledger: Arc<Ledger>, owner: PgConnectOptions) -> Self {
        Self { ledger, owner }
    }

    /// Rebuilds one projection by name, or all of them for `all`, one after the other; goes on with one that was begun.
    ///
    /// # Errors
    /// [`FollowersError::Unknown`], [`FollowersError::AlreadyRebuilding`], [`FollowersError::Poison`] at an event that
    /// cannot be folded, [`FollowersError::Cancelled`], or the database's. The live tables are then as they were.
    pub async fn rebuild(
        &self,
        name: &str,
        options: RebuildOptions,
        tell: Tell<'_>,
        stop: &CancellationToken,
    ) -> Result<Vec<RebuildReport>, FollowersError> {
        let mut reports = Vec::new();
        for projection in chosen(name)? {
            let mut run = Run::begin(self, projection, options, stop).await?;
            reports.push(run.finish(&mut *tell).await?);
            run.close().await?;
        }
        Ok(reports)
    }

    /// Puts the tables of a rebuild that is ready in the place of the live ones.
    ///
    /// # Errors
    /// [`FollowersError::NotReady`] when there is none; otherwise as [`Rebuilder::rebuild`].
    pub async fn switch(
        &self,
        name: &str,
        stop: &CancellationToken,
    ) -> Result<RebuildStatus, FollowersError> {
        let projection = one(name)?;
        let mut control = self.claimed(projection.name()).await?;
        let found = status::of(&mut control, projection.name()).await?;
        if found.as_ref().is_none_or(|found| found.stage != Stage::Ready) {
            return Err(not_ready(&projection, found));
        }
        control.close().await?;
        let options = RebuildOptions { then: Then::Switch, ..RebuildOptions::default() };
        let mut run = Run::begin(self, projection, options, stop).await?;
        run.finish_by_switching().await?;
        let switched = run.status().await;
        run.close().await?;
        switched
    }

    /// Puts the tables that the last switch replaced back in their place; the follower goes on from where it was in
    /// them. What was live is kept in turn.
    ///
    /// # Errors
    /// [`FollowersError::NothingKept`] when none are, or the database's.
    pub async fn roll_back(&self, name: &str) -> Result<RebuildStatus, FollowersError> {
        let projection = one(name)?;
        let mut control = self.claimed(projection.name()).await?;
        switch::roll_back(&mut control, projection.as_ref()).await?;
        self.told(control, projection.as_ref()).await
    }

    /// Drops the tables that the last switch replaced.
    ///
    /// # Errors
    /// [`FollowersError::NothingKept`] when there are none, or the database's.
    pub async fn drop_old(&self, name: &str) -> Result<RebuildStatus, FollowersError> {
        let projection = one(name)?;
        let mut control = self.claimed(projection.name()).await?;
        switch::drop_old(&mut control, projection.as_ref()).await?;
        self.told(control, projection.as_ref()).await
    }

    async fn told(
        &self,
        mut control: PgConnection,
        projection: &dyn Projection,
    ) -> Result<RebuildStatus, FollowersError> {
        let name = projection.name();
        let status = status::of(&mut control, name).await?;
        control.close().await?;
        status.ok_or(FollowersError::NothingKept { name })
    }

    /// A connection of the owner's own that holds the right to rebuild `name` as long as it lives.
    async fn claimed(&self, name: &'static str) -> Result<PgConnection, FollowersError> {
        let mut control = self.options(REBUILD).connect().await?;
        record::claim(&mut control, name).await?;
        Ok(control)
    }

    fn options(&self, schema: &str) -> PgConnectOptions {
        // A long statement ends soon after its client is gone, and lets go of what the next run waits for.
        follower_options(&self.owner, schema)
            .application_name("waybill-rebuild")
            .options([("client_connection_check_interval", "1s")])
    }
}

fn not_ready(projection: &Arc<dyn Projection>, found: Option<RebuildStatus>) -> FollowersError {
    let state = found.map_or_else(|| "never begun".to_owned(), |found| found.state());
    FollowersError::NotReady { name: projection.name(), state }
}

fn chosen(name: &str) -> Result<Vec<Arc<dyn Projection>>, FollowersError> {
    let all = || projections::ALL.iter().map(|new| Arc::<dyn Projection>::from(new()));
    let chosen: Vec<_> = all().filter(|one| name == "all" || one.name() == name).collect();
    if chosen.is_empty() {
        let known = all().map(|one| one.name()).collect::<Vec<_>>().join(", ");
        return Err(FollowersError::Unknown { name: name.to_owned(), known });
    }
    Ok(chosen)
}

fn one(name: &str) -> Result<Arc<dyn Projection>, FollowersError> {
    let mut chosen = chosen(name)?;
    match (chosen.pop(), chosen.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(FollowersError::Unknown {
            name: name.to_owned(),
            known: "one at a time".to_owned(),
        }),
    }
}
