//! Counts of a distribution's deliveries, added up batch by batch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schema::Proof;
use schema::RecordedEvent;
use schema::events::{AttemptOutcome, DeliveryEvent, Evidence, NextStep};
use sqlx::PgConnection;
use uuid::Uuid;

const ADD: &str = "
    insert into distribution_outcomes as o (distribution, channel, resend, scheduled, attempts,
        delivered, accepted, dead_lettered, cancelled, expired, suppressed, bounced,
        first_closed_at, last_closed_at)
    select * from unnest($1::uuid[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::timestamptz[], $14::timestamptz[])
    on conflict (distribution, channel, resend) do update
    set scheduled = o.scheduled + excluded.scheduled, attempts = o.attempts + excluded.attempts,
        delivered = o.delivered + excluded.delivered, accepted = o.accepted + excluded.accepted,
        dead_lettered = o.dead_lettered + excluded.dead_lettered,
        cancelled = o.cancelled + excluded.cancelled, expired = o.expired + excluded.expired,
        suppressed = o.suppressed + excluded.suppressed, bounced = o.bounced + excluded.bounced,
        first_closed_at = least(o.first_closed_at, excluded.first_closed_at),
        last_closed_at = greatest(o.last_closed_at, excluded.last_closed_at)";

/// What a batch adds to one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcomes {
    scheduled: i64,
    attempts: i64,
    delivered: i64,
    accepted: i64,
    dead_lettered: i64,
    cancelled: i64,
    expired: i64,
    suppressed: i64,
    bounced: i64,
    first_closed_at: Option<DateTime<Utc>>,
    last_closed_at: Option<DateTime<Utc>>,
}

impl Outcomes {
    pub(super) fn count(&mut self, event: &RecordedEvent, change: &DeliveryEvent) {
        let closed = match change {
            DeliveryEvent::DeliveryScheduled(_) => return self.scheduled += 1,
            DeliveryEvent::AttemptStarted { .. } => return self.attempts += 1,
            DeliveryEvent::EvidenceRecorded { evidence: Evidence::Bounced { .. } } => {
                return self.bounced += 1;
            }
            DeliveryEvent::EvidenceRecorded { .. }
            | DeliveryEvent::EntryMarked { .. }
            | DeliveryEvent::DeliveryRescheduled { .. } => return,
            DeliveryEvent::AttemptEnded { outcome, .. } => self.ended(outcome),
            DeliveryEvent::DoubtResolved { next: None, .. } => Some(&mut self.accepted),
            DeliveryEvent::DoubtResolved { next: Some(next), .. } => self.given_up(next),
            DeliveryEvent::DeliveryCancelled { .. } => Some(&mut self.cancelled),
            DeliveryEvent::DeliveryExpired { .. } => Some(&mut self.expired),
            DeliveryEvent::DeliverySuppressed { .. } => Some(&mut self.suppressed),
        };
        if let Some(count) = closed {
            *count += 1;
            let at = event.recorded_at.to_chrono();
            self.first_closed_at = Some(self.first_closed_at.map_or(at, |first| first.min(at)));
            self.last_closed_at = self.last_closed_at.max(Some(at));
        }
    }

    fn ended(&mut self, outcome: &AttemptOutcome) -> Option<&mut i64> {
        match outcome {
            AttemptOutcome::Succeeded { receipt } => Some(match receipt.proof {
                Proof::Delivered => &mut self.delivered,
                Proof::Accepted => &mut self.accepted,
            }),
            AttemptOutcome::Failed { next, .. } | AttemptOutcome::InDoubt { next, .. } => {
                self.given_up(next)
            }
        }
    }

    fn given_up(&mut self, next: &NextStep) -> Option<&mut i64> {
        match next {
            NextStep::DeadLettered { .. } => Some(&mut self.dead_lettered),
            NextStep::RetryAt { .. } | NextStep::Held => None,
        }
    }
}

/// Adds what a batch counted, all in one statement.
pub(super) async fn add(
    conn: &mut PgConnection,
    counts: &BTreeMap<(Uuid, String, bool), Outcomes>,
) -> Result<(), sqlx::Error> {
    if counts.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Outcomes) -> i64| counts.values().map(of).collect::<Vec<i64>>();
    let times = |of: fn(&Outcomes) -> Option<DateTime<Utc>>| {
        counts.values().map(of).collect::<Vec<Option<DateTime<Utc>>>>()
    };
    sqlx::query(ADD)
        .bind(counts.keys().map(|key| key.0).collect::<Vec<Uuid>>())
        .bind(counts.keys().map(|key| key.1.as_str()).collect::<Vec<&str>>())
        .bind(counts.keys().map(|key| key.2).collect::<Vec<bool>>())
        .bind(column(|row| row.scheduled))
        .bind(column(|row| row.attempts))
        .bind(column(|row| row.delivered))
        .bind(column(|row| row.accepted))
        .bind(column(|row| row.dead_lettered))
        .bind(column(|row| row.cancelled))
        .bind(column(|row| row.expired))
        .bind(column(|row| row.suppressed))
        .bind(column(|row| row.bounced))
        .bind(times(|row| row.first_closed_at))
        .bind(times(|row| row.last_closed_at))
        .execute(conn)
        .await?;
    Ok(())
}
