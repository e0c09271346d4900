use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use followers::{
    Checkpoints, FollowerConfig, FollowerStatus, FollowersError, Rebuilder, projectors,
};
use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, DistributionEvent, RecipientEvent, RecipientKind,
    RecipientProfile, ReportVersion, SliceSums, TenantEvent,
};
use schema::{
    Actor, ChannelKind, DeliveryId, DistributionId, LedgerEvent, Metadata, Position, Proof,
    Receipt, RecipientId, RetrySchedule, Sha256, StreamId, TenantId, Timestamp,
};
use secrecy::ExposeSecret;
use store::testing::TestLedger;
use store::{Append, Ledger, Tail, TailConfig, Unit};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take beside a build.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const NAMES: [&str; 8] = [
    "tenants",
    "reports",
    "recipients",
    "groups",
    "subscriptions",
    "distributions",
    "deliveries",
    "inbox",
];

pub fn quick() -> FollowerConfig {
    FollowerConfig {
        lease_ms: 1_000,
        heartbeat_ms: 50,
        idle_checkpoint_ms: 20,
        ..Default::default()
    }
}

pub fn acme() -> TenantId {
    "acme".parse().unwrap()
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_795_392_000_000_000 + ms * 1_000)
}

/// A ledger with all projections following it on one node.
pub struct House {
    pub test: TestLedger,
    pub checkpoints: Checkpoints,
}

/// A process that runs all projections; dropped, it is as dead as after a kill.
pub struct Node {
    pub stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Node {
    /// As SIGTERM does.
    pub async fn shut_down(mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap();
    }

    /// As `kill -9` does: nothing is told to anyone.
    pub async fn kill(mut self) {
        self.running.abort();
        assert!((&mut self.running).await.unwrap_err().is_cancelled());
    }
}

impl House {
    pub async fn start() -> Self {
        let test = TestLedger::start().await;
        let checkpoints = Checkpoints::new(Arc::clone(&test.ledger));
        Self { test, checkpoints }
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.test.ledger
    }

    pub async fn node(&self, name: &str) -> Node {
        let stop = CancellationToken::new();
        let ledger = Arc::clone(self.ledger());
        let tail = Tail::start(&ledger, TailConfig::default(), stop.clone()).await.unwrap();
        let (tail, name, token) = (Arc::new(tail), name.to_owned(), stop.clone());
        let running = tokio::spawn(async move {
            followers::run(&ledger, &tail, projectors(), quick(), &name, &token).await;
        });
        Node { stop, running }
    }

    pub async fn append(&self, appends: Vec<(StreamId, i64, Vec<LedgerEvent>)>) -> Position {
        let mut unit = Unit::new(Metadata::new(acme(), Actor::new("key", "k1")));
        for (stream, expected, events) in appends {
            unit.appends.push(Append { stream, expected, events });
        }
        self.ledger().append(unit).await.unwrap().position().unwrap()
    }

    pub async fn reached(&self, names: &[&str], position: Position) {
        self.checkpoints.await_position(names, position, PATIENCE).await.unwrap();
    }

    pub async fn status(&self, name: &str) -> FollowerStatus {
        let all = self.checkpoints.status().await.unwrap();
        all.into_iter().find(|status| status.name == name).expect("a follower that has run")
    }

    /// Looks until `wanted` holds of a follower.
    pub async fn until(
        &self,
        name: &str,
        wanted: impl Fn(&FollowerStatus) -> bool,
    ) -> FollowerStatus {
        let look = async {
            loop {
                let all = self.checkpoints.status().await.unwrap();
                let found = all.into_iter().find(|status| status.name == name);
                if let Some(status) = found.filter(&wanted) {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("what is waited for")
    }

    /// Skips an event, with the decision on record.
    pub async fn skip(
        &self,
        follower: &str,
        position: Position,
        reason: &str,
    ) -> Result<(), FollowersError> {
        let system: TenantId = "system".parse().unwrap();
        let skipped = TenantEvent::EventSkipped {
            follower: follower.to_owned(),
            position,
            reason: reason.to_owned(),
        };
        let mut unit = Unit::new(Metadata::new(system.clone(), Actor::new("cli", "test")));
        let (stream, events) = (StreamId::tenant(&system), vec![skipped.into()]);
        unit.appends.push(Append { stream, expected: 0, events });
        let record = async { self.ledger().append(unit).await.map(drop).map_err(Into::into) };
        followers::skip(self.ledger(), follower, position, record).await
    }

    pub fn rebuilder(&self) -> Rebuilder {
        let owner = self.test.owner_url.expose_secret().parse().unwrap();
        Rebuilder::new(Arc::clone(self.ledger()), owner)
    }
}

pub fn register(recipient: &str) -> (StreamId, i64, Vec<LedgerEvent>) {
    let profile = RecipientProfile {
        kind: RecipientKind::System,
        name: None,
        locale: "en".to_owned(),
        zone: "UTC".parse().unwrap(),
    };
    let stream = StreamId::recipient(&acme(), &recipient.parse().unwrap());
    (stream, 0, vec![RecipientEvent::RecipientRegistered(profile).into()])
}

pub fn distribution(version: &str) -> DistributionId {
    DistributionId::of(&acme(), &"risk".parse().unwrap(), &version.parse().unwrap())
}

/// A version with `count` planned deliveries, each of which is delivered at once.
pub fn delivered(version: &str, count: u64) -> Vec<(StreamId, i64, Vec<LedgerEvent>)> {
    let run = distribution(version);
    let received = DistributionEvent::ReportReceived(ReportVersion {
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
    });
    let planned = DistributionEvent::SlicePlanned {
        slice: 0,
        after: None,
        through: None,
        read_at: Position(1),
        sums: SliceSums { considered: count, planned: count, not_planned: BTreeMap::new() },
        decisions: vec![],
    };
    let mut appends = vec![(StreamId::distribution(run), 0, vec![received.into(), planned.into()])];
    for n in 0..count {
        let recipient: RecipientId = format!("r{n}").parse().unwrap();
        let id = DeliveryId::of(run, at(0), &recipient, ChannelKind::Webhook, 0);
        let events = [
            DeliveryEvent::DeliveryScheduled(plan(version, &recipient)),
            DeliveryEvent::AttemptStarted {
                attempt: 1,
                node: "n1".to_owned(),
                address_revision: 1,
            },
            DeliveryEvent::AttemptEnded {
                attempt: 1,
                sent_at: Some(at(3)),
                elapsed_us: Some(900),
                outcome: AttemptOutcome::Succeeded { receipt: receipt() },
            },
        ];
        appends.push((StreamId::delivery(id), 0, events.map(LedgerEvent::from).to_vec()));
    }
    appends
}

fn receipt() -> Receipt {
    Receipt {
        proof: Proof::Delivered,
        status: 200,
        content_sha256: Sha256::of(b"body"),
        content_bytes: 4,
        reply: None,
    }
}

fn plan(version: &str, recipient: &RecipientId) -> DeliveryPlan {
    DeliveryPlan {
        distribution: distribution(version),
        report: "risk".parse().unwrap(),
        version: version.parse().unwrap(),
        recipient: recipient.clone(),
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
