//! A batch of delivery events, folded: what to insert, what to change, what to count.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use schema::events::{DeliveryEvent, DeliveryPlan};
use schema::{LedgerEvent, RecordedEvent, Timestamp};
use uuid::Uuid;

use super::facts::{Facts, id};
use super::health::Health;
use super::outcomes::Outcomes;
use super::standing::Change;
use crate::ProjectionError;

/// A delivery planned within the batch.
pub(super) struct Fresh<'e> {
    pub facts: &'e Facts,
    pub plan: &'e DeliveryPlan,
    pub scheduled_at: Timestamp,
    pub change: &'e Change,
}

struct Touched<'e> {
    facts: Arc<Facts>,
    plan: Option<(&'e DeliveryPlan, Timestamp)>,
    change: Change,
}

/// What a batch does to each delivery, in the order in which it first speaks of them.
pub(super) struct Batch<'e> {
    order: HashMap<Uuid, usize>,
    touched: Vec<Touched<'e>>,
    outcomes: BTreeMap<(Uuid, String, bool), Outcomes>,
    health: BTreeMap<(String, String, String, i64, &'static str), Health>,
}

impl<'e> Batch<'e> {
    /// Folds `events`; `facts` holds those of deliveries planned before.
    pub(super) fn fold(
        events: &[&'e RecordedEvent],
        facts: &HashMap<Uuid, Arc<Facts>>,
    ) -> Result<Self, ProjectionError> {
        let mut batch = Self {
            order: HashMap::with_capacity(events.len()),
            touched: Vec::with_capacity(events.len()),
            outcomes: BTreeMap::new(),
            health: BTreeMap::new(),
        };
        for event in events {
            if let LedgerEvent::Delivery(change) = &event.event {
                batch.add(event, change, facts)?;
            }
        }
        Ok(batch)
    }

    fn add(
        &mut self,
        event: &'e RecordedEvent,
        change: &'e DeliveryEvent,
        facts: &HashMap<Uuid, Arc<Facts>>,
    ) -> Result<(), ProjectionError> {
        let delivery = id(event)?;
        let index = match (self.order.get(&delivery), change) {
            (Some(index), _) => *index,
            (None, DeliveryEvent::DeliveryScheduled(plan)) => {
                let facts = Arc::new(Facts::planned(delivery, event, plan));
                self.touch(delivery, facts, Some((plan, event.recorded_at)))
            }
            (None, _) => {
                let facts =
                    facts.get(&delivery).ok_or_else(|| ProjectionError::row_missing(event))?;
                self.touch(delivery, Arc::clone(facts), None)
            }
        };
        let touched = &mut self.touched[index];
        touched.change.fold(&touched.facts, event, change);
        let facts = &touched.facts;
        let run = (facts.distribution, facts.channel.clone(), facts.resend);
        self.outcomes.entry(run).or_default().count(event, change);
        if let DeliveryEvent::AttemptEnded { elapsed_us, outcome, .. } = change {
            let minute = event.recorded_at.unix_micros().div_euclid(60_000_000);
            let (tenant, channel) = (facts.tenant.clone(), facts.channel.clone());
            let key = (tenant, channel, facts.destination.clone(), minute, Health::result(outcome));
            self.health.entry(key).or_default().count(*elapsed_us);
        }
        Ok(())
    }

    fn touch(
        &mut self,
        delivery: Uuid,
        facts: Arc<Facts>,
        plan: Option<(&'e DeliveryPlan, Timestamp)>,
    ) -> usize {
        let index = self.touched.len();
        self.touched.push(Touched { facts, plan, change: Change::default() });
        self.order.insert(delivery, index);
        index
    }

    /// Deliveries to insert.
    pub(super) fn fresh(&self) -> Vec<Fresh<'_>> {
        self.touched
            .iter()
            .filter_map(|touched| {
                let (plan, scheduled_at) = touched.plan?;
                Some(Fresh { facts: &touched.facts, plan, scheduled_at, change: &touched.change })
            })
            .collect()
    }

    /// Deliveries to change.
    pub(super) fn changed(&self) -> Vec<(Uuid, &Change)> {
        self.touched
            .iter()
            .filter(|touched| touched.plan.is_none())
            .map(|touched| (touched.facts.delivery, &touched.change))
            .collect()
    }

    /// Deliveries someone may want to look at from now on.
    pub(super) fn troubled(&self) -> Vec<&Facts> {
        self.touched
            .iter()
            .filter(|touched| touched.change.has_trouble() && !touched.change.got_through())
            .map(|touched| &*touched.facts)
            .collect()
    }

    /// Deliveries that had trouble before this batch and got through in it.
    pub(super) fn recovered(&self) -> Vec<Uuid> {
        self.touched
            .iter()
            .filter(|touched| touched.facts.had_trouble && touched.change.got_through())
            .map(|touched| touched.facts.delivery)
            .collect()
    }

    /// Counts to add, by distribution, channel and whether they are resends.
    pub(super) fn outcomes(&self) -> &BTreeMap<(Uuid, String, bool), Outcomes> {
        &self.outcomes
    }

    /// Ended attempts to add, by tenant, channel, destination, minute since 1970 and result.
    pub(super) fn health(&self) -> &BTreeMap<(String, String, String, i64, &'static str), Health> {
        &self.health
    }

    /// The facts of every delivery touched, and whether it closed.
    pub(super) fn seen(&self) -> impl Iterator<Item = (Arc<Facts>, bool)> {
        self.touched.iter().map(|touched| {
            let had_trouble = touched.facts.had_trouble || touched.change.has_trouble();
            let facts = if had_trouble == touched.facts.had_trouble {
                Arc::clone(&touched.facts)
            } else {
                Arc::new(Facts { had_trouble, ..Facts::clone(&touched.facts) })
            };
            (facts, touched.change.closed())
        })
    }
}
