use std::collections::BTreeMap;
use std::sync::Arc;

use aggregates::recipient::{Command, Recipient, Rules};
use async_trait::async_trait;
use followers::{Follower, FollowerError};
use schema::events::{AttemptOutcome, DeliveryEvent, DeliveryPlan, RecipientEvent, RetireReason};
use schema::{AggregateType, LedgerEvent, RecordedEvent, StreamId};
use sqlx::PgConnection;
use store::{AddressChange, Ledger};

use crate::issue::{Wish, carry_out};

const NAME: &str = "retire_gone_addresses";

/// What the taxonomy calls HTTP 410: the receiver says that this address is gone for good (Standard Webhooks, RFC 9110
/// §15.5.11).
const GONE: &str = "http.410";

/// Retires an address whose receiver says it is gone, unless the address has been changed since that attempt.
pub struct RetireGoneAddresses {
    ledger: Arc<Ledger>,
}

/// An attempt that found nobody.
struct Found<'e> {
    event: &'e RecordedEvent,
    attempt: u32,
}

impl RetireGoneAddresses {
    /// Over this ledger.
    #[must_use]
    pub fn new(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger) }
    }

    async fn retire(&self, found: &Found<'_>, past: &[RecordedEvent]) -> Result<(), FollowerError> {
        let Some((plan, revision)) = address_used(past, found.attempt) else {
            let stream = &found.event.stream;
            return Err(FollowerError::refused(format!("{stream} has no such attempt")));
        };
        let tenant = found.event.metadata.tenant.clone();
        let (recipient, address) = (plan.recipient.clone(), plan.address.clone());
        let wish = Wish {
            reactor: NAME,
            stream: StreamId::recipient(&tenant, &recipient),
            tenant,
            because: found.event.position,
            addresses: vec![AddressChange::Remove { recipient, address: address.clone() }],
            once: true,
        };
        carry_out::<Rules>(&self.ledger, &wish, recipient_event, |state| {
            let Recipient::Active(known) = state else { return None };
            let still = known.address(&address)?;
            let same = still.endpoint.is_some() && still.revision == revision;
            let (address, reason) = (address.clone(), RetireReason::Gone);
            same.then_some(Command::RetireAddress { address, reason })
        })
        .await
    }
}

#[async_trait]
impl Follower for RetireGoneAddresses {
    fn name(&self) -> &str {
        NAME
    }

    fn follows(&self) -> &[AggregateType] {
        &[AggregateType::Delivery]
    }

    fn schema(&self) -> &'static str {
        "reactor"
    }

    async fn apply(
        &mut self,
        _: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        // One finding per delivery is enough; a hundred thousand of the same receiver lead to one loaded recipient
        // each.
        let found: BTreeMap<&str, Found<'_>> = events
            .iter()
            .filter_map(|event| Some((event.stream.aggregate_id.as_str(), gone(event)?)))
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = found.keys().map(|id| (*id).to_owned()).collect();
        let streams = self.ledger.load_streams(AggregateType::Delivery, &ids).await?;
        for (id, found) in &found {
            let past = streams.get(*id).map(Vec::as_slice).unwrap_or_default();
            self.retire(found, past).await?;
        }
        Ok(())
    }
}

fn gone<'e>(event: &'e RecordedEvent) -> Option<Found<'e>> {
    let LedgerEvent::Delivery(DeliveryEvent::AttemptEnded { attempt, outcome, .. }) = &event.event
    else {
        return None;
    };
    let AttemptOutcome::Failed { fault, .. } = outcome else { return None };
    (fault.code == GONE).then_some(Found { event, attempt: *attempt })
}

/// The plan, and the revision of its address that an attempt used.
fn address_used(past: &[RecordedEvent], wanted: u32) -> Option<(&DeliveryPlan, u32)> {
    let mut plan = None;
    let mut revision = None;
    for event in past {
        match &event.event {
            LedgerEvent::Delivery(DeliveryEvent::DeliveryScheduled(planned)) => {
                plan = Some(planned);
            }
            LedgerEvent::Delivery(DeliveryEvent::AttemptStarted {
                attempt,
                address_revision,
                ..
            }) if *attempt == wanted => revision = Some(*address_revision),
            _ => {}
        }
    }
    Some((plan?, revision?))
}

fn recipient_event(event: &RecordedEvent) -> Option<&RecipientEvent> {
    match &event.event {
        LedgerEvent::Recipient(event) => Some(event),
        _ => None,
    }
}
