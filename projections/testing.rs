//! A log made by hand and folded on a real server. Knows no ledger: positions and instants follow from the order of
//! telling.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schema::events::{
    ArtifactRef, AttemptOutcome, DeliveryEvent, DeliveryPlan, DistributionEvent, NextStep,
    RecipientEvent, RecipientKind, RecipientProfile, ReportVersion, SliceSums,
};
use schema::{
    Actor, AttributeValue, ChannelKind, DeliveryId, DistributionId, FailureClass, Fault, Format,
    LedgerEvent, Metadata, Position, Preferences, Proof, Receipt, RecipientId, RecordedEvent,
    ReportSelector, RetrySchedule, Sealed, Selector, Sha256, StreamId, TenantId, Timestamp, Timing,
};
use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use store::testing::TestLedger;

use crate::Projection;

/// 2026-11-23T00:00:00Z, in microseconds. The event at position p was recorded p seconds later.
pub const DAY: i64 = 1_795_392_000_000_000;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(DAY + seconds * 1_000_000)
}

pub fn instant(seconds: i64) -> DateTime<Utc> {
    at(seconds).to_chrono()
}

pub fn acme() -> TenantId {
    "acme".parse().unwrap()
}

/// A log of tenant `acme`.
#[derive(Default)]
pub struct Log {
    pub events: Vec<RecordedEvent>,
    sequences: HashMap<StreamId, i64>,
}

impl Log {
    /// Records an event; returns its position.
    pub fn tell(&mut self, stream: StreamId, event: impl Into<LedgerEvent>) -> i64 {
        let position = self.events.len() as i64 + 1;
        let sequence = self.sequences.entry(stream.clone()).or_default();
        *sequence += 1;
        self.events.push(RecordedEvent {
            position: Position(position),
            recorded_at: at(position),
            stream,
            sequence: *sequence,
            event: event.into(),
            metadata: Arc::new(Metadata::new(acme(), Actor::new("key", "k1"))),
        });
        position
    }

    pub fn delivery(&mut self, id: DeliveryId, event: DeliveryEvent) -> i64 {
        self.tell(StreamId::delivery(id), event)
    }

    pub fn distribution(&mut self, id: DistributionId, event: DistributionEvent) -> i64 {
        self.tell(StreamId::distribution(id), event)
    }

    pub fn recipient(&mut self, name: &str, event: RecipientEvent) -> i64 {
        self.tell(StreamId::recipient(&acme(), &name.parse().unwrap()), event)
    }
}

/// A database with the read models' tables, empty, and a connection that folds into them.
pub struct Tables {
    pub test: TestLedger,
    pub conn: PgConnection,
}

impl Tables {
    pub async fn start() -> Self {
        let test = TestLedger::start().await;
        let options: PgConnectOptions = test.app_url.expose_secret().parse().unwrap();
        let conn = options.options([("search_path", "read")]).connect().await.unwrap();
        Self { test, conn }
    }

