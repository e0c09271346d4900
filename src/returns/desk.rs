use std::sync::Arc;

use aggregates::delivery::{self, Delivery, Refusal};
use aggregates::recipient;
use aggregates::{fold, run};
use channels::email::returns::{Returned, ReturnedMail, read};
use schema::events::{DeliveryPlan, RecipientEvent, SuppressionReason};
use schema::{
    ChannelKind, DeliveryId, LedgerEvent, Metadata, RecordedEvent, Sealed, Sha256, StreamId,
};
use store::{Append, AppendError, Ledger, Unit, Vault};

use crate::clock::now;
use crate::follow::{self, Sent};
use crate::{Incoming, Recorded, ReturnError, ReturnsConfig, figures};

/// How often a message is decided on anew because someone else was faster.
const MAX_CONFLICTS: u32 = 8;

/// Where all entrances lead: one message becomes evidence, and a suppression where the rules say so.
pub struct ReturnDesk {
    ledger: Arc<Ledger>,
    vault: Arc<Vault>,
    config: ReturnsConfig,
}

impl ReturnDesk {
    /// A desk over this ledger and this vault.
    #[must_use]
    pub const fn new(ledger: Arc<Ledger>, vault: Arc<Vault>, config: ReturnsConfig) -> Self {
        Self { ledger, vault, config }
    }

    /// What it goes by.
    #[must_use]
    pub const fn config(&self) -> &ReturnsConfig {
        &self.config
    }

