use std::collections::BTreeMap;
use std::sync::Arc;

use aggregates::recipient::{Command, Recipient, Rules};
use async_trait::async_trait;
use followers::{Follower, FollowerError};
use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, Evidence, RecipientEvent, RetireReason,
};
use schema::{
    AddressId, AggregateType, LedgerEvent, Position, RecipientId, RecordedEvent, StreamId,
};
use sqlx::PgConnection;
use store::{AddressChange, Ledger};

use crate::issue::{Wish, carry_out};

const NAME: &str = "retire_gone_addresses";

/// What the taxonomy calls HTTP 410: the receiver says that this address is gone for good (Standard Webhooks, RFC 9110
/// §15.5.11).
const GONE: &str = "http.410";

/// So many other addresses are retired because of one answer; those beyond it get an answer of their own.
const SHARED_LIMIT: u32 = 500;

/// Retires an address whose receiver says it is gone, unless the address has been changed since that attempt, and with
/// it every other address of the tenant with the same value: it is the destination that is gone, whoever is reached
/// there.
pub struct RetireGoneAddresses {
    ledger: Arc<Ledger>,
}

/// An attempt that found nobody.
struct Found<'e> {
    event: &'e RecordedEvent,
    attempt: u32,
}

/// An address as it was when it was found gone.
struct Gone {
    recipient: RecipientId,
    address: AddressId,
    revision: u32,
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
        let (recipient, address) = (plan.recipient.clone(), plan.address.clone());
        let used = Gone { recipient, address, revision };
        // The one that was used leads to the others, so it is the last to go.
        for shared in self.sharing(found.event, &used).await? {
            self.retire_one(found.event, shared).await?;
        }
        self.retire_one(found.event, used).await
    }

    /// Other addresses that led to the same place when `event` was recorded, and still do.
    async fn sharing(
        &self,
        event: &RecordedEvent,
        used: &Gone,
    ) -> Result<Vec<Gone>, FollowerError> {
        let tenant = &event.metadata.tenant;
        let (recipient, address) = (&used.recipient, &used.address);
        let same = self.ledger.same_address(tenant, recipient, address, SHARED_LIMIT).await?;
        if same.is_empty() {
            return Ok(Vec::new());
        }
        let id = |recipient: &RecipientId| StreamId::recipient(tenant, recipient).aggregate_id;
        let others = same.iter().map(|(recipient, _)| id(recipient));
        let ids: Vec<String> = others.chain([id(recipient)]).collect();
        let streams = self.ledger.load_streams(AggregateType::Recipient, &ids).await?;
        let revision = |recipient: &RecipientId, address: &AddressId, until: Position| {
            streams.get(&id(recipient)).and_then(|past| revision_at(past, address, until))
        };
        if revision(recipient, address, Position(i64::MAX)) != Some(used.revision) {
            // What it leads to now is not what was found gone.
            return Ok(Vec::new());
        }
        let gone = |(recipient, address): (RecipientId, AddressId)| {
            let revision = revision(&recipient, &address, event.position)?;
            Some(Gone { recipient, address, revision })
        };
        Ok(same.into_iter().filter_map(gone).collect())
    }

    async fn retire_one(&self, because: &RecordedEvent, gone: Gone) -> Result<(), FollowerError> {
        let Gone { recipient, address, revision } = gone;
        let tenant = because.metadata.tenant.clone();
        let wish = Wish {
            reactor: NAME,
            stream: StreamId::recipient(&tenant, &recipient),
            tenant,
            because: because.position,
            addresses: vec![AddressChange::Remove { recipient, address: address.clone() }],
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
    let LedgerEvent::Delivery(change) = &event.event else { return None };
    let (attempt, fault) = match change {
        DeliveryEvent::AttemptEnded {
            attempt,
            outcome: AttemptOutcome::Failed { fault, .. },
            ..
        } => (*attempt, fault),
        DeliveryEvent::EvidenceRecorded { evidence: Evidence::LateFailure { attempt, fault } } => {
            (*attempt, fault)
        }
        _ => return None,
    };
    (fault.code == GONE).then_some(Found { event, attempt })
}

/// The revision at which an address stood when the log had come to `until`.
fn revision_at(past: &[RecordedEvent], wanted: &AddressId, until: Position) -> Option<u32> {
    let before = past.iter().take_while(|event| event.position <= until);
    let revision = |event| match recipient_event(event)? {
        RecipientEvent::AddressAdded { address, revision, .. }
        | RecipientEvent::AddressChanged { address, revision, .. }
            if address == wanted =>
        {
            Some(*revision)
        }
        _ => None,
    };
    before.filter_map(revision).last()
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
