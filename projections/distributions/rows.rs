use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schema::Attributes;
use schema::events::ArtifactRef;
use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::entity::Entity;

/// A report version and its run.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct DistributionRow {
    /// Which run.
    pub distribution: Uuid,
    /// Whose.
    pub tenant: String,
    /// Which report.
    pub report: String,
    /// Which version.
    pub version: String,
    /// SHA-256 of what came in, hexadecimal.
    pub digest: String,
    /// The report's title when it came in.
    pub title: String,
    /// What the version says of itself.
    pub attributes: Json<Attributes>,
    /// Its files.
    pub artifacts: Json<Vec<ArtifactRef>>,
    /// The version it corrects.
    pub corrects: Option<String>,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// When its deliveries expire.
    pub deadline: DateTime<Utc>,
    /// How many parts are planned.
    pub slices: i64,
    /// Pairs of subscription and recipient looked at: `planned + not_planned`.
    pub considered: i64,
    /// Pairs that led to a delivery.
    pub planned: i64,
    /// Pairs that did not.
    pub not_planned: i64,
    /// Those, by [`schema::events::NotPlannedReason`]'s name.
    pub not_planned_by: Json<BTreeMap<String, i64>>,
    /// When the last part was planned; absent while planning goes on.
    pub plan_complete_at: Option<DateTime<Utc>>,
    /// The version that takes its place.
    pub corrected_by: Option<String>,
    /// When it was taken back.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why.
    pub withdraw_reason: Option<String>,
    /// When every planned delivery was closed and the sums closed: the end of the run.
    pub reconciled_at: Option<DateTime<Utc>>,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// The last event of its stream.
    pub last_position: i64,
}

impl Entity for DistributionRow {
    const LOAD: &'static str = "
        select d.* from distributions d
        where $1::text[] is not null and d.distribution = any($2::text[]::uuid[])";
    const STORE: &'static str = "
        insert into distributions
        select * from jsonb_populate_recordset(null::distributions, $1::jsonb)
        on conflict (distribution) do update
        set slices = excluded.slices, considered = excluded.considered, planned = excluded.planned,
            not_planned = excluded.not_planned, not_planned_by = excluded.not_planned_by,
            plan_complete_at = excluded.plan_complete_at, corrected_by = excluded.corrected_by,
            withdrawn_at = excluded.withdrawn_at, withdraw_reason = excluded.withdraw_reason,
            reconciled_at = excluded.reconciled_at, last_position = excluded.last_position";

    fn key(&self) -> String {
        self.distribution.to_string()
    }
}

/// A decision against a delivery: why somebody did not get something.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct NotPlannedRow {
    /// Whose.
    pub tenant: String,
    /// Of which run.
    pub distribution: Uuid,
    /// In which event.
    pub position: i64,
    /// At which place in it.
    pub ordinal: i32,
    /// Which report.
    pub report: String,
    /// Which version.
    pub version: String,
    /// Who did not get it.
    pub recipient: String,
    /// By which subscription it might have.
    pub subscription: String,
    /// As it stood then.
    pub subscription_version: i64,
    /// Why not, by [`schema::events::NotPlannedReason`]'s name.
    pub reason: String,
    /// In which part of the plan.
    pub slice: i64,
    /// The log's position at which subscriptions were read.
    pub read_at: i64,
    /// When.
    pub decided_at: DateTime<Utc>,
}

/// How a distribution's deliveries on one channel stand, planned ones and resends each in a row of their own.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct OutcomeRow {
    /// Of which run.
    pub distribution: Uuid,
    /// On which channel.
    pub channel: String,
    /// Whether these are resends, which the run's sums leave out.
    pub resend: bool,
    /// Deliveries in all.
    pub scheduled: i64,
    /// Attempts begun.
    pub attempts: i64,
    /// Closed: the receiver confirmed it.
    pub delivered: i64,
    /// Closed: handed over. Bounced ones are among them.
    pub accepted: i64,
    /// Closed: given up.
    pub dead_lettered: i64,
    /// Closed: called off.
    pub cancelled: i64,
    /// Closed: too late.
    pub expired: i64,
    /// Closed: held back by a rule at the moment of sending.
    pub suppressed: i64,
    /// Of the accepted ones: came back.
    pub bounced: i64,
    /// When the first was closed.
    pub first_closed_at: Option<DateTime<Utc>>,
    /// When the last was closed.
    pub last_closed_at: Option<DateTime<Utc>>,
}

impl OutcomeRow {
    /// Closed deliveries.
    #[must_use]
    pub const fn closed(&self) -> i64 {
        self.delivered
            + self.accepted
            + self.dead_lettered
            + self.cancelled
            + self.expired
            + self.suppressed
    }

    /// Deliveries that are not closed.
    #[must_use]
    pub const fn open(&self) -> i64 {
        self.scheduled - self.closed()
    }
}

/// A distribution's outcomes added up over channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeSums {
    /// Deliveries in all.
    pub scheduled: i64,
    /// Of them not closed.
    pub open: i64,
    /// Attempts begun.
    pub attempts: i64,
    /// The receiver confirmed it.
    pub delivered: i64,
    /// Handed over. Bounced ones are among them.
    pub accepted: i64,
    /// Given up.
    pub dead_lettered: i64,
    /// Called off.
    pub cancelled: i64,
    /// Too late.
    pub expired: i64,
    /// Held back by a rule.
    pub suppressed: i64,
    /// Of the accepted ones: came back.
    pub bounced: i64,
    /// When the first was closed.
    pub first_closed_at: Option<DateTime<Utc>>,
    /// When the last was closed.
    pub last_closed_at: Option<DateTime<Utc>>,
}

impl OutcomeSums {
    /// Adds up rows of one distribution: the planned deliveries, or the resends.
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r OutcomeRow>, resends: bool) -> Self {
        let mut sums = Self::default();
        for row in rows.into_iter().filter(|row| row.resend == resends) {
            sums.scheduled += row.scheduled;
            sums.open += row.open();
            sums.attempts += row.attempts;
            sums.delivered += row.delivered;
            sums.accepted += row.accepted;
            sums.dead_lettered += row.dead_lettered;
            sums.cancelled += row.cancelled;
            sums.expired += row.expired;
            sums.suppressed += row.suppressed;
            sums.bounced += row.bounced;
            sums.first_closed_at = earlier(sums.first_closed_at, row.first_closed_at);
            sums.last_closed_at = sums.last_closed_at.max(row.last_closed_at);
        }
        sums
    }
}

fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
