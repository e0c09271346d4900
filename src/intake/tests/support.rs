use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use aggregates::retry::Schedules;
use aggregates::routing::RoutingIndex;
use artifacts::{ArtifactStore, ArtifactsConfig};
use schema::events::{
    ArtifactRef, DeliveryEvent, DistributionEvent, RecipientEvent, RecipientKind, RecipientProfile,
    ReportEvent, ReportProfile, SubscriptionBody, SubscriptionEvent,
};
use schema::{
    Actor, AddressId, AggregateType, Attributes, ChannelKind, DestinationKey, Format, GrantId,
    LedgerEvent, Metadata, Position, Preferences, RecipientId, RecordedEvent, ReportName,
    ReportSelector, Sealed, Selector, StreamId, SubscriptionId, TenantId, Timing, VersionName,
};
use store::testing::TestLedger;
use store::{Append, Ledger, Precondition, Unit};
use tempfile::TempDir;

use crate::{
    Intake, IntakeConfig, Neighbours, PermitGuard, ReceiveReport, Routing, SendPermits, Started,
};

pub(super) const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Intake with a ledger and a disk of its own, and as many permits as the test gives.
pub(super) struct World {
    pub(super) test: TestLedger,
    pub(super) ledger: Arc<Ledger>,
    pub(super) artifacts: ArtifactStore,
    pub(super) routing: Routing,
    pub(super) permits: Arc<Permits>,
    pub(super) intake: Arc<Intake>,
    _dir: TempDir,
}

/// So many permits as there are; what is launched is kept, so that its permits stay taken.
#[derive(Default)]
pub(super) struct Permits {
    free: Arc<AtomicUsize>,
    /// Whether plans keep pace with sends.
    pub(super) paced: AtomicBool,
    /// Whether each send is answered as soon as it is launched, and those of others all the time: then a plan waits for
    /// room as long as it may, however slow a commit is.
    pub(super) answers_at_once: AtomicBool,
    of_others: AtomicU64,
    /// Sends that were answered.
    pub(super) ended: AtomicU64,
    pub(super) launched: Mutex<Vec<Started>>,
}

struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Permits {
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::SeqCst)
    }
}

impl SendPermits for Permits {
    fn try_permit(&self, _: &TenantId, _: ChannelKind, _: &DestinationKey) -> Option<PermitGuard> {
        let take = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).ok()?;
        Some(Box::new(Permit(Arc::clone(&self.free))))
    }

    fn keeps_pace(&self) -> bool {
        self.paced.load(Ordering::SeqCst)
    }

    fn has_room(&self, _: &TenantId, _: ChannelKind, _: &DestinationKey) -> bool {
        self.free() > 0
    }

    fn answered_count(&self, _: ChannelKind) -> u64 {
        if self.answers_at_once.load(Ordering::SeqCst) {
            self.of_others.fetch_add(8, Ordering::SeqCst);
        }
        self.ended.load(Ordering::SeqCst) + self.of_others.load(Ordering::SeqCst)
    }

    fn lease_ms(&self, _: ChannelKind) -> u64 {
        60_000
    }

    fn launch(&self, started: Vec<Started>) {
        if self.answers_at_once.load(Ordering::SeqCst) {
            self.ended.fetch_add(started.len() as u64, Ordering::SeqCst);
            return;
        }
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).extend(started);
    }
}

impl World {
    pub(super) async fn start(permits: usize) -> Self {
        Self::start_with(permits, IntakeConfig::default(), 5_000).await
    }

    pub(super) async fn start_with(permits: usize, config: IntakeConfig, give_up_ms: u64) -> Self {
        let test = TestLedger::start_with(|ledger| ledger.give_up_ms = give_up_ms).await;
        let dir = tempfile::tempdir().unwrap();
        let files = ArtifactsConfig { dir: dir.path().to_owned(), ..Default::default() };
        let artifacts = ArtifactStore::open(&files).unwrap();
        let routing = Routing::new(RwLock::new(RoutingIndex::new()));
        let ledger = test.ledger.clone();
        let index = routing.clone();
        ledger.on_append(Arc::new(move |events| {
            let mut index = index.write().unwrap();
            for RecordedEvent { metadata, stream, sequence, event, .. } in events {
                index.apply(&metadata.tenant, stream, *sequence, event);
            }
        }));
        let permits =
            Arc::new(Permits { free: Arc::new(AtomicUsize::new(permits)), ..Default::default() });
        let mut world = Self {
            intake: intake("one", config.clone(), &ledger, &artifacts, &routing, &permits),
            ledger,
            artifacts,
            routing,
            permits,
            test,
            _dir: dir,
        };
        world.register("risk").await;
        world.intake = world.node("one", config);
        world
    }

    /// Another node on the same ledger.
    pub(super) fn node(&self, name: &str, config: IntakeConfig) -> Arc<Intake> {
        intake(name, config, &self.ledger, &self.artifacts, &self.routing, &self.permits)
    }

    pub(super) async fn register(&self, report: &str) {
        let profile = ReportProfile {
            title: "Market risk".to_owned(),
            owner: "desk-7".to_owned(),
            deadline_s: 3_600,
            columns: vec![],
            self_service: false,
        };
        let event = ReportEvent::ReportRegistered(profile).into();
        self.append(StreamId::report(&acme(), &named(report)), 0, vec![event]).await;
    }

    pub(super) async fn append(&self, stream: StreamId, expected: i64, events: Vec<LedgerEvent>) {
        let mut unit = Unit::new(Metadata::new(acme(), Actor::new("test", "setup")));
        unit.appends.push(Append { stream, expected, events });
        self.ledger.append(unit).await.unwrap();
    }

