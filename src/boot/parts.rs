use std::sync::Arc;

use aggregates::retry::Schedules;
use analysis::Analyst;
use anyhow::{Context, Result};
use api::{ApiParts, ApiState};
use artifacts::ArtifactStore;
use channels::{Channel, EmailChannel, WebhookChannel, WebhookGuard};
use dispatch::{DeliveryDesk, Dispatcher, Parts as DispatchParts};
use export::Exporter;
use followers::{Checkpoints, Follower, Mirror, projectors};
use intake::kafka::KafkaIntake;
use intake::{Intake, Neighbours};
use metrics_exporter_prometheus::PrometheusHandle;
use rand::Rng;
use schema::ChannelKind;
use store::{Identity, Ledger, Subscription, Tail, TailConfig, Vault};
use tokio_util::sync::CancellationToken;

use super::held::{Held, other_log};
use super::index::{self, SharedIndex};
use super::{desk, identity_file, open_ledger, vault_config, walls};
use crate::config::Config;
use crate::telemetry;

/// Every part, built and wired, none of them running but the tail.
pub struct Parts {
    pub config: Config,
    pub node: String,
    pub metrics: PrometheusHandle,
    pub ledger: Arc<Ledger>,
    pub tail: Arc<Tail>,
    pub index: SharedIndex,
    /// From where the index goes on.
    pub subscription: Subscription,
    pub dispatcher: Arc<Dispatcher>,
    pub intake: Arc<Intake>,
    pub kafka: Option<Arc<KafkaIntake>>,
    pub api: ApiState,
    /// Whether nothing may be sent, and why.
    pub held: Held,
    /// Ends the tail and all that follows it.
    pub rest: CancellationToken,
}

/// What most parts stand on.
struct Ground {
    config: Config,
    node: String,
    ledger: Arc<Ledger>,
    vault: Arc<Vault>,
    artifacts: ArtifactStore,
    index: SharedIndex,
}

impl Parts {
    /// Connects, loads, wires.
    pub async fn build(config: Config, metrics: PrometheusHandle) -> Result<Self> {
        // Whatever can be found wrong without a neighbour is found before one is connected to.
        let (channels, guard) = open_channels(&config)?;
        let ledger = open_ledger(&config).await?;
        let vault = Vault::connect(vault_config(&config)).await.context("the vault (vault.url)")?;
        let artifacts = ArtifactStore::open(&config.artifacts)?;
        let held = held_back(&ledger, &config).await?;
        let rest = CancellationToken::new();
        let tail = Arc::new(Tail::start(&ledger, TailConfig::default(), rest.clone()).await?);
        let (index, subscription) = index::load(&ledger, &tail).await?;
        let node = config.node.id.clone().unwrap_or_else(random_name);
        let ground = Ground { config, node, ledger, vault, artifacts, index };

        let dispatcher = dispatcher(&ground, channels);
        observe(&ground, &dispatcher);
        let intake = intake(&ground, &dispatcher, &held)?;
        let kafka = kafka_intake(&ground.config, &intake)?;
        let readiness = walls::Parts {
            ledger: Arc::clone(&ground.ledger),
            tail: Arc::clone(&tail),
            artifacts: ground.artifacts.clone(),
            checkpoints: Checkpoints::new(Arc::clone(&ground.ledger)),
            followers: follower_names(&ground.ledger, &ground.config),
            kafka: kafka.clone(),
            held: held.clone(),
        };
        let api = api_state(&ground, &dispatcher, &intake, guard, readiness, metrics.clone());
        let Ground { config, node, ledger, index, .. } = ground;
        Ok(Self {
            config,
            node,
            metrics,
            ledger,
            tail,
            index,
            subscription,
            dispatcher,
            intake,
            kafka,
            api,
            held,
            rest,
        })
    }
}

/// Everyone who reads the log, until `stop`.
pub fn all_followers(
    ledger: &Arc<Ledger>,
    config: &Config,
    stop: &CancellationToken,
) -> Vec<Box<dyn Follower>> {
    let mirror = config.mirror.enabled.then(|| {
        let client = intake::kafka::client(&config.kafka);
        let mirror = Mirror::new(ledger, config.mirror.clone(), client, stop.clone());
        Box::new(mirror) as Box<dyn Follower>
    });
    let exporter = config.export.enabled.then(|| {
        let exporter = Exporter::new(ledger, &config.export);
        Box::new(exporter) as Box<dyn Follower>
    });
    let carried = mirror.into_iter().chain(exporter);
    projectors().into_iter().chain(reactors::reactors(ledger)).chain(carried).collect()
}

/// Who answers questions over many deliveries.
pub fn analyst(ledger: &Arc<Ledger>, config: &Config) -> Analyst {
    Analyst::new(ledger, &config.export, &config.analytics)
}

