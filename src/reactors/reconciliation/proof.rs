//! The completeness sums proven from the log alone, over all tenants: no read model, no queue, no table of the
//! reactor's is looked at. Streams are read in the order of their ids, in parts; what is held is a row of counts for
//! each distribution.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use schema::events::{DeliveryEvent, DistributionEvent, OutcomeCounts, SliceSums};
use schema::{AggregateType, DistributionId, LedgerEvent, Position};
use serde::Serialize;
use sqlx::PgPool;
use store::{LAST_STREAM, Ledger, LogRow, StoreError, StreamSpan};

use super::counts::ending;

/// Events read at a time.
const PART: u32 = 10_000;
/// Mismatches that are named; all are counted.
const NAMED: usize = 100;

/// What the proof found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Proof {
    /// Up to which position.
    pub position: Position,
    /// Distributions looked at.
    pub distributions: u64,
    /// Of them: reconciled.
    pub reconciled: u64,
    /// Of them: whose plan is whole and whose deliveries are all closed, and which are not reconciled yet.
    pub due: u64,
    /// considered = planned + not planned, over all slices of all plans.
    pub sums: SliceSums,
    /// Planned deliveries that there are.
    pub scheduled: u64,
    /// How they ended.
    pub outcomes: OutcomeCounts,
    /// Those that are not closed.
    pub open: u64,
    /// Repetitions, which are not counted in the sums.
    pub resends: u64,
    /// How many sums do not hold.
    pub mismatch_count: u64,
    /// The first of them.
    pub mismatches: Vec<Mismatch>,
}

/// Why the sums could not be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// An event of a newer program: without it the sums are not the log's.
    #[error("event {position}, {event_type}, cannot be read: {why}")]
    Unreadable {
        /// Where.
        position: Position,
        /// Its name, as stored.
        event_type: String,
        /// Why not.
        why: String,
    },
    /// The ledger is away.
    #[error("the ledger: {0}")]
    Store(#[from] StoreError),
}

/// A sum that does not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    /// Of which stream.
    pub stream: String,
    /// Which sum.
    pub rule: &'static str,
    /// What it should be.
    pub expected: u64,
    /// What it is.
    pub found: u64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, rule, expected, found } = self;
        write!(f, "{stream}: {rule}: must be {expected}, is {found}")
    }
}

/// What is counted of a distribution.
#[derive(Default)]
struct Row {
    sums: SliceSums,
    is_planned: bool,
    reconciled: Option<(SliceSums, OutcomeCounts)>,
    scheduled: u64,
    outcomes: OutcomeCounts,
}

