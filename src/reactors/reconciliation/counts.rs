use schema::events::{AttemptOutcome, DeliveryEvent, NextStep, OutcomeCounts};
use schema::{Position, Proof, RecordedEvent, TenantId};

/// A distribution, as far as its events are counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts {
    pub tenant: TenantId,
    pub planned: u64,
    pub plan_complete: bool,
    pub outcomes: OutcomeCounts,
    /// Whether the log says already that it is over.
    pub reconciled: bool,
    /// The last event counted.
    pub last: Position,
}

impl Counts {
    /// Nothing counted yet of the distribution that `event` belongs to.
    pub(super) fn new(event: &RecordedEvent) -> Self {
        Self {
            tenant: event.metadata.tenant.clone(),
            planned: 0,
            plan_complete: false,
            outcomes: OutcomeCounts::default(),
            reconciled: false,
            last: event.position,
        }
    }

    /// Whether nothing more is to be counted.
    pub(super) fn is_over(&self) -> bool {
        self.reconciled || (self.plan_complete && self.outcomes.total() == self.planned)
    }

    /// Adds a planned part.
    pub(super) fn plan(&mut self, event: &RecordedEvent, planned: u64, is_last: bool) {
        self.planned += planned;
        self.plan_complete |= is_last;
        self.last = event.position;
    }

    /// Adds a closed delivery.
    pub(super) fn close(&mut self, event: &RecordedEvent, ending: Ending) {
        *ending(&mut self.outcomes) += 1;
        self.last = event.position;
    }
}

/// The count that an ending adds to.
pub(super) type Ending = fn(&mut OutcomeCounts) -> &mut u64;

/// How an event closes its delivery, if it does.
pub(super) fn ending(change: &DeliveryEvent) -> Option<Ending> {
    match change {
        DeliveryEvent::DeliveryScheduled(_)
        | DeliveryEvent::AttemptStarted { .. }
        | DeliveryEvent::EvidenceRecorded { .. }
        | DeliveryEvent::EntryMarked { .. }
        | DeliveryEvent::DeliveryRescheduled { .. } => None,
        DeliveryEvent::AttemptEnded { outcome: AttemptOutcome::Succeeded { receipt }, .. } => {
            Some(match receipt.proof {
                Proof::Delivered => |counts| &mut counts.delivered,
                Proof::Accepted => |counts| &mut counts.accepted,
            })
        }
        DeliveryEvent::AttemptEnded {
            outcome: AttemptOutcome::Failed { next, .. } | AttemptOutcome::InDoubt { next, .. },
            ..
        }
        | DeliveryEvent::DoubtResolved { next: Some(next), .. } => match next {
            NextStep::DeadLettered { .. } => Some(|counts| &mut counts.dead_lettered),
            NextStep::RetryAt { .. } | NextStep::Held => None,
        },
        DeliveryEvent::DoubtResolved { next: None, .. } => Some(|counts| &mut counts.accepted),
        DeliveryEvent::DeliveryCancelled { .. } => Some(|counts| &mut counts.cancelled),
        DeliveryEvent::DeliveryExpired { .. } => Some(|counts| &mut counts.expired),
        DeliveryEvent::DeliverySuppressed { .. } => Some(|counts| &mut counts.suppressed),
    }
}