    /// Records what a message says. Once this has answered, the message is not needed any more; the same message again
    /// changes nothing.
    ///
    /// # Errors
    /// [`ReturnError`]: then nothing was recorded.
    pub async fn record(&self, incoming: &Incoming<'_>) -> Result<Recorded, ReturnError> {
        let (kind, result) = match self.read(incoming) {
            Err(error) => ("unknown", Err(error)),
            Ok(mail) => {
                let result = match self.genuine(&mail) {
                    Ok(delivery) => self.carry_out(incoming, &mail.what, delivery).await,
                    Err(error) => Err(error),
                };
                (follow::kind(&mail.what), result)
            }
        };
        figures::returned(kind, &result);
        result
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<ReturnedMail, ReturnError> {
        let limit_bytes = self.config.max_message_bytes;
        if incoming.raw.len() > limit_bytes {
            return Err(ReturnError::TooLarge { limit_bytes });
        }
        let mail = read(incoming.raw, incoming.recipients).ok_or(ReturnError::Unreadable)?;
        if mail.what == Returned::Unknown { Err(ReturnError::NotAReport) } else { Ok(mail) }
    }

    /// The delivery of the first mark that is ours.
    fn genuine(&self, mail: &ReturnedMail) -> Result<DeliveryId, ReturnError> {
        if mail.marks.is_empty() {
            return Err(ReturnError::Unmarked);
        }
        let genuine = mail.marks.iter().find_map(|mark| self.vault.marked_delivery(mark));
        genuine.ok_or(ReturnError::Forged)
    }

    async fn carry_out(
        &self,
        incoming: &Incoming<'_>,
        what: &Returned,
        delivery: DeliveryId,
    ) -> Result<Recorded, ReturnError> {
        for _ in 1..MAX_CONFLICTS {
            match self.try_carry_out(incoming, what, delivery).await {
                Err(ReturnError::Append(AppendError::Conflict { .. })) => {}
                end => return end,
            }
        }
        self.try_carry_out(incoming, what, delivery).await
    }

    async fn try_carry_out(
        &self,
        incoming: &Incoming<'_>,
        what: &Returned,
        delivery: DeliveryId,
    ) -> Result<Recorded, ReturnError> {
        let case = self.load(incoming, delivery).await?;
        let mut recorded = Recorded {
            delivery,
            kind: follow::kind(what),
            news: false,
            suppressed: None,
            position: None,
        };
        let mut unit = Unit::new(case.metadata(incoming));
        if case.evidence(what, self.reply(&case, what).await?, &mut unit)? {
            recorded.news = true;
            recorded.suppressed = self.follow_up(&case, what, &mut unit).await?;
        }
        unit.command = incoming.command.and_then(|record| record(&recorded));
        if !unit.appends.is_empty() || unit.command.is_some() {
            recorded.position = self.ledger.append(unit).await?.position();
        }
        Ok(recorded)
    }

    async fn load(
        &self,
        incoming: &Incoming<'_>,
        delivery: DeliveryId,
    ) -> Result<Case, ReturnError> {
        let past = self.ledger.load_stream(&StreamId::delivery(delivery), 0).await?;
        let state = fold::<delivery::Rules>(past.iter().filter_map(|event| match &event.event {
            LedgerEvent::Delivery(event) => Some(event),
            _ => None,
        }));
        let tenant = past.first().map(|first| &first.metadata.tenant);
        let theirs = incoming.tenant.as_ref().is_none_or(|own| Some(own) == tenant);
        match state.plan().cloned() {
            Some(plan) if theirs && plan.channel == ChannelKind::Mail => {
                Ok(Case { delivery, past, state, plan })
            }
            _ => Err(ReturnError::UnknownDelivery { delivery }),
        }
    }

    /// What the other side said, sealed as other replies are. A recipient that was retired may be erased, and gets no
    /// new key.
    async fn reply(&self, case: &Case, what: &Returned) -> Result<Option<Sealed>, ReturnError> {
        let Returned::Failed(failure) = what else { return Ok(None) };
        let Some(reply) = &failure.reply else { return Ok(None) };
        let (tenant, recipient) = (&case.first().metadata.tenant, &case.plan.recipient);
        let past = self.ledger.load_stream(&StreamId::recipient(tenant, recipient), 0).await?;
        if recipient_of(&past).known().is_none() {
            return Ok(None);
        }
        let place = format!("{}#reply", StreamId::delivery(case.delivery));
        Ok(Some(self.vault.seal(tenant, recipient, &place, reply).await?))
    }

    /// Adds what follows for the address; says why it is suppressed, if it is.
    async fn follow_up(
        &self,
        case: &Case,
        what: &Returned,
        unit: &mut Unit,
    ) -> Result<Option<SuppressionReason>, ReturnError> {
        let Some(revision) = follow::revision_used(&case.past) else { return Ok(None) };
        let sent = Sent { delivery: case.delivery, plan: &case.plan, revision };
        let Some(command) = follow::of_recipient(what, &sent, &self.config, now()) else {
            return Ok(None);
        };
        let stream = StreamId::recipient(&case.first().metadata.tenant, &case.plan.recipient);
        let past = self.ledger.load_stream(&stream, 0).await?;
        let mut state = recipient_of(&past);
        let events = match run::<recipient::Rules>(&mut state, command) {
            // Whoever gets nothing any more needs no suppression.
            Err(recipient::Refusal::Retired | recipient::Refusal::NoSuchAddress { .. }) => vec![],
            decided => decided?,
        };
        let suppressed = events.iter().find_map(|event| match event {
            RecipientEvent::AddressSuppressed { reason, .. } => Some(*reason),
            _ => None,
        });
        if !events.is_empty() {
            let expected = past.last().map_or(0, |event| event.sequence);
            let events = events.into_iter().map(LedgerEvent::from).collect();
            unit.appends.push(Append { stream, expected, events });
        }
        Ok(suppressed)
    }
}

fn recipient_of(past: &[RecordedEvent]) -> recipient::Recipient {
    fold::<recipient::Rules>(past.iter().filter_map(|event| match &event.event {
        LedgerEvent::Recipient(event) => Some(event),
        _ => None,
    }))
}

/// A delivery that a message is about. Its stream is never empty.
struct Case {
    delivery: DeliveryId,
    past: Vec<RecordedEvent>,
    state: Delivery,
    plan: DeliveryPlan,
}

impl Case {
    fn first(&self) -> &RecordedEvent {
        &self.past[0]
    }

    fn metadata(&self, incoming: &Incoming<'_>) -> Metadata {
        let first = &self.first().metadata;
        let mut metadata = Metadata::new(first.tenant.clone(), incoming.actor.clone());
        metadata.command = Some(Sha256::of(incoming.raw).to_string());
        let own = incoming.traceparent.as_ref();
        metadata.traceparent = own.or(first.traceparent.as_ref()).cloned();
        metadata
    }

    /// Adds what is recorded of the delivery; false when that is nothing new.
    fn evidence(
        &self,
        what: &Returned,
        reply: Option<Sealed>,
        unit: &mut Unit,
    ) -> Result<bool, Refusal> {
        let Some(command) = follow::of_delivery(what, reply) else { return Ok(false) };
        let events = run::<delivery::Rules>(&mut self.state.clone(), command)?;
        if events.is_empty() {
            return Ok(false);
        }
        let stream = StreamId::delivery(self.delivery);
        let expected = self.past.last().map_or(0, |event| event.sequence);
        let events = events.into_iter().map(LedgerEvent::from).collect();
        unit.appends.push(Append { stream, expected, events });
        Ok(true)
    }
}