impl Proof {
    /// Proves the sums up to `through`, which the tail must have reached. `tell` hears how many events were read.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn of(
        ledger: &Arc<Ledger>,
        through: Position,
        mut tell: impl FnMut(u64),
    ) -> Result<Self, ProofError> {
        let mut proof = Self { position: through, ..Self::default() };
        let mut rows: HashMap<String, Row> = HashMap::new();
        let mut read = 0;
        for kind in [AggregateType::Distribution, AggregateType::Delivery] {
            let (mut after, end) = (String::new(), LAST_STREAM.to_owned());
            while after < end {
                let span = StreamSpan { after, through: end.clone() };
                let span = ledger.cut_streams(kind, &span, PART).await?;
                after = span.through.clone();
                let part = ledger.read_streams(kind, span, through).await?.decode();
                read += part.len() as u64;
                for stream in part.chunk_by(|a, b| a.aggregate_id == b.aggregate_id) {
                    proof.count(&mut rows, stream)?;
                }
                tell(read);
            }
        }
        for (id, row) in &rows {
            proof.judge(id, row);
        }
        proof.mismatches.sort_by(|a, b| a.stream.cmp(&b.stream));
        Ok(proof)
    }

    fn count(
        &mut self,
        rows: &mut HashMap<String, Row>,
        stream: &[LogRow],
    ) -> Result<(), ProofError> {
        let mut delivery = Seen::default();
        for row in stream {
            let event = row.decoded().map_err(|why| ProofError::Unreadable {
                position: row.position,
                event_type: row.event_type.clone(),
                why: why.to_owned(),
            })?;
            match &event.event {
                LedgerEvent::Distribution(change) => {
                    self.planned(rows.entry(row.aggregate_id.clone()).or_default(), row, change);
                }
                LedgerEvent::Delivery(change) => delivery.fold(change),
                _ => {}
            }
        }
        if let Some(id) = stream.first().map(|row| row.aggregate_id.as_str())
            && delivery.events > 0
        {
            self.delivered(rows, id, &delivery);
        }
        Ok(())
    }

    fn planned(&mut self, of: &mut Row, row: &LogRow, change: &DistributionEvent) {
        match change {
            DistributionEvent::SlicePlanned { sums, through, decisions, .. } => {
                let not_planned: u64 = sums.not_planned.values().sum();
                let sum = sums.planned + not_planned;
                let id = &row.aggregate_id;
                self.must(id, "considered = planned + not planned", sums.considered, sum);
                let named = decisions.len() as u64;
                self.must(id, "each pair not planned has its decision", not_planned, named);
                add(&mut of.sums, sums);
                of.is_planned |= through.is_none();
            }
            DistributionEvent::DistributionReconciled { sums, outcomes } => {
                self.must(
                    &row.aggregate_id,
                    "reconciled once",
                    0,
                    of.reconciled.iter().len() as u64,
                );
                of.reconciled = Some((sums.clone(), *outcomes));
            }
            DistributionEvent::ReportReceived(_)
            | DistributionEvent::VersionCorrected { .. }
            | DistributionEvent::VersionWithdrawn { .. } => {}
        }
    }

    fn delivered(&mut self, rows: &mut HashMap<String, Row>, id: &str, seen: &Seen) {
        self.must(id, "closed at most once", seen.endings.min(1), seen.endings);
        let Some((distribution, resend)) = seen.planned_in else {
            self.must(id, "begins with its plan", 1, 0);
            return;
        };
        if resend {
            self.resends += 1;
            return;
        }
        match rows.get_mut(&distribution.to_string()) {
            Some(row) => {
                row.scheduled += 1;
                add_outcomes(&mut row.outcomes, &seen.outcomes);
            }
            None => self.must(id, "its distribution is in the log", 1, 0),
        }
    }

    /// The sums of one distribution.
    fn judge(&mut self, id: &str, row: &Row) {
        self.distributions += 1;
        self.scheduled += row.scheduled;
        self.open += row.scheduled.saturating_sub(row.outcomes.total());
        add(&mut self.sums, &row.sums);
        add_outcomes(&mut self.outcomes, &row.outcomes);
        self.must(id, "planned deliveries are in the log", row.sums.planned, row.scheduled);
        let is_over = row.is_planned && row.outcomes.total() == row.sums.planned;
        match &row.reconciled {
            None => self.due += u64::from(is_over),
            Some((sums, outcomes)) => {
                self.reconciled += 1;
                self.must(id, "reconciled when all was closed", 1, is_over.into());
                self.must(
                    id,
                    "reconciled sums are those of the slices",
                    1,
                    (*sums == row.sums).into(),
                );
                let same = *outcomes == row.outcomes;
                self.must(id, "reconciled outcomes are those of the deliveries", 1, same.into());
            }
        }
    }

    fn must(&mut self, stream: &str, rule: &'static str, expected: u64, found: u64) {
        if expected == found {
            return;
        }
        self.mismatch_count += 1;
        if self.mismatches.len() < NAMED {
            self.mismatches.push(Mismatch { stream: stream.to_owned(), rule, expected, found });
        }
    }

    /// Keeps what was found: readiness and metrics tell of mismatches until a later proof finds none.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        sqlx::query(
            "insert into completeness_proof (position, distributions, deliveries, mismatches, first) \
             values ($1, $2, $3, $4, $5) on conflict (only_row) do update set position = excluded.position, \
             proven_at = clock_timestamp(), distributions = excluded.distributions, \
             deliveries = excluded.deliveries, mismatches = excluded.mismatches, first = excluded.first",
        )
        .bind(self.position.0)
        .bind(signed(self.distributions))
        .bind(signed(self.scheduled))
        .bind(signed(self.mismatch_count))
        .bind(self.mismatches.first().map(ToString::to_string))
        .execute(pool)
        .await?;
        Ok(())
    }
}

/// What the last proof that was kept found: how many mismatches, and the first of them.
///
/// # Errors
/// The database's.
pub async fn last_mismatches(pool: &PgPool) -> Result<Option<(i64, Option<String>)>, sqlx::Error> {
    sqlx::query_as("select mismatches, first from completeness_proof").fetch_optional(pool).await
}

/// What is seen of one delivery.
#[derive(Default)]
struct Seen {
    events: u64,
    planned_in: Option<(DistributionId, bool)>,
    endings: u64,
    outcomes: OutcomeCounts,
}

impl Seen {
    fn fold(&mut self, change: &DeliveryEvent) {
        self.events += 1;
        if let DeliveryEvent::DeliveryScheduled(plan) = change {
            self.planned_in = Some((plan.distribution, plan.resend > 0));
        }
        if let Some(ending) = ending(change) {
            self.endings += 1;
            *ending(&mut self.outcomes) += 1;
        }
    }
}

fn add(to: &mut SliceSums, more: &SliceSums) {
    to.considered += more.considered;
    to.planned += more.planned;
    for (reason, count) in &more.not_planned {
        *to.not_planned.entry(*reason).or_default() += count;
    }
}

fn add_outcomes(to: &mut OutcomeCounts, more: &OutcomeCounts) {
    to.delivered += more.delivered;
    to.accepted += more.accepted;
    to.dead_lettered += more.dead_lettered;
    to.cancelled += more.cancelled;
    to.expired += more.expired;
    to.suppressed += more.suppressed;
}
