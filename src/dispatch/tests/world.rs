//! A ledger with recipients and a report version, and dispatchers over it.

use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::Duration;

use aggregates::delivery::Outcome;
use aggregates::fold;
use aggregates::routing::RoutingIndex;
use artifacts::{ArtifactStore, ArtifactsConfig};
use channels::{
    Channel, EmailChannel, EmailConfig, InboxChannel, TlsMode, WebhookChannel, WebhookConfig,
};
use dispatch::{DispatchConfig, Dispatcher, Parts, SharedRoutingIndex, fold_queue};
use schema::events::{
    ArtifactRef, DeliveryEvent, DeliveryPlan, DistributionEvent, RecipientEvent, RecipientKind,
    RecipientProfile, ReportVersion, SubscriptionBody, SubscriptionEvent,
};
use schema::{
    Actor, AddressId, Attributes, ChannelKind, ColumnSpec, ColumnType, DeliveryId, DestinationKey,
    DistributionId, Format, Frame, GrantId, LedgerEvent, Metadata, Preferences, RecipientId,
    RecordedEvent, ReportName, ReportSelector, RetrySchedule, Selector, Sha256, StreamId,
    SubscriptionId, TenantId, Timestamp, Timing, VersionName, WebhookKeys, WebhookKeysId,
    WebhookSettings,
};
use secrecy::SecretString;
use sqlx::Executor;
use sqlx::postgres::PgConnection;
use store::testing::TestLedger;
use store::{Append, Due, QueueChange, QueueRow, StoreError, Unit};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::relay::Relay;
use crate::sink::Sink;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
pub const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const CSV: &[u8] = b"region,value\nnorth,1\n";
pub const LEASE_MARGIN_MS: u64 = 5_000;
pub const SEND_TIMEOUT_MS: u64 = 5_000;

pub struct World {
    pub store: TestLedger,
    pub index: SharedRoutingIndex,
    pub sink: Sink,
    pub relay: Relay,
    pub distribution: DistributionId,
    pub artifacts: Arc<ArtifactStore>,
    received_at: Timestamp,
    appended: watch::Receiver<u64>,
    listeners: Arc<Mutex<Vec<Weak<Dispatcher>>>>,
    directory: tempfile::TempDir,
}

/// A dispatcher that runs.
pub struct Running {
    pub dispatcher: Arc<Dispatcher>,
    cancel: CancellationToken,
    run: JoinHandle<()>,
}

impl Running {
    /// Waits until outcomes wait for the ledger.
    pub async fn until_unrecorded(&self) {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        let looking = async {
            while self.dispatcher.unrecorded_count() == 0 {
                look.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect_in_time("an unrecorded outcome");
    }

    /// Stops as the program stops: gracefully.
    pub async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.run)
            .await
            .expect_in_time("the dispatcher's end")
            .unwrap();
    }
}

trait InTime<T> {
    fn expect_in_time(self, what: &str) -> T;
}

impl<T> InTime<T> for Result<T, tokio::time::error::Elapsed> {
    fn expect_in_time(self, what: &str) -> T {
        self.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
    }
}

pub fn tenant() -> TenantId {
    TenantId::try_new("acme").unwrap()
}

pub fn metadata() -> Metadata {
    Metadata::new(tenant(), Actor::new("cli", "test"))
}

#[expect(clippy::disallowed_methods, reason = "a test has the time it is")]
pub fn now() -> Timestamp {
    chrono::Utc::now().into()
}

pub fn destination(name: &str) -> DestinationKey {
    DestinationKey::try_new(name).unwrap()
}

pub fn subscription(recipient: &str) -> SubscriptionId {
    SubscriptionId::try_new(format!("{recipient}-weekly")).unwrap()
}

fn recipient_id(name: &str) -> RecipientId {
    RecipientId::try_new(name).unwrap()
}

fn report() -> ReportName {
    ReportName::try_new("risk").unwrap()
}

fn version() -> VersionName {
    VersionName::try_new("2026-11-23").unwrap()
}

fn address_id() -> AddressId {
    AddressId::try_new("work").unwrap()
}