    /// Folds the log, `cut` events at a time.
    pub async fn fold(&mut self, projection: &dyn Projection, log: &Log, cut: usize) {
        let events: Vec<&RecordedEvent> = log
            .events
            .iter()
            .filter(|event| projection.follows().contains(&event.stream.aggregate_type))
            .collect();
        for batch in events.chunks(cut) {
            let mut tx = self.conn.begin().await.unwrap();
            projection.apply(&mut tx, batch).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// Every row of a projection's tables, as text.
    pub async fn dump(&mut self, projection: &dyn Projection) -> Vec<String> {
        let mut rows = Vec::new();
        for table in projection.tables() {
            let sql = format!("select t::text from {} t order by 1", table.name);
            let found: Vec<String> =
                sqlx::query_scalar(&sql).fetch_all(&mut self.conn).await.unwrap();
            rows.extend(found.into_iter().map(|row| format!("{} {row}", table.name)));
        }
        rows
    }

    pub async fn empty(&mut self, projection: &dyn Projection) {
        for table in projection.tables() {
            let sql = format!("delete from {}", table.name);
            sqlx::query(&sql).execute(&mut self.conn).await.unwrap();
        }
    }
}

pub fn sealed(text: &str) -> Sealed {
    Sealed { key: "k".to_owned(), ciphertext: format!("sealed {text}"), tag: text.to_owned() }
}

pub fn profile(name: &str) -> RecipientProfile {
    RecipientProfile {
        kind: RecipientKind::Person,
        name: Some(sealed(name)),
        locale: "de-DE".to_owned(),
        zone: "Europe/Berlin".parse().unwrap(),
    }
}

pub fn selector(report: &str) -> Selector {
    let region = vec![AttributeValue::Text("emea".to_owned())];
    Selector {
        report: ReportSelector::try_from(report.to_owned()).unwrap(),
        attributes: BTreeMap::from([("region".to_owned(), region)]),
    }
}

pub fn preferences() -> Preferences {
    Preferences {
        channels: vec![ChannelKind::Webhook, ChannelKind::Mail],
        formats: vec![Format::Csv],
        deadline_s: None,
        timing: Timing::default(),
    }
}

pub fn distribution(version: &str) -> DistributionId {
    DistributionId::of(&acme(), &"risk".parse().unwrap(), &version.parse().unwrap())
}

pub fn version(name: &str) -> ReportVersion {
    ReportVersion {
        report: "risk".parse().unwrap(),
        version: name.parse().unwrap(),
        digest: Sha256::of(name.as_bytes()),
        title: "Risk".to_owned(),
        attributes: BTreeMap::from([("region".to_owned(), AttributeValue::Int(7))]),
        frame: None,
        artifacts: vec![ArtifactRef {
            name: "risk.csv".to_owned(),
            format: Format::Csv,
            sha256: Sha256::of(b"1,2"),
            size_bytes: 3,
        }],
        corrects: None,
        received_at: at(0),
        deadline: at(3_600),
    }
}

pub fn slice(number: u32, through: Option<&str>, planned: u64) -> DistributionEvent {
    DistributionEvent::SlicePlanned {
        slice: number,
        after: None,
        through: through.map(|last| last.parse().unwrap()),
        read_at: Position(1),
        sums: SliceSums { considered: planned, planned, not_planned: BTreeMap::new() },
        decisions: vec![],
    }
}

pub fn delivery(version: &str, recipient: &str, channel: ChannelKind, resend: u32) -> DeliveryId {
    let recipient: RecipientId = recipient.parse().unwrap();
    DeliveryId::of(distribution(version), at(0), &recipient, channel, resend)
}

pub fn plan(version: &str, recipient: &str, channel: ChannelKind) -> DeliveryPlan {
    DeliveryPlan {
        distribution: distribution(version),
        report: "risk".parse().unwrap(),
        version: version.parse().unwrap(),
        recipient: recipient.parse().unwrap(),
        channel,
        subscription: format!("{recipient}-risk").parse().unwrap(),
        subscription_version: 2,
        group: None,
        grant: "all".parse().unwrap(),
        slice: 0,
        address: "work".parse().unwrap(),
        destination: format!("dst-{channel}").parse().unwrap(),
        format: Some(Format::Csv),
        received_at: at(0),
        deadline: at(3_600),
        retry: RetrySchedule {
            base_ms: 1_000,
            cap_ms: 60_000,
            attempt_limit: 3,
            retry_after_cap_ms: 60_000,
            doubt_limit: 1,
        },
        resend_of: None,
        resend: 0,
        planned: None,
    }
}

pub fn started(attempt: u32) -> DeliveryEvent {
    DeliveryEvent::AttemptStarted { attempt, node: format!("n{attempt}"), address_revision: 1 }
}

/// An attempt that left `sent_ms` after receipt and was answered 25 ms later.
pub fn ended(attempt: u32, sent_ms: i64, outcome: AttemptOutcome) -> DeliveryEvent {
    DeliveryEvent::AttemptEnded {
        attempt,
        sent_at: Some(Timestamp::from_unix_micros(DAY + sent_ms * 1_000)),
        elapsed_us: Some(25_000),
        outcome,
    }
}

pub fn succeeded(proof: Proof) -> AttemptOutcome {
    let receipt = Receipt {
        proof,
        status: 200,
        content_sha256: Sha256::of(b"body"),
        content_bytes: 4,
        reply: None,
    };
    AttemptOutcome::Succeeded { receipt }
}

pub fn failed(code: &str, next: NextStep) -> AttemptOutcome {
    AttemptOutcome::Failed { fault: fault(code), next }
}

pub fn fault(code: &str) -> Fault {
    let class = FailureClass::Transient;
    Fault { class, code: code.to_owned(), reply: None, retry_after_ms: None }
}
