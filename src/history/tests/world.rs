use std::collections::{BTreeMap, HashMap};

use aggregates::routing::RoutingIndex;
use schema::events::SubscriptionBody;
use schema::{
    Actor, ChannelKind, LedgerEvent, Metadata, Position, Preferences, RecordedEvent,
    ReportSelector, Sealed, Selector, StreamId, TenantId, Timing,
};
use store::testing::TestLedger;
use store::{Append, Unit};

use crate::history::{AsOf, Moment};
use crate::story::into;

pub fn acme() -> TenantId {
    "acme".parse().unwrap()
}

/// A ledger of `acme`'s that is written event by event.
pub struct World {
    pub test: TestLedger,
    /// What planning knows.
    pub index: RoutingIndex,
    sequences: HashMap<StreamId, i64>,
}

impl World {
    pub async fn new() -> Self {
        let (test, index) = (TestLedger::start().await, RoutingIndex::new());
        Self { test, index, sequences: HashMap::new() }
    }

    /// Appends events of one stream in one unit; as they were recorded.
    pub async fn tell<E: Into<LedgerEvent>>(
        &mut self,
        stream: &StreamId,
        events: Vec<E>,
    ) -> Vec<RecordedEvent> {
        self.tell_all(vec![(stream.clone(), into(events))]).await
    }

    /// Appends events of several streams in one unit; as they were recorded.
    pub async fn tell_all(&mut self, all: Vec<(StreamId, Vec<LedgerEvent>)>) -> Vec<RecordedEvent> {
        let mut unit = Unit::new(Metadata::new(acme(), Actor::new("key", "k1")));
        for (stream, events) in all {
            let sequence = self.sequences.entry(stream.clone()).or_default();
            let expected = *sequence;
            *sequence += events.len() as i64;
            unit.appends.push(Append { stream, expected, events });
        }
        let taken = self.test.ledger.append(unit).await.unwrap().events;
        taken.iter().for_each(|event| self.index.follow(event));
        taken
    }

    pub async fn head(&self) -> Position {
        self.test.ledger.head().await.unwrap()
    }

    pub async fn moment(&self, position: Position) -> Moment {
        AsOf::Position(position).resolve(&self.test.ledger, self.head().await).await.unwrap()
    }
}

pub fn body(recipient: &str, report: &str) -> SubscriptionBody {
    SubscriptionBody {
        recipient: recipient.parse().unwrap(),
        selector: Selector {
            report: ReportSelector::try_from(report.to_owned()).unwrap(),
            attributes: BTreeMap::new(),
        },
        preferences: Preferences {
            channels: vec![ChannelKind::Webhook],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    }
}

/// As if sealed under one key, with another ciphertext for each nonce.
pub fn sealed(clear: &str, nonce: &str) -> Sealed {
    Sealed { key: "k".into(), ciphertext: format!("{nonce} hides {clear}"), tag: clear.into() }
}
