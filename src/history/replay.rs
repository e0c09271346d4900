use std::collections::BTreeMap;
use std::mem;

use schema::events::{DeliveryEvent, DistributionEvent, Evidence, ReportVersion};
use schema::{
    Actor, AggregateType, ChannelKind, DeliveryId, DistributionId, LedgerEvent, Position,
    RecipientId, RecordedEvent, StreamId, TenantId, Timestamp,
};
use serde::Serialize;
use store::Ledger;

use crate::HistoryError;
use crate::pages::Pages;
use crate::subject::{Concern, Subject};

/// An event as a person reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its place in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// Whose life it belongs to, as `kind:id`.
    pub stream: String,
    /// Its name.
    pub event_type: &'static str,
    /// Who caused it.
    pub actor: Actor,
    /// What happened.
    pub sentence: String,
}

/// A history in the log's order, page by page. Of a recipient its deliveries are found by their ids, which follow from
/// the versions that came in: the log is not searched for them, and only those are held whose events are still to come.
pub struct Replay<'l> {
    ledger: &'l Ledger,
    tenant: &'l TenantId,
    through: Position,
    pages: Pages<'l>,
    concern: Concern,
    waiting: BTreeMap<Position, RecordedEvent>,
}

impl<'l> Replay<'l> {
    /// The history of a subject of `tenant`'s up to a position.
    #[must_use]
    pub fn new(
        ledger: &'l Ledger,
        tenant: &'l TenantId,
        subject: Subject,
        through: Position,
    ) -> Self {
        let pages = Pages::new(ledger, tenant, subject.source(), through);
        let concern = Concern::of(tenant, subject);
        Self { ledger, tenant, through, pages, concern, waiting: BTreeMap::new() }
    }

    /// The next lines; none once there are no more.
    ///
    /// # Errors
    /// [`HistoryError::Unreadable`] when an event is newer than this program; the store's.
    pub async fn next(&mut self) -> Result<Option<Vec<Line>>, HistoryError> {
        while let Some(events) = self.pages.next().await? {
            self.expect_deliveries(&events).await?;
            let reached = events.last().map_or(Position::START, |event| event.position);
            for event in events {
                self.waiting.insert(event.position, event);
            }
            let later = self.waiting.split_off(&Position(reached.0 + 1));
            let passed = mem::replace(&mut self.waiting, later);
            let lines = self.lines(passed);
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
        let rest = mem::take(&mut self.waiting);
        let lines = self.lines(rest);
        Ok((!lines.is_empty()).then_some(lines))
    }

    fn lines(&mut self, events: BTreeMap<Position, RecordedEvent>) -> Vec<Line> {
        let told = |event: RecordedEvent| {
            let sentence = self.concern.told(&event)?;
            Some(Line {
                position: event.position,
                recorded_at: event.recorded_at,
                stream: event.stream.to_string(),
                event_type: event.event.event_type(),
                actor: event.metadata.actor.clone(),
                sentence,
            })
        };
        events.into_values().filter_map(told).collect()
    }

    /// Reads the deliveries that versions among `events` may have led to, and those that repeat them.
    async fn expect_deliveries(&mut self, events: &[RecordedEvent]) -> Result<(), HistoryError> {
        let Some(recipient) = self.concern.recipient() else { return Ok(()) };
        let mut wanted: Vec<String> = events
            .iter()
            .filter_map(received)
            .flat_map(|version| deliveries(self.tenant, version, recipient))
            .map(stream)
            .collect();
        while !wanted.is_empty() {
            let found = self.ledger.load_streams(AggregateType::Delivery, &wanted).await?;
            let found: Vec<RecordedEvent> = found.into_values().flatten().collect();
            wanted = found.iter().filter_map(repetition).map(stream).collect();
            let own = found.into_iter().filter(|event| {
                event.metadata.tenant == *self.tenant && event.position <= self.through
            });
            self.waiting.extend(own.map(|event| (event.position, event)));
        }
        Ok(())
    }
}

fn stream(delivery: DeliveryId) -> String {
    StreamId::delivery(delivery).aggregate_id
}

fn received(event: &RecordedEvent) -> Option<&ReportVersion> {
    match &event.event {
        LedgerEvent::Distribution(DistributionEvent::ReportReceived(version)) => Some(version),
        _ => None,
    }
}

fn deliveries(
    tenant: &TenantId,
    version: &ReportVersion,
    recipient: &RecipientId,
) -> impl Iterator<Item = DeliveryId> + use<> {
    let run = DistributionId::of(tenant, &version.report, &version.version);
    let (received_at, recipient) = (version.received_at, recipient.clone());
    ChannelKind::ALL
        .into_iter()
        .map(move |channel| DeliveryId::of(run, received_at, &recipient, channel, 0))
}

const fn repetition(event: &RecordedEvent) -> Option<DeliveryId> {
    match &event.event {
        LedgerEvent::Delivery(DeliveryEvent::EvidenceRecorded {
            evidence: Evidence::Resent { delivery, .. },
        }) => Some(*delivery),
        _ => None,
    }
}
