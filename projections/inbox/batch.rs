//! A batch of delivery events, folded: which entries are planned, served, marked, and which will never come.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, EntryMark, Evidence, NextStep, OnTimeAnswer,
};
use schema::{ChannelKind, DeliveryId, LedgerEvent, RecordedEvent};
use uuid::Uuid;

use crate::ProjectionError;

/// How an entry came to its inbox.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub position: i64,
    pub at: DateTime<Utc>,
    /// Absent where a person found that it is there.
    pub content_sha256: Option<String>,
}

/// What a batch says of one delivery.
#[derive(Default)]
pub(super) struct Change<'e> {
    pub served: Option<Served>,
    /// It ended otherwise.
    is_gone: bool,
    pub read_at: Option<DateTime<Utc>>,
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Put off until then, or put off no longer.
    pub snoozed: Option<Option<DateTime<Utc>>>,
    /// What the recipient said last of whether it came on time.
    pub answer: Option<&'static str>,
    pub last_position: i64,
    /// The last mark: it needs a row, which other events of other channels do not have.
    pub marked: Option<&'e RecordedEvent>,
}

/// An entry planned within the batch.
pub(super) struct Fresh<'b> {
    pub delivery: Uuid,
    pub planned: &'b RecordedEvent,
    pub plan: &'b DeliveryPlan,
    pub change: &'b Change<'b>,
}

struct Touched<'e> {
    delivery: Uuid,
    planned: Option<(&'e RecordedEvent, &'e DeliveryPlan)>,
    change: Change<'e>,
}

/// What a batch says, in the order in which it first speaks of each delivery.
#[derive(Default)]
pub(super) struct Batch<'e> {
    /// Nothing, where the batch itself says that it goes by another channel.
    order: HashMap<Uuid, Option<usize>>,
    touched: Vec<Touched<'e>>,
}

impl<'e> Batch<'e> {
    pub(super) fn fold(events: &[&'e RecordedEvent]) -> Result<Self, ProjectionError> {
        let mut batch = Self::default();
        for event in events {
            if let LedgerEvent::Delivery(change) = &event.event {
                batch.add(event, change)?;
            }
        }
        Ok(batch)
    }

    fn add(
        &mut self,
        event: &'e RecordedEvent,
        change: &'e DeliveryEvent,
    ) -> Result<(), ProjectionError> {
        let delivery = event.stream.aggregate_id.parse::<DeliveryId>()?.as_uuid();
        if let DeliveryEvent::DeliveryScheduled(plan) = change {
            let index = (plan.channel == ChannelKind::Inbox)
                .then(|| self.touch(delivery, Some((event, plan))));
            self.order.insert(delivery, index);
        } else if !says_something(change) {
            return Ok(());
        } else if !self.order.contains_key(&delivery) {
            let index = self.touch(delivery, None);
            self.order.insert(delivery, Some(index));
        }
        if let Some(Some(index)) = self.order.get(&delivery) {
            self.touched[*index].change.fold(event, change);
        }
        Ok(())
    }

    fn touch(
        &mut self,
        delivery: Uuid,
        planned: Option<(&'e RecordedEvent, &'e DeliveryPlan)>,
    ) -> usize {
        self.touched.push(Touched { delivery, planned, change: Change::default() });
        self.touched.len() - 1
    }

    /// Entries to add.
    pub(super) fn fresh(&self) -> Vec<Fresh<'_>> {
        let fresh = |touched: &'_ Touched<'e>| touched.planned;
        self.touched
            .iter()
            .filter(|touched| !touched.change.is_gone)
            .filter_map(|touched| {
                let (planned, plan) = fresh(touched)?;
                let (delivery, change) = (touched.delivery, &touched.change);
                Some(Fresh { delivery, planned, plan, change })
            })
            .collect()
    }

    /// What to change of deliveries planned before; those of other channels have no row.
    pub(super) fn changed(&self) -> Vec<(Uuid, &Change<'e>)> {
        let earlier = |touched: &&Touched<'e>| touched.planned.is_none() && !touched.change.is_gone;
        let changed = self.touched.iter().filter(earlier);
        changed.map(|touched| (touched.delivery, &touched.change)).collect()
    }

