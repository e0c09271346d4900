//! The life of a delivery, event by event, as its stream in the log tells it. Knows no read model.

mod detail;

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use schema::events::{AttemptOutcome, DeliveryEvent, Evidence};
use schema::{LedgerEvent, RecipientId, RecordedEvent, Sealed};

use super::fault::Fault;
use super::loaders::SealedKey;
use super::nodes::Personal;
use super::scalars::{Count, Instant, Json, LogPosition};

/// One event of a delivery.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct TimelineEntry {
    /// Its place in the log.
    pub position: LogPosition,
    /// When the database took it.
    pub recorded_at: Instant,
    /// Its place in the delivery's stream, from 1.
    pub sequence: Count,
    /// The event's name, such as `AttemptEnded`.
    #[graphql(name = "type")]
    pub kind: &'static str,
    /// Who caused it, as an opaque id.
    pub actor: String,
    /// Which attempt it speaks of.
    pub attempt: Option<Count>,
    /// The event in a sentence.
    pub summary: String,
    /// What the other side said, when it said something.
    pub reply: Option<Personal>,
    /// The command it came from.
    pub command: Option<String>,
    /// What made it necessary.
    pub causation: Option<String>,
    /// What it belongs together with.
    pub correlation: Option<String>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
    #[graphql(skip)]
    event: LedgerEvent,
}

#[ComplexObject]
impl TimelineEntry {
    /// All that the event says. Personal data is null, or in the clear for the scope `audit`, or `{"erased": true}`.
    async fn detail(&self, ctx: &Context<'_>) -> Result<Json, Fault> {
        detail::of(ctx, &self.event, self.reply.as_ref()).await
    }
}

impl TimelineEntry {
    /// An event of a delivery to `recipient`.
    ///
    /// # Errors
    /// Internal, when it is no delivery's event.
    pub fn of(event: &RecordedEvent, recipient: &ID) -> Result<Self, Fault> {
        let LedgerEvent::Delivery(said) = &event.event else {
            return Err(Fault::internal("an event of another kind stands in a delivery's stream"));
        };
        let subject = RecipientId::try_new(recipient.as_str())?;
        let reply = reply_of(said)
            .map(|reply| Personal(SealedKey::new(subject, &event.stream, "reply", reply.clone())));
        let metadata = &event.metadata;
        Ok(Self {
            position: LogPosition(event.position),
            recorded_at: Instant(event.recorded_at),
            sequence: Count(event.sequence),
            kind: event.event.event_type(),
            actor: metadata.actor.to_string(),
            attempt: attempt_of(said).map(|attempt| Count(i64::from(attempt))),
            summary: history::sentence(&event.event),
            reply,
            command: metadata.command.clone(),
            causation: metadata.causation.clone(),
            correlation: metadata.correlation.clone(),
            traceparent: metadata.traceparent.clone(),
            event: event.event.clone(),
        })
    }
}

const fn attempt_of(event: &DeliveryEvent) -> Option<u32> {
    match event {
        DeliveryEvent::AttemptStarted { attempt, .. }
        | DeliveryEvent::AttemptEnded { attempt, .. }
        | DeliveryEvent::DoubtResolved { attempt, .. }
        | DeliveryEvent::EvidenceRecorded {
            evidence: Evidence::LateSuccess { attempt, .. } | Evidence::LateFailure { attempt, .. },
        } => Some(*attempt),
        DeliveryEvent::DeliveryScheduled(_)
        | DeliveryEvent::DeliveryRescheduled { .. }
        | DeliveryEvent::DeliveryCancelled { .. }
        | DeliveryEvent::DeliveryExpired { .. }
        | DeliveryEvent::DeliverySuppressed { .. }
        | DeliveryEvent::EntryMarked { .. }
        | DeliveryEvent::EvidenceRecorded {
            evidence:
                Evidence::Bounced { .. }
                | Evidence::Resent { .. }
                | Evidence::Complained { .. }
                | Evidence::AutoReplied
                | Evidence::OnTimeAnswered { .. },
        } => None,
    }
}

/// The one piece of personal data that a delivery's event can hold.
const fn reply_of(event: &DeliveryEvent) -> Option<&Sealed> {
    match event {
        DeliveryEvent::AttemptEnded { outcome, .. } => match outcome {
            AttemptOutcome::Succeeded { receipt } => receipt.reply.as_ref(),
            AttemptOutcome::Failed { fault, .. } => fault.reply.as_ref(),
            AttemptOutcome::InDoubt { .. } => None,
        },
        DeliveryEvent::EvidenceRecorded { evidence } => match evidence {
            Evidence::LateSuccess { receipt, .. } => receipt.reply.as_ref(),
            Evidence::LateFailure { fault, .. } | Evidence::Bounced { fault } => {
                fault.reply.as_ref()
            }
            Evidence::Resent { .. }
            | Evidence::Complained { .. }
            | Evidence::AutoReplied
            | Evidence::OnTimeAnswered { .. } => None,
        },
        DeliveryEvent::DeliveryScheduled(_)
        | DeliveryEvent::DeliveryRescheduled { .. }
        | DeliveryEvent::AttemptStarted { .. }
        | DeliveryEvent::DoubtResolved { .. }
        | DeliveryEvent::DeliveryCancelled { .. }
        | DeliveryEvent::DeliveryExpired { .. }
        | DeliveryEvent::DeliverySuppressed { .. }
        | DeliveryEvent::EntryMarked { .. } => None,
    }
}
