use std::collections::{BTreeMap, HashMap};

use schema::events::SubscriptionBody;
use schema::{
    Actor, ChannelKind, LedgerEvent, Metadata, Position, Preferences, RecordedEvent,
    ReportSelector, Sealed, Selector, StreamId, TenantId,
};
use store::testing::TestLedger;
use store::{Append, Unit};

use crate::history::{AsOf, Moment};

pub fn acme() -> TenantId {
    "acme".parse().unwrap()
}

/// A ledger of `acme`'s that is written event by event.
pub struct World {
    pub test: TestLedger,
    sequences: HashMap<StreamId, i64>,
}

impl World {
    pub async fn new() -> Self {
        Self { test: TestLedger::start().await, sequences: HashMap::new() }
    }

    /// Appends events in one unit; as they were recorded.
    pub async fn tell<E: Into<LedgerEvent>>(
        &mut self,
        stream: &StreamId,
        events: Vec<E>,
    ) -> Vec<RecordedEvent> {
        let sequence = self.sequences.entry(stream.clone()).or_default();
        let mut unit = Unit::new(Metadata::new(acme(), Actor::new("key", "k1")));
        let (stream, expected) = (stream.clone(), *sequence);
        let events: Vec<LedgerEvent> = events.into_iter().map(Into::into).collect();
        *sequence += events.len() as i64;
        unit.appends.push(Append { stream, expected, events });
        self.test.ledger.append(unit).await.unwrap().events
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
        },
    }
}

/// As if sealed under ada's key, with another ciphertext each time.
pub fn sealed(clear: &str, nonce: &str) -> Sealed {
    Sealed { key: "k".into(), ciphertext: format!("{nonce}{clear}"), tag: clear.into() }
}
