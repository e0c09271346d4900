//! What never changes about a delivery. Its later events do not repeat it, so it is remembered; what is forgotten is
//! read back from the table. Because it cannot change, a rolled back batch leaves nothing wrong behind.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use lru::LruCache;
use schema::events::{DeliveryEvent, DeliveryPlan};
use schema::{LedgerEvent, RecordedEvent};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::batch::Batch;
use crate::ProjectionError;

/// Open deliveries remembered at most. About 200 bytes each.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(131_071);

const LOAD: &str = "
    select d.delivery, d.tenant, d.distribution, d.channel, d.destination, d.received_at, d.position,
           d.resend > 0 as resend, t.delivery is not null as had_trouble
    from deliveries d left join troubled t using (delivery)
    where d.delivery = any($1)";

/// What never changes about a delivery; `had_trouble` only ever becomes true while it is open.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Facts {
    pub delivery: Uuid,
    pub tenant: String,
    pub distribution: Uuid,
    pub channel: String,
    pub destination: String,
    pub received_at: DateTime<Utc>,
    pub position: i64,
    pub resend: bool,
    pub had_trouble: bool,
}

impl Facts {
    pub(super) fn planned(delivery: Uuid, event: &RecordedEvent, plan: &DeliveryPlan) -> Self {
        Self {
            delivery,
            tenant: event.metadata.tenant.to_string(),
            distribution: plan.distribution.as_uuid(),
            channel: plan.channel.as_str().to_owned(),
            destination: plan.destination.to_string(),
            received_at: plan.received_at.to_chrono(),
            position: event.position.0,
            resend: plan.resend > 0,
            had_trouble: false,
        }
    }
}

/// The facts of deliveries seen lately.
#[derive(Debug)]
pub(super) struct Known {
    remembered: Mutex<LruCache<Uuid, Arc<Facts>>>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self { remembered: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    pub(super) fn forget(&self) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The facts of every delivery that `events` speak of and do not themselves plan.
    pub(super) async fn of(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<HashMap<Uuid, Arc<Facts>>, ProjectionError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        self.look_up(events, &mut found, &mut missing)?;
        if !missing.is_empty() {
            let rows: Vec<Facts> = sqlx::query_as(LOAD).bind(missing).fetch_all(conn).await?;
            found.extend(rows.into_iter().map(|facts| (facts.delivery, Arc::new(facts))));
        }
        Ok(found)
    }

    fn look_up(
        &self,
        events: &[&RecordedEvent],
        found: &mut HashMap<Uuid, Arc<Facts>>,
        missing: &mut Vec<Uuid>,
    ) -> Result<(), ProjectionError> {
        let mut asked = HashSet::new();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let delivery = id(event)?;
            let LedgerEvent::Delivery(change) = &event.event else { continue };
            if !asked.insert(delivery) || matches!(change, DeliveryEvent::DeliveryScheduled(_)) {
                continue;
            }
            match remembered.get(&delivery) {
                Some(facts) => _ = found.insert(delivery, Arc::clone(facts)),
                None => missing.push(delivery),
            }
        }
        Ok(())
    }

    /// Keeps the facts of deliveries that go on, lets go of those that closed.
    pub(super) fn remember(&self, batch: &Batch) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for (facts, closed) in batch.seen() {
            if closed {
                remembered.pop(&facts.delivery);
            } else {
                remembered.put(facts.delivery, facts);
            }
        }
    }
}

/// The id of the delivery an event is about.
pub(super) fn id(event: &RecordedEvent) -> Result<Uuid, schema::Invalid> {
    Ok(event.stream.aggregate_id.parse::<schema::DeliveryId>()?.as_uuid())
}
