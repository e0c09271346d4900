use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schema::Position;
use sqlx::PgConnection;
use store::Ledger;
use tokio::time::{Instant, sleep};

use super::pace::Pace;
use super::record::{self, Said, Ticket};
use super::status::{eta_s, left};
use super::{RebuildProgress, Stage, Tell};
use crate::FollowersError;

/// How often a rebuild is heard of.
const EVERY: Duration = Duration::from_millis(250);
/// How much of the rate so far counts beside that of the last beat.
const INERTIA: f64 = 0.7;

/// What a rebuild has done so far.
pub(super) struct Facts {
    pub expected: i64,
    applied: AtomicI64,
    position: AtomicI64,
    stage: Mutex<Stage>,
}

impl Facts {
    pub(super) fn new(stage: Stage, expected: i64, applied: i64, position: Position) -> Self {
        let (applied, position) = (AtomicI64::new(applied), AtomicI64::new(position.0));
        Self { expected, applied, position, stage: Mutex::new(stage) }
    }

    pub(super) fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    pub(super) fn apply(&self, events: usize) {
        self.applied.fetch_add(events as i64, Ordering::Relaxed);
    }

    pub(super) fn reach(&self, position: Position) {
        self.position.store(position.0, Ordering::Relaxed);
    }

    pub(super) fn applied(&self) -> i64 {
        self.applied.load(Ordering::Relaxed)
    }

    fn progress(&self, name: &'static str, head: Position, rate: f64) -> RebuildProgress {
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let (applied, position) = (self.applied(), self.position.load(Ordering::Relaxed));
        let left = left(stage, (applied, self.expected), (position, head.0));
        RebuildProgress {
            name,
            stage,
            events: applied.unsigned_abs(),
            expected: self.expected.unsigned_abs(),
            position: Position(position),
            head,
            events_per_second: rate,
            eta_s: eta_s(left, rate),
        }
    }
}

/// Says how a rebuild goes while it goes.
pub(super) struct Beat {
    pub ledger: Arc<Ledger>,
    pub ticket: Ticket,
    pub facts: Arc<Facts>,
    pub pace: Arc<Pace>,
}

impl Beat {
    /// Works, and says so over and over. Work is dropped when the rebuild is no longer ours or nobody can be told.
    pub(super) async fn beside<T>(
        &self,
        control: &mut PgConnection,
        tell: Tell<'_>,
        work: impl Future<Output = Result<T, FollowersError>>,
    ) -> Result<T, FollowersError> {
        // At once, not in turns: work may hold the row that is written here.
        let done = tokio::select! {
            biased;
            done = work => done,
            error = self.strike_on(control, &mut *tell) => Err(error),
        };
        if let Ok(head) = self.ledger.head().await {
            tell(self.facts.progress(self.ticket.name, head, 0.0));
        }
        done
    }

    async fn strike_on(&self, control: &mut PgConnection, tell: Tell<'_>) -> FollowersError {
        let mut seen: Option<(Instant, Position, i64, f64)> = None;
        loop {
            match self.strike(control, &mut seen).await {
                Ok(progress) => tell(progress),
                Err(error) => return error,
            }
            sleep(EVERY).await;
        }
    }

    async fn strike(
        &self,
        control: &mut PgConnection,
        seen: &mut Option<(Instant, Position, i64, f64)>,
    ) -> Result<RebuildProgress, FollowersError> {
        let (now, head, applied) =
            (Instant::now(), self.ledger.head().await?, self.facts.applied());
        let mut rate = 0.0;
        if let Some((at, head_then, applied_then, rate_then)) = *seen {
            let seconds = now.duration_since(at).as_secs_f64().max(0.001);
            let of_late = (applied - applied_then) as f64 / seconds;
            rate = if rate_then > 0.0 {
                INERTIA * rate_then + (1.0 - INERTIA) * of_late
            } else {
                of_late
            };
            if head != head_then {
                self.pace.traffic();
            }
        }
        *seen = Some((now, head, applied, rate));
        let allowed = self.pace.allowed().and_then(|rate| i64::try_from(rate).ok());
        record::beat(control, self.ticket, &Said { applied, head, rate, allowed }).await?;
        Ok(self.facts.progress(self.ticket.name, head, rate))
    }
}