/// The name under which everything sent to a channel of a recipient is found.
pub fn path(recipient: &str) -> String {
    format!("/{recipient}")
}

impl World {
    pub async fn open() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let store = TestLedger::start_with(|config| config.give_up_ms = 200).await;
        let directory = tempfile::tempdir().unwrap();
        let config = ArtifactsConfig { dir: directory.path().into(), ..ArtifactsConfig::default() };
        let artifacts = Arc::new(ArtifactStore::open(&config).unwrap());
        let index: SharedRoutingIndex = Arc::new(RwLock::new(RoutingIndex::new()));
        let listeners = Arc::new(Mutex::new(Vec::<Weak<Dispatcher>>::new()));
        let (count, appended) = watch::channel(0);
        let (fed, told) = (Arc::clone(&index), Arc::clone(&listeners));
        store.ledger.on_append(Arc::new(move |events: &[RecordedEvent]| {
            let mut index = fed.write().unwrap();
            events.iter().for_each(|recorded| index.follow(recorded));
            drop(index);
            for dispatcher in told.lock().unwrap().iter().filter_map(Weak::upgrade) {
                dispatcher.observe(events);
            }
            count.send_modify(|count| *count += 1);
        }));
        let world = Self {
            store,
            index,
            sink: Sink::open().await,
            relay: Relay::open().await,
            distribution: DistributionId::of(&tenant(), &report(), &version()),
            artifacts,
            received_at: now(),
            appended,
            listeners,
            directory,
        };
        world.receive(version()).await;
        world
    }

    async fn receive(&self, name: VersionName) {
        let stored = self.artifacts.put_bytes(&tenant(), CSV.into(), None).await.unwrap();
        let artifact = ArtifactRef {
            name: "risk.csv".to_owned(),
            format: Format::Csv,
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
        };
        self.received(name, artifact, None).await;
    }

    /// Receives another version whose only file is a data frame; what that is.
    pub async fn framed(&self, name: &str, csv: &'static str) -> (DistributionId, ArtifactRef) {
        let stored = self.artifacts.put_bytes(&tenant(), csv.into(), None).await.unwrap();
        let artifact = ArtifactRef {
            name: "frame.csv".to_owned(),
            format: Format::Csv,
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
        };
        let frame = frame_of(&artifact);
        let name = VersionName::try_new(name).unwrap();
        self.received(name.clone(), artifact.clone(), Some(frame)).await;
        (DistributionId::of(&tenant(), &report(), &name), artifact)
    }

    async fn received(&self, name: VersionName, artifact: ArtifactRef, frame: Option<Frame>) {
        let run = DistributionId::of(&tenant(), &report(), &name);
        let event = DistributionEvent::ReportReceived(ReportVersion {
            report: report(),
            version: name,
            digest: Sha256::of(b"version"),
            title: "Market risk".to_owned(),
            attributes: Attributes::new(),
            artifacts: vec![artifact],
            frame,
            corrects: None,
            received_at: self.received_at,
            deadline: self.received_at.plus_ms(600_000),
        });
        self.append(StreamId::distribution(run), 0, vec![event.into()]).await;
    }

    /// Where artifacts lie.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Receives another version of the report.
    pub async fn another_version(&self, name: &str) -> DistributionId {
        let name = VersionName::try_new(name).unwrap();
        self.receive(name.clone()).await;
        DistributionId::of(&tenant(), &report(), &name)
    }

    pub async fn append(&self, stream: StreamId, expected: i64, events: Vec<LedgerEvent>) {
        let mut unit = Unit::new(metadata());
        unit.appends.push(Append { stream, expected, events });
        self.store.ledger.append(unit).await.unwrap();
    }

    /// A recipient with a webhook at the sink and a subscription. Its destination bears its name.
    pub async fn webhook(&self, name: &str) {
        let url = self.sink.url(&path(name));
        self.recipient(name, ChannelKind::Webhook, &url, name).await;
        let (address, added) = ("work", 1);
        let secret = format!("recipient/{name}/address/{address}/{added}");
        let vault = &self.store.vault;
        vault.keep_secret(&tenant(), &secret, &SecretString::from(SECRET)).await.unwrap();
    }

    /// Sets a webhook otherwise, after the three events that it began with.
    pub async fn configure(&self, name: &str, keys: &WebhookKeys) {
        let id = WebhookKeysId::try_new("k1").unwrap();
        let place = format!("recipient/{name}/address/{}/webhook/{id}", address_id());
        let document = keys.to_document().unwrap();
        self.store.vault.keep_secret(&tenant(), &place, &document).await.unwrap();
        let settings = WebhookSettings {
            keys: id,
            payload: keys.payload,
            signing: keys.signing,
            headers: keys.headers.keys().cloned().collect(),
            public_key: "whpk_".to_owned(),
            overlap_until: None,
            client_certificate: None,
        };
        let event = RecipientEvent::WebhookConfigured { address: address_id(), settings };
        let stream = StreamId::recipient(&tenant(), &recipient_id(name));
        self.append(stream, 3, vec![event.into()]).await;
    }

    /// A recipient with a mailbox and a subscription.
    pub async fn mailbox(&self, name: &str) {
        self.recipient(name, ChannelKind::Mail, &format!("{name}@example.org"), "example").await;
    }

    async fn recipient(&self, name: &str, channel: ChannelKind, address: &str, to: &str) {
        let id = recipient_id(name);
        let stream = StreamId::recipient(&tenant(), &id);
        let place = format!("{stream}#address/work");
        let value = self.store.vault.seal(&tenant(), &id, &place, address).await.unwrap();
        let added = RecipientEvent::AddressAdded {
            address: address_id(),
            channel,
            value,
            destination: destination(to),
            revision: 1,
        };
        self.known(name, channel, Some(added)).await;
    }

    /// A recipient with nothing but an inbox, and a subscription.
    pub async fn inbox(&self, name: &str) {
        self.known(name, ChannelKind::Inbox, None).await;
    }

    async fn known(&self, name: &str, channel: ChannelKind, added: Option<RecipientEvent>) {
        let (id, stream) =
            (recipient_id(name), StreamId::recipient(&tenant(), &recipient_id(name)));
        let profile = RecipientProfile {
            kind: RecipientKind::System,
            name: None,
            locale: "en".to_owned(),
            zone: "Europe/Berlin".parse().unwrap(),
        };
        let granted = RecipientEvent::EntitlementGranted {
            grant: GrantId::try_new("all").unwrap(),
            report: ReportSelector::Every,
            until: None,
        };
        let registered = RecipientEvent::RecipientRegistered(profile);
        let events = [Some(registered), added, Some(granted)];
        let events = events.into_iter().flatten().map(Into::into).collect();
        self.append(stream, 0, events).await;
        let body = SubscriptionBody {
            recipient: id,
            selector: Selector { report: ReportSelector::Every, attributes: Default::default() },
            preferences: Preferences {
                channels: vec![channel],
                formats: vec![],
                deadline_s: None,
                timing: Timing::default(),
            },
        };
        let stream = StreamId::subscription(&tenant(), &subscription(name));
        let event = SubscriptionEvent::Subscribed { version: 1, body };
        self.append(stream, 0, vec![event.into()]).await;
    }

    pub fn plan(&self, recipient: &str, channel: ChannelKind) -> DeliveryPlan {
        let to = if channel == ChannelKind::Mail { "example" } else { recipient };
        DeliveryPlan {
            distribution: self.distribution,
            report: report(),
            version: version(),
            recipient: recipient_id(recipient),
            channel,
            subscription: subscription(recipient),
            subscription_version: 1,
            group: None,
            grant: GrantId::try_new("all").unwrap(),
            slice: 0,
            address: address_id(),
            destination: destination(to),
            format: None,
            received_at: self.received_at,
            deadline: now().plus_ms(600_000),
            retry: RetrySchedule {
                base_ms: 20,
                cap_ms: 100,
                attempt_limit: 5,
                retry_after_cap_ms: 1_000,
                doubt_limit: if channel == ChannelKind::Mail { 1 } else { 5 },
            },
            resend_of: None,
            resend: 0,
            planned: None,
        }
    }

    /// Schedules a delivery to a recipient's webhook; dispatch finds it in the queue.
    pub async fn schedule(&self, recipient: &str) -> DeliveryId {
        self.schedule_plan(self.plan(recipient, ChannelKind::Webhook)).await
    }

    pub async fn schedule_plan(&self, plan: DeliveryPlan) -> DeliveryId {
        let received_at = plan.received_at;
        let due = plan.planned.as_ref().map_or(received_at, |planned| planned.due);
        let DeliveryPlan { distribution, channel, resend, .. } = plan;
        let id = DeliveryId::of(distribution, received_at, &plan.recipient, channel, resend);
        let event = DeliveryEvent::DeliveryScheduled(plan.clone());
        let state = fold::<aggregates::delivery::Rules>([&event]);
        let row = QueueRow {
            delivery: id,
            tenant: tenant(),
            distribution,
            channel,
            destination: plan.destination,
            lane: 0,
            sequence: 1,
            state: serde_json::to_string(&state).unwrap(),
            traceparent: Some(TRACEPARENT.to_owned()),
        };
        let mut unit = Unit::new(metadata());
        unit.metadata.traceparent = Some(TRACEPARENT.to_owned());
        let (stream, events) = (StreamId::delivery(id), vec![event.into()]);
        unit.appends.push(Append { stream, expected: 0, events });
        unit.queue.push(QueueChange::Put(row, Due::At(due)));
        self.store.ledger.append(unit).await.unwrap();
        id
    }

    pub fn dispatcher(&self, node: &str, config: DispatchConfig) -> Arc<Dispatcher> {
        let webhook = WebhookConfig {
            timeout_ms: SEND_TIMEOUT_MS,
            connect_timeout_ms: 500,
            allow_http: true,
            allow: vec!["127.0.0.1".to_owned()],
            ..WebhookConfig::default()
        };
        let mail = EmailConfig {
            host: "127.0.0.1".to_owned(),
            port: self.relay.port,
            tls: TlsMode::None,
            send_timeout_ms: SEND_TIMEOUT_MS,
            connect_timeout_ms: 500,
            command_timeout_ms: 500,
            from_address: "reports@example.com".to_owned(),
            ..EmailConfig::default()
        };
        let channels: Vec<Arc<dyn Channel>> = vec![
            Arc::new(WebhookChannel::try_new(&webhook).unwrap()),
            Arc::new(EmailChannel::try_new(&mail).unwrap()),
            Arc::new(InboxChannel),
        ];
        let parts = Parts {
            ledger: Arc::clone(&self.store.ledger),
            vault: Arc::clone(&self.store.vault),
            index: Arc::clone(&self.index),
            artifacts: Arc::clone(&self.artifacts),
            frames: render::Frames::new(self.artifacts.as_ref().clone(), 2),
            channels,
            node: node.to_owned(),
            public_url: "https://reports.example.com/".to_owned(),
        };
        let dispatcher = Dispatcher::new(config, parts);
        self.listeners.lock().unwrap().push(Arc::downgrade(&dispatcher));
        dispatcher
    }

    pub fn run(&self, node: &str) -> Running {
        self.run_with(node, |_| {})
    }

    pub fn run_with(&self, node: &str, change: impl FnOnce(&mut DispatchConfig)) -> Running {
        let mut config =
            DispatchConfig { lease_margin_ms: LEASE_MARGIN_MS, ..DispatchConfig::default() };
        change(&mut config);
        assert_eq!(config.wrong(), []);
        let dispatcher = self.dispatcher(node, config);
        let cancel = CancellationToken::new();
        let run = tokio::spawn(Arc::clone(&dispatcher).run(cancel.clone()));
        Running { dispatcher, cancel, run }
    }

    /// Lets every lease end now.
    pub async fn end_leases(&self) {
        let end = "update delivery_queue set due_at = now() - interval '1 second'";
        sqlx::query(end).execute(&mut self.store.superuser().await).await.unwrap();
    }

    /// Takes the ledger's database away, for everyone but the connection this returns.
    pub async fn take_ledger_away(&self) -> PgConnection {
        let mut connection = self.store.superuser().await;
        self.let_in(&mut connection, false).await;
        cut_others(&mut connection).await;
        connection
    }

    /// Whether the ledger's database refuses writes, for every connection from now on.
    pub async fn read_only(&self, is_so: bool) {
        let mut connection = self.store.superuser().await;
        let (database, word) = (&self.store.database, if is_so { "on" } else { "off" });
        let statement =
            format!("alter database {database} set default_transaction_read_only = {word}");
        let statement = format!("begin read write; {statement}; commit");
        connection.execute(statement.as_str()).await.unwrap();
        cut_others(&mut connection).await;
    }

    /// Gives it back.
    pub async fn give_ledger_back(&self, mut connection: PgConnection) {
        self.let_in(&mut connection, true).await;
    }

    async fn let_in(&self, connection: &mut PgConnection, anyone: bool) {
        let (database, limit) = (&self.store.database, if anyone { -1 } else { 0 });
        let statement = format!("alter database {database} connection limit {limit}");
        sqlx::query(&statement).execute(connection).await.unwrap();
    }

    pub async fn stream(&self, delivery: DeliveryId) -> Vec<RecordedEvent> {
        let stream = StreamId::delivery(delivery);
        loop {
            // A connection that was cut while it lay in the pool says so once.
            match self.store.ledger.load_stream(&stream, 0).await {
                Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
                events => return events.unwrap(),
            }
        }
    }

    pub async fn events(&self, delivery: DeliveryId) -> Vec<DeliveryEvent> {
        let delivery_event = |recorded: RecordedEvent| match recorded.event {
            LedgerEvent::Delivery(event) => event,
            other => panic!("{other:?} in a delivery's stream"),
        };
        self.stream(delivery).await.into_iter().map(delivery_event).collect()
    }

    /// Waits until the delivery's events are as told.
    pub async fn until(
        &self,
        delivery: DeliveryId,
        what: &str,
        is_so: impl Fn(&[DeliveryEvent]) -> bool,
    ) -> Vec<DeliveryEvent> {
        let mut appended = self.appended.clone();
        let looking = async {
            loop {
                appended.borrow_and_update();
                let events = self.events(delivery).await;
                if is_so(&events) {
                    return events;
                }
                appended.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(events) => events,
            Err(_) => panic!("no {what} in {PATIENCE:?}: {:#?}", self.events(delivery).await),
        }
    }

    /// Waits until the delivery is closed; the queue must then be empty of it.
    pub async fn until_closed(&self, delivery: DeliveryId) -> (Outcome, Vec<DeliveryEvent>) {
        let outcome =
            |events: &[DeliveryEvent]| fold::<aggregates::delivery::Rules>(events).outcome();
        let events = self.until(delivery, "close", |events| outcome(events).is_some()).await;
        self.check_queue(delivery).await;
        (outcome(&events).unwrap(), events)
    }

    /// The queue's row of the delivery must be what its events add up to.
    pub async fn check_queue(&self, delivery: DeliveryId) {
        let events = self.stream(delivery).await;
        let row = self.store.ledger.queue_row(delivery).await.unwrap();
        assert_eq!(row, fold_queue(&events, 1_000).map(|(row, _)| row));
    }
}

/// What is known of a frame of one column `n` of whole numbers.
pub fn frame_of(artifact: &ArtifactRef) -> Frame {
    let kind = ColumnType::Integer;
    let columns = vec![ColumnSpec { name: "n".to_owned(), kind, nullable: false }];
    Frame { artifact: artifact.name.clone(), rows: 2, columns, longest_text: 0 }
}

/// Ends every other connection to the database.
async fn cut_others(connection: &mut PgConnection) {
    let others = "select pg_terminate_backend(pid) from pg_stat_activity \
                  where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(others).execute(connection).await.unwrap();
}

/// Names of the events, in order.
pub fn names(events: &[DeliveryEvent]) -> Vec<&'static str> {
    events.iter().map(schema::EventBody::event_type).collect()
}