    /// So many recipients, each with an address on every channel and a subscription to `risk` for each of `channels`.
    pub(super) async fn subscribe(&self, count: usize, channels: &[ChannelKind]) {
        let metadata = Metadata::new(acme(), Actor::new("test", "setup"));
        let numbers: Vec<usize> = (0..count).collect();
        for part in numbers.chunks(200) {
            let mut unit = Unit::new(metadata.clone());
            for number in part {
                unit.appends.push(recipient(*number));
                unit.appends.extend(channels.iter().map(|on| subscription(*number, *on)));
            }
            self.ledger.append(unit).await.unwrap();
        }
    }

    /// Everything in the log of these kinds of streams, in order.
    pub(super) async fn log(&self, types: &[AggregateType]) -> Vec<RecordedEvent> {
        let head = self.ledger.head().await.unwrap();
        let mut events = Vec::new();
        let mut after = Position::START;
        loop {
            let rows = self.ledger.read(after, head, 2_000, Some(types)).await.unwrap();
            let Some(last) = rows.last() else { return events };
            after = last.position;
            events.extend(rows.into_iter().map(|row| row.into_decoded().unwrap()));
        }
    }

    pub(super) async fn distributions(&self) -> Vec<DistributionEvent> {
        let events = self.log(&[AggregateType::Distribution]).await;
        let of_kind = events.into_iter().filter_map(|recorded| match recorded.event {
            LedgerEvent::Distribution(event) => Some(event),
            _ => None,
        });
        of_kind.collect()
    }

    pub(super) async fn deliveries(&self) -> Vec<DeliveryEvent> {
        let events = self.log(&[AggregateType::Delivery]).await;
        let of_kind = events.into_iter().filter_map(|recorded| match recorded.event {
            LedgerEvent::Delivery(event) => Some(event),
            _ => None,
        });
        of_kind.collect()
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.ledger.pool()).await.unwrap()
    }

    pub(super) async fn artifact(&self, name: &str, content: &'static str) -> ArtifactRef {
        let stored = self.artifacts.put_bytes(&acme(), content.into(), None).await.unwrap();
        ArtifactRef {
            name: name.to_owned(),
            format: Format::Csv,
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
        }
    }
}

fn intake(
    name: &str,
    config: IntakeConfig,
    ledger: &Arc<Ledger>,
    artifacts: &ArtifactStore,
    routing: &Routing,
    permits: &Arc<Permits>,
) -> Arc<Intake> {
    let near = Neighbours {
        ledger: ledger.clone(),
        artifacts: artifacts.clone(),
        frames: render::Frames::new(artifacts.clone(), 2),
        routing: routing.clone(),
        permits: permits.clone(),
        schedules: Schedules::default(),
    };
    Arc::new(Intake::try_new(config, name, near).unwrap())
}

pub(super) fn acme() -> TenantId {
    TenantId::try_new("acme").unwrap()
}

pub(super) fn named(report: &str) -> ReportName {
    ReportName::try_new(report).unwrap()
}

pub(super) fn version(name: &str) -> VersionName {
    VersionName::try_new(name).unwrap()
}

pub(super) fn who(number: usize) -> RecipientId {
    RecipientId::try_new(format!("r{number:05}")).unwrap()
}

/// A version of `risk` without files.
pub(super) fn report(name: &str) -> ReceiveReport {
    ReceiveReport {
        tenant: acme(),
        report: named("risk"),
        version: version(name),
        attributes: Attributes::new(),
        artifacts: Vec::new(),
        frame: None,
        corrects: None,
        actor: Actor::new("key", "publisher"),
        command: None,
        precondition: Precondition::Any,
        causation: None,
        traceparent: Some(TRACE.to_owned()),
    }
}

fn sealed() -> Sealed {
    Sealed { key: "key".to_owned(), ciphertext: "box".to_owned(), tag: "tag".to_owned() }
}

fn recipient(number: usize) -> Append {
    let profile = RecipientProfile {
        kind: RecipientKind::System,
        name: None,
        locale: "en".to_owned(),
        zone: "UTC".parse().unwrap(),
    };
    let mut events = vec![LedgerEvent::from(RecipientEvent::RecipientRegistered(profile))];
    for channel in ChannelKind::ALL {
        let added = RecipientEvent::AddressAdded {
            address: AddressId::try_new(channel.as_str()).unwrap(),
            channel,
            value: sealed(),
            destination: DestinationKey::try_new(format!("{channel}-sink")).unwrap(),
            revision: 1,
        };
        events.push(added.into());
    }
    let granted = RecipientEvent::EntitlementGranted {
        grant: GrantId::try_new("desk").unwrap(),
        report: ReportSelector::Every,
        until: None,
    };
    events.push(granted.into());
    Append { stream: StreamId::recipient(&acme(), &who(number)), expected: 0, events }
}

pub(super) fn subscription(number: usize, channel: ChannelKind) -> Append {
    let body = SubscriptionBody {
        recipient: who(number),
        selector: Selector {
            report: ReportSelector::Named(named("risk")),
            attributes: BTreeMap::new(),
        },
        preferences: Preferences {
            channels: vec![channel],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    };
    let events = vec![SubscriptionEvent::Subscribed { version: 1, body }.into()];
    Append { stream: subscription_stream(number, channel), expected: 0, events }
}

pub(super) fn subscription_stream(number: usize, channel: ChannelKind) -> StreamId {
    let id = SubscriptionId::try_new(format!("{}-{channel}", who(number))).unwrap();
    StreamId::subscription(&acme(), &id)
}

/// Waits until `condition` holds, half a minute at most.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waited = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), waited).await;
    assert!(in_time.is_ok(), "waited in vain until {what}");
}