    /// Deliveries planned before that will never come.
    pub(super) fn gone(&self) -> Vec<Uuid> {
        let gone = |touched: &&Touched<'e>| touched.planned.is_none() && touched.change.is_gone;
        self.touched.iter().filter(gone).map(|touched| touched.delivery).collect()
    }
}

/// Whether an event may change a row: most attempts' ends do not.
const fn says_something(change: &DeliveryEvent) -> bool {
    match change {
        DeliveryEvent::DeliveryScheduled(_)
        | DeliveryEvent::DeliveryCancelled { .. }
        | DeliveryEvent::DeliveryExpired { .. }
        | DeliveryEvent::DeliverySuppressed { .. }
        | DeliveryEvent::EntryMarked { .. } => true,
        DeliveryEvent::DeliveryRescheduled { .. } => false,
        DeliveryEvent::AttemptEnded { outcome, .. } => match outcome {
            AttemptOutcome::Succeeded { .. } => true,
            AttemptOutcome::Failed { next, .. } | AttemptOutcome::InDoubt { next, .. } => {
                is_given_up(next)
            }
        },
        DeliveryEvent::DoubtResolved { next: Some(next), .. } => is_given_up(next),
        DeliveryEvent::DoubtResolved { next: None, .. } => true,
        DeliveryEvent::EvidenceRecorded { evidence } => answered(evidence).is_some(),
        DeliveryEvent::AttemptStarted { .. } => false,
    }
}

/// What was said of an entry, or of what is in no inbox.
const fn answered(evidence: &Evidence) -> Option<OnTimeAnswer> {
    match evidence {
        Evidence::OnTimeAnswered { answer, .. } => Some(*answer),
        Evidence::LateSuccess { .. }
        | Evidence::LateFailure { .. }
        | Evidence::Bounced { .. }
        | Evidence::Resent { .. }
        | Evidence::Complained { .. }
        | Evidence::AutoReplied => None,
    }
}

const fn is_given_up(next: &NextStep) -> bool {
    match next {
        NextStep::DeadLettered { .. } => true,
        NextStep::RetryAt { .. } | NextStep::Held => false,
    }
}

impl<'e> Change<'e> {
    /// Takes an event that says something.
    fn fold(&mut self, event: &'e RecordedEvent, change: &DeliveryEvent) {
        self.last_position = event.position.0;
        match change {
            DeliveryEvent::DeliveryScheduled(_)
            | DeliveryEvent::DeliveryRescheduled { .. }
            | DeliveryEvent::AttemptStarted { .. } => {}
            DeliveryEvent::EvidenceRecorded { evidence } => {
                self.answer = answered(evidence).map(OnTimeAnswer::as_str);
            }
            DeliveryEvent::AttemptEnded { outcome, .. } => match outcome {
                AttemptOutcome::Succeeded { receipt } => {
                    self.serve(event, Some(receipt.content_sha256.to_string()));
                }
                AttemptOutcome::Failed { .. } | AttemptOutcome::InDoubt { .. } => {
                    self.is_gone = true;
                }
            },
            DeliveryEvent::DoubtResolved { next: None, .. } => self.serve(event, None),
            DeliveryEvent::DoubtResolved { next: Some(_), .. }
            | DeliveryEvent::DeliveryCancelled { .. }
            | DeliveryEvent::DeliveryExpired { .. }
            | DeliveryEvent::DeliverySuppressed { .. } => self.is_gone = true,
            DeliveryEvent::EntryMarked { mark } => self.mark(event, *mark),
        }
    }

    fn serve(&mut self, event: &RecordedEvent, content_sha256: Option<String>) {
        let (position, at) = (event.position.0, event.recorded_at.to_chrono());
        self.served = Some(Served { position, at, content_sha256 });
    }

    /// Whoever acknowledges has read.
    fn mark(&mut self, event: &'e RecordedEvent, mark: EntryMark) {
        let at = event.recorded_at.to_chrono();
        self.marked = Some(event);
        match mark {
            EntryMark::Read => self.read_at = self.read_at.or(Some(at)),
            EntryMark::Acknowledged => {
                self.read_at = self.read_at.or(Some(at));
                self.acknowledged_at = self.acknowledged_at.or(Some(at));
            }
            EntryMark::Snoozed { until } => self.snoozed = Some(Some(until.to_chrono())),
            EntryMark::Unsnoozed => self.snoozed = Some(None),
        }
    }
}