fn follower_names(ledger: &Arc<Ledger>, config: &Config) -> Vec<String> {
    let all = all_followers(ledger, config, &CancellationToken::new());
    all.iter().map(|follower| follower.name().to_owned()).collect()
}

fn random_name() -> String {
    format!("n{:06x}", rand::rng().random::<u32>() >> 8)
}

/// Nothing may be sent when the log is not the one we knew: some of what is due may have been sent already.
async fn held_back(ledger: &Ledger, config: &Config) -> Result<Held> {
    let held = Held::default();
    match ledger.verify_identity(&identity_file(config)).await? {
        Identity::Same | Identity::Unknown => {}
        Identity::RestoredBackup { stored, .. } => held.hold(other_log(stored.position)),
    }
    Ok(held)
}

/// Each channel there is: a new one is registered here.
fn open_channels(config: &Config) -> Result<(Vec<Arc<dyn Channel>>, WebhookGuard)> {
    let channels: Vec<Arc<dyn Channel>> = vec![
        Arc::new(EmailChannel::try_new(&config.mail)?),
        Arc::new(WebhookChannel::try_new(&config.webhook)?),
    ];
    Ok((channels, WebhookGuard::try_new(&config.webhook)?))
}

fn dispatcher(ground: &Ground, channels: Vec<Arc<dyn Channel>>) -> Arc<Dispatcher> {
    let parts = DispatchParts {
        ledger: Arc::clone(&ground.ledger),
        vault: Arc::clone(&ground.vault),
        index: Arc::clone(&ground.index),
        artifacts: Arc::new(ground.artifacts.clone()),
        channels,
        node: ground.node.clone(),
        public_url: ground.config.api.public_url.clone(),
    };
    Dispatcher::new(ground.config.dispatch.clone(), parts)
}

/// Own appends are known at once: to routing, to dispatch, and to what is counted.
fn observe(ground: &Ground, dispatcher: &Arc<Dispatcher>) {
    let (index, dispatcher) = (Arc::clone(&ground.index), Arc::clone(dispatcher));
    ground.ledger.on_append(Arc::new(move |events| {
        index::observe(&index, events);
        telemetry::count(events);
        dispatcher.observe(events);
    }));
}

fn intake(ground: &Ground, dispatcher: &Arc<Dispatcher>, held: &Held) -> Result<Arc<Intake>> {
    let retry = ground.config.retry;
    let schedules = Schedules::from_iter([
        (ChannelKind::Mail, retry.mail),
        (ChannelKind::Webhook, retry.webhook),
    ]);
    let near = Neighbours {
        ledger: Arc::clone(&ground.ledger),
        artifacts: ground.artifacts.clone(),
        routing: Arc::clone(&ground.index),
        permits: Arc::new(walls::Permits {
            dispatcher: Arc::clone(dispatcher),
            held: held.clone(),
        }),
        schedules,
    };
    Ok(Arc::new(Intake::try_new(ground.config.intake.clone(), &ground.node, near)?))
}

fn kafka_intake(config: &Config, intake: &Arc<Intake>) -> Result<Option<Arc<KafkaIntake>>> {
    if config.kafka.brokers.is_empty() || config.kafka.topics.is_empty() {
        return Ok(None);
    }
    let kafka = KafkaIntake::try_new(config.kafka.clone(), Arc::clone(intake))?;
    Ok(Some(Arc::new(kafka)))
}

fn api_state(
    ground: &Ground,
    dispatcher: &Arc<Dispatcher>,
    intake: &Arc<Intake>,
    guard: WebhookGuard,
    readiness: walls::Parts,
    metrics: PrometheusHandle,
) -> ApiState {
    ApiState::new(ApiParts {
        ledger: Arc::clone(&ground.ledger),
        tail: Arc::clone(&readiness.tail),
        vault: Arc::clone(&ground.vault),
        routing: Arc::clone(&ground.index),
        intake: Arc::clone(intake),
        artifacts: ground.artifacts.clone(),
        analyst: Arc::new(analyst(&ground.ledger, &ground.config)),
        reads: ground.ledger.pool().clone(),
        config: ground.config.api.clone(),
        read_position: Arc::new(walls::Reached(readiness.checkpoints.clone())),
        readiness: Arc::new(readiness),
        deliveries: Arc::new(desk::Desk(DeliveryDesk::new(
            Arc::clone(&ground.ledger),
            Arc::clone(&ground.index),
            dispatcher.lease_ms(),
        ))),
        address_rules: Arc::new(walls::Addresses(guard)),
        metrics: Arc::new(move || metrics.render()),
    })
}
