//! What the reactor remembers so that it need not ask the ledger: which distribution a delivery belongs to, and the
//! streams of distributions that are not over. Both are bounded; what was forgotten is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use aggregates::Decider;
use aggregates::distribution::{Distribution, Rules};
use followers::FollowerError;
use lru::LruCache;
use schema::events::{DeliveryEvent, DistributionEvent};
use schema::{AggregateType, DeliveryId, LedgerEvent, RecordedEvent};
use store::Ledger;
use uuid::Uuid;

use super::counts::ending;
use super::distribution_id;

/// Deliveries remembered at most. About 100 bytes each.
const DELIVERIES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(131_071);

/// Distributions remembered at most. About 1 KB each.
const DISTRIBUTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);

/// Deliveries looked up at a time.
const LOOK_UP: usize = 1_000;

/// Where a delivery is counted: in its distribution, or nowhere when it repeats another.
type CountedIn = Option<Uuid>;

/// A distribution's stream, folded.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub state: Distribution,
    pub sequence: i64,
}

pub(super) struct Known {
    deliveries: LruCache<Uuid, CountedIn>,
    distributions: LruCache<Uuid, Place>,
    /// What this batch needs, safe from being forgotten within it.
    batch: BTreeMap<Uuid, CountedIn>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            deliveries: LruCache::new(DELIVERIES),
            distributions: LruCache::new(DISTRIBUTIONS),
            batch: BTreeMap::new(),
        }
    }

    /// Finds out to which distribution each delivery belongs that `events` plan or close.
    pub(super) async fn learn(
        &mut self,
        ledger: &Ledger,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        self.batch.clear();
        let mut missing = BTreeSet::new();
        for event in events {
            let LedgerEvent::Delivery(change) = &event.event else { continue };
            let id = delivery_id(event)?;
            if let DeliveryEvent::DeliveryScheduled(plan) = change {
                let counted = (plan.resend == 0).then(|| plan.distribution.as_uuid());
                self.deliveries.put(id, counted);
                self.batch.insert(id, counted);
            } else if ending(change).is_some() && !self.batch.contains_key(&id) {
                match self.deliveries.get(&id) {
                    Some(counted) => _ = self.batch.insert(id, *counted),
                    None => _ = missing.insert(event.stream.aggregate_id.clone()),
                }
            }
        }
        let missing: Vec<String> = missing.into_iter().collect();
        for ids in missing.chunks(LOOK_UP) {
            for past in ledger.load_streams(AggregateType::Delivery, ids).await?.values() {
                self.remember(past)?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, past: &[RecordedEvent]) -> Result<(), FollowerError> {
        let Some(first) = past.first() else { return Ok(()) };
        if let LedgerEvent::Delivery(DeliveryEvent::DeliveryScheduled(plan)) = &first.event {
            let counted = (plan.resend == 0).then(|| plan.distribution.as_uuid());
            let id = delivery_id(first)?;
            self.deliveries.put(id, counted);
            self.batch.insert(id, counted);
        }
        Ok(())
    }

    /// Every distribution that `events` have something to say about.
    pub(super) fn touched(&self, events: &[&RecordedEvent]) -> Result<Vec<Uuid>, FollowerError> {
        let mut touched: BTreeSet<Uuid> = self.batch.values().filter_map(|id| *id).collect();
        for event in events {
            if let LedgerEvent::Distribution(_) = &event.event {
                touched.insert(distribution_id(event)?);
            }
        }
        Ok(touched.into_iter().collect())
    }

    /// The distribution in which the delivery of `event` counts.
    pub(super) fn counted_in(&self, event: &RecordedEvent) -> Result<CountedIn, FollowerError> {
        let id = delivery_id(event)?;
        self.batch.get(&id).copied().ok_or_else(|| {
            FollowerError::refused(format!("{} does not begin with its plan", event.stream))
        })
    }

    /// Folds a distribution's stream along, from its first event on without a gap.
    pub(super) fn follow(
        &mut self,
        distribution: Uuid,
        event: &RecordedEvent,
        change: &DistributionEvent,
    ) {
        if event.sequence == 1 {
            let place = Place { state: Distribution::default(), sequence: 0 };
            self.distributions.put(distribution, place);
        }
        let Some(place) = self.distributions.get_mut(&distribution) else { return };
        if place.sequence + 1 == event.sequence {
            Rules::evolve(&mut place.state, change);
            place.sequence = event.sequence;
        } else {
            self.distributions.pop(&distribution);
        }
    }

    /// Hands out a distribution's stream as folded, for the last time.
    pub(super) fn take(&mut self, distribution: Uuid) -> Option<Place> {
        self.distributions.pop(&distribution)
    }
}

fn delivery_id(event: &RecordedEvent) -> Result<Uuid, FollowerError> {
    let id = event.stream.aggregate_id.parse::<DeliveryId>().map_err(FollowerError::refused)?;
    Ok(id.as_uuid())
}
