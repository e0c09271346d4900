use schema::{EventBody, Invalid, LedgerEvent, Position, RecordedEvent, StreamId, Timestamp};
use std::sync::Arc;

use super::{EventPlace, MAX_EVENTS};
use crate::claim::LaneOf;
use crate::{AppendError, Appended, Due, QueueChange, StoreError, Unit};

/// A unit and the bytes it is stored as.
pub(crate) struct Encoded {
    pub unit: Unit,
    pub metadata: String,
    /// One per event, in the unit's order.
    pub payloads: Vec<String>,
}

impl Encoded {
    pub fn try_new(unit: Unit) -> Result<Self, AppendError> {
        let count = unit.appends.iter().map(|append| append.events.len()).sum();
        if count > MAX_EVENTS {
            return Err(AppendError::TooLarge { count });
        }
        let metadata = serde_json::to_string(&unit.metadata).map_err(|source| {
            StoreError::from(schema::CodecError::Payload { event_type: "metadata".into(), source })
        })?;
        let mut payloads = Vec::with_capacity(count);
        for append in &unit.appends {
            for event in &append.events {
                if event.aggregate_type() != append.stream.aggregate_type {
                    let (stream, rule) =
                        (append.stream.to_string(), "takes events of its own kind");
                    return Err(StoreError::from(Invalid::new("stream", &stream, rule)).into());
                }
                payloads.push(event.encode()?);
            }
        }
        Ok(Self { unit, metadata, payloads })
    }

    /// What it weighs in a batch: rows of the table it writes most to.
    pub fn weight(&self) -> usize {
        self.payloads.len().max(self.unit.queue.len()).max(1)
    }

    /// Each event with its stream and sequence, in the unit's order.
    pub fn places(&self) -> impl Iterator<Item = (&StreamId, i64, &LedgerEvent)> {
        self.unit.appends.iter().flat_map(|append| {
            (append.expected + 1..)
                .zip(&append.events)
                .map(|(sequence, event)| (&append.stream, sequence, event))
        })
    }

    /// What a batch is sorted by, so that two batches lock in the same order.
    pub fn sort_key(&self) -> (Option<&StreamId>, Option<&str>) {
        let stream = self.unit.appends.first().map(|append| &append.stream);
        (stream, self.unit.command.as_ref().map(|command| command.id.as_str()))
    }

    /// The lanes whose claims must look again from an earlier instant.
    pub fn earliest_due(&self) -> Vec<(LaneOf, Timestamp)> {
        let mut earliest: Vec<(LaneOf, Timestamp)> = Vec::new();
        for change in &self.unit.queue {
            let QueueChange::Put(row, Due::At(at)) = change else { continue };
            let lane = (row.lane, row.channel);
            match earliest.iter_mut().find(|(known, _)| *known == lane) {
                Some((_, known)) => *known = (*known).min(*at),
                None => earliest.push((lane, *at)),
            }
        }
        earliest
    }

    /// The unit as the log holds it, from the places the database gave its events.
    pub fn recorded(self, places: &[EventPlace]) -> Appended {
        let metadata = Arc::new(self.unit.metadata);
        let mut places = places.iter();
        let mut events = Vec::with_capacity(self.payloads.len());
        for append in self.unit.appends {
            for (sequence, event) in (append.expected + 1..).zip(append.events) {
                let Some(place) = places.next() else { break };
                events.push(RecordedEvent {
                    position: Position(place.position),
                    recorded_at: Timestamp::from(place.recorded_at),
                    stream: append.stream.clone(),
                    sequence,
                    event,
                    metadata: Arc::clone(&metadata),
                });
            }
        }
        Appended { events }
    }
}

/// The version an event is written with.
pub(crate) fn event_version(event: &LedgerEvent) -> &'static str {
    match event {
        LedgerEvent::Tenant(event) => event.event_version(),
        LedgerEvent::ApiKey(event) => event.event_version(),
        LedgerEvent::Report(event) => event.event_version(),
        LedgerEvent::Recipient(event) => event.event_version(),
        LedgerEvent::Group(event) => event.event_version(),
        LedgerEvent::Subscription(event) => event.event_version(),
        LedgerEvent::Distribution(event) => event.event_version(),
        LedgerEvent::Delivery(event) => event.event_version(),
    }
}
