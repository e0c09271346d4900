use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use followers::{Checkpoints, FollowerConfig};
use reactors::reactors;
use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, DistributionEvent, NotPlanned, NotPlannedReason,
    ReportVersion, SliceSums,
};
use schema::{
    Actor, ChannelKind, DeliveryId, DistributionId, LedgerEvent, Metadata, Position, Proof,
    Receipt, RecipientId, RecordedEvent, RetrySchedule, Sha256, StreamId, TenantId, Timestamp,
};
use store::testing::TestLedger;
use store::{Append, Ledger, Tail, TailConfig, Unit};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take beside a build.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn acme() -> TenantId {
    "acme".parse().unwrap()
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_795_392_000_000_000 + ms * 1_000)
}

/// A ledger on which all reactors run.
pub struct House {
    pub test: TestLedger,
    pub checkpoints: Checkpoints,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl House {
    pub async fn start() -> Self {
        let test = TestLedger::start().await;
        let checkpoints = Checkpoints::new(Arc::clone(&test.ledger));
        let stop = CancellationToken::new();
        let mut house = Self { test, checkpoints, stop, running: None };
        house.wake().await;
        house
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.test.ledger
    }

    /// Starts the reactors.
    pub async fn wake(&mut self) {
        self.stop = CancellationToken::new();
        let (ledger, stop) = (Arc::clone(self.ledger()), self.stop.clone());
        let tail = Tail::start(&ledger, TailConfig::default(), stop.clone()).await.unwrap();
        let tail = Arc::new(tail);
        let config = FollowerConfig { lease_ms: 1_000, heartbeat_ms: 50, ..Default::default() };
        self.running = Some(tokio::spawn(async move {
            followers::run(&ledger, &tail, reactors(&ledger), config, "n1", &stop).await;
        }));
    }

    /// Stops the reactors.
    pub async fn sleep(&mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap();
    }

    pub async fn append(&self, appends: Vec<(StreamId, i64, Vec<LedgerEvent>)>) -> Position {
        let mut unit = Unit::new(Metadata::new(acme(), Actor::new("key", "k1")));
        for (stream, expected, events) in appends {
            unit.appends.push(Append { stream, expected, events });
        }
        self.ledger().append(unit).await.unwrap().position().unwrap()
    }

    /// Waits until a reactor has dealt with everything up to `position`.
    pub async fn reached(&self, name: &str, position: Position) {
        self.checkpoints.await_position(&[name], position, PATIENCE).await.unwrap();
    }

    pub async fn stream(&self, stream: &StreamId) -> Vec<RecordedEvent> {
        self.ledger().load_stream(stream, 0).await.unwrap()
    }

    /// Sends the reactors back to the beginning, as after the loss of their checkpoints.
    pub async fn start_over(&mut self) {
        self.sleep().await;
        sqlx::query("delete from checkpoints").execute(self.ledger().pool()).await.unwrap();
        sqlx::query("delete from reactor.reconciliation")
            .execute(self.ledger().pool())
            .await
            .unwrap();
        self.wake().await;
    }
}

pub fn distribution(version: &str) -> DistributionId {
    DistributionId::of(&acme(), &"risk".parse().unwrap(), &version.parse().unwrap())
}

pub fn received(version: &str) -> LedgerEvent {
    DistributionEvent::ReportReceived(ReportVersion {
        report: "risk".parse().unwrap(),
        version: version.parse().unwrap(),
        digest: Sha256::of(version.as_bytes()),
        title: "Risk".to_owned(),
        attributes: BTreeMap::new(),
        artifacts: vec![],
        frame: None,
        corrects: None,
        received_at: at(0),
        deadline: at(600_000),
    })
    .into()
}

/// A part of a plan with one pair not planned.
pub fn slice(number: u32, is_last: bool, planned: u64) -> LedgerEvent {
    DistributionEvent::SlicePlanned {
        slice: number,
        after: None,
        through: (!is_last).then(|| format!("r{number}").parse().unwrap()),
        read_at: Position(1),
        sums: SliceSums {
            considered: planned + 1,
            planned,
            not_planned: BTreeMap::from([(NotPlannedReason::Paused, 1)]),
        },
        decisions: vec![NotPlanned {
            recipient: format!("x{number}").parse().unwrap(),
            subscription: "s1".parse().unwrap(),
            subscription_version: 1,
            group: None,
            reason: NotPlannedReason::Paused,
        }],
    }
    .into()
}

pub fn delivery(version: &str, recipient: &str) -> StreamId {
    let recipient: RecipientId = recipient.parse().unwrap();
    let run = distribution(version);
    StreamId::delivery(DeliveryId::of(run, at(0), &recipient, ChannelKind::Webhook, 0))
}

pub fn scheduled(version: &str, recipient: &str) -> LedgerEvent {
    DeliveryEvent::DeliveryScheduled(plan(version, recipient)).into()
}

pub fn plan(version: &str, recipient: &str) -> DeliveryPlan {
    DeliveryPlan {
        distribution: distribution(version),
        report: "risk".parse().unwrap(),
        version: version.parse().unwrap(),
        recipient: recipient.parse().unwrap(),
        channel: ChannelKind::Webhook,
        subscription: "s1".parse().unwrap(),
        subscription_version: 1,
        group: None,
        grant: "all".parse().unwrap(),
        slice: 0,
        address: "work".parse().unwrap(),
        destination: "d1".parse().unwrap(),
        format: None,
        received_at: at(0),
        deadline: at(600_000),
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

pub fn started(attempt: u32) -> LedgerEvent {
    let node = "n1".to_owned();
    DeliveryEvent::AttemptStarted { attempt, node, address_revision: 1 }.into()
}

pub fn ended(attempt: u32, outcome: AttemptOutcome) -> LedgerEvent {
    DeliveryEvent::AttemptEnded { attempt, sent_at: Some(at(3)), elapsed_us: Some(900), outcome }
        .into()
}

pub fn succeeded(proof: Proof) -> AttemptOutcome {
    AttemptOutcome::Succeeded {
        receipt: Receipt {
            proof,
            status: 200,
            content_sha256: Sha256::of(b"body"),
            content_bytes: 4,
            reply: None,
        },
    }
}
