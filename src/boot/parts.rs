use std::sync::Arc;
use std::time::Duration;

use aggregates::retry::Schedules;
use analysis::Analyst;
use anyhow::{Context, Result};
use api::{ApiParts, ApiState};
use artifacts::ArtifactStore;
use channels::{Channel, EmailChannel, InboxChannel, WebhookChannel};
use dispatch::{DeliveryDesk, Dispatcher, Parts as DispatchParts};
use export::Exporter;
use followers::{Checkpoints, Follower, HearAhead, Mirror, MirrorView, projectors};
use intake::kafka::KafkaIntake;
use intake::{Intake, Neighbours};
use metrics_exporter_prometheus::PrometheusHandle;
use rand::Rng;
use render::Frames;
use returns::ReturnDesk;
use schema::{ChannelKind, Position};
use store::{Identity, Ledger, Subscription, Tail, TailConfig, Vault};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::held::{Held, accepted_through, behind_mirror, other_log};
use super::index::{self, SharedIndex};
use super::{desk, identity_file, open_ledger, vault_config, walls};
use crate::config::Config;
use crate::{clock, telemetry};

/// How long the mirror's brokers may take to say how far it is, at start.
const ASK_MIRROR_WITHIN: Duration = Duration::from_secs(5);

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
    /// Where mail that came back is recorded.
    pub returns: Arc<ReturnDesk>,
    pub api: ApiState,
    /// Whether nothing may be sent, and why.
    pub held: Held,
    /// Up to where losses of the log were accepted.
    pub lost_through: Position,
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
    frames: Frames,
    index: SharedIndex,
    returns: Arc<ReturnDesk>,
}

impl Parts {
    /// Connects, loads, wires.
    pub async fn build(config: Config, metrics: PrometheusHandle) -> Result<Self> {
        // Whatever can be found wrong without a neighbour is found before one is connected to.
        let webhook = Arc::new(WebhookChannel::try_new(&config.webhook)?);
        let channels = open_channels(&config, &webhook)?;
        let ledger = open_ledger(&config).await?;
        let vault = Vault::connect(vault_config(&config)).await.context("the vault (vault.url)")?;
        let artifacts = ArtifactStore::open(&config.artifacts)?;
        let lost_through = accepted_through(&ledger).await?;
        let held = held_back(&ledger, &config, lost_through).await?;
        let rest = CancellationToken::new();
        let tail = Arc::new(Tail::start(&ledger, TailConfig::default(), rest.clone()).await?);
        let (index, subscription) = index::load(&ledger, &tail).await?;
        let node = config.node.id.clone().unwrap_or_else(random_name);
        let frames = Frames::new(artifacts.clone(), config.artifacts.concurrent_renders);
        let returns = Arc::new(ReturnDesk::new(
            Arc::clone(&ledger),
            Arc::clone(&vault),
            config.returns.clone(),
        ));
        let ground = Ground { config, node, ledger, vault, artifacts, frames, index, returns };

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
        let api = api_state(&ground, &dispatcher, &intake, webhook, readiness, metrics.clone());
        let Ground { config, node, ledger, index, returns, .. } = ground;
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
            returns,
            api,
            held,
            lost_through,
            rest,
        })
    }
}

/// Everyone who reads the log, until `stop`.
pub fn all_followers(
    ledger: &Arc<Ledger>,
    config: &Config,
    stop: &CancellationToken,
    hear_ahead: HearAhead,
) -> Vec<Box<dyn Follower>> {
    let mirror = config.mirror.enabled.then(move || {
        let client = intake::kafka::client(&config.kafka);
        let mirror = Mirror::new(ledger, config.mirror.clone(), client, stop.clone(), hear_ahead);
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
    let all = all_followers(ledger, config, &CancellationToken::new(), Arc::new(|_| {}));
    all.iter().map(|follower| follower.name().to_owned()).collect()
}

fn random_name() -> String {
    format!("n{:06x}", rand::rng().random::<u32>() >> 8)
}

/// Nothing may be sent when the log is not the one we knew: some of what is due may have been sent already. What an
/// operator has given up counts as known no more.
async fn held_back(ledger: &Arc<Ledger>, config: &Config, lost_through: Position) -> Result<Held> {
    let held = Held::default();
    let file = identity_file(config);
    match ledger.verify_identity(&file).await? {
        Identity::Same | Identity::Unknown => {}
        Identity::RestoredBackup { stored, .. } if stored.position <= lost_through => {
            warn!("goes on without the events up to {lost_through}: their loss was accepted");
            let now = ledger.identity().await?;
            if let Some(hash) = now.event_hash {
                ledger.store_identity(&file, now.position, hash, clock::now()).await?;
            }
        }
        Identity::RestoredBackup { stored, .. } => held.hold(other_log(stored.position)),
    }
    if let Some(known) = ahead(ledger, config).await.filter(|known| *known > lost_through) {
        held.hold(behind_mirror(known));
    }
    Ok(held)
}

/// The mirror's last event, when the log does not hold it. A start does not wait for brokers that are away: the mirror
/// finds out as soon as they are back.
async fn ahead(ledger: &Arc<Ledger>, config: &Config) -> Option<Position> {
    if !config.mirror.enabled {
        return None;
    }
    let client = intake::kafka::client(&config.kafka);
    let view = MirrorView::new(ledger, &config.mirror, client);
    match timeout(ASK_MIRROR_WITHIN, view.ahead()).await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => {
            warn!("whether the mirror is ahead of the log is not known: {error}");
            None
        }
        Err(_) => {
            warn!("whether the mirror is ahead of the log is not known: Kafka does not answer");
            None
        }
    }
}

/// Each channel there is: a new one is registered here.
fn open_channels(config: &Config, webhook: &Arc<WebhookChannel>) -> Result<Vec<Arc<dyn Channel>>> {
    Ok(vec![
        Arc::new(EmailChannel::try_new(&config.mail)?),
        Arc::<WebhookChannel>::clone(webhook),
        Arc::new(InboxChannel),
    ])
}

fn dispatcher(ground: &Ground, channels: Vec<Arc<dyn Channel>>) -> Arc<Dispatcher> {
    let parts = DispatchParts {
        ledger: Arc::clone(&ground.ledger),
        vault: Arc::clone(&ground.vault),
        index: Arc::clone(&ground.index),
        artifacts: Arc::new(ground.artifacts.clone()),
        frames: ground.frames.clone(),
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
        (ChannelKind::Inbox, retry.inbox),
    ]);
    let near = Neighbours {
        ledger: Arc::clone(&ground.ledger),
        artifacts: ground.artifacts.clone(),
        frames: ground.frames.clone(),
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
    webhook: Arc<WebhookChannel>,
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
        frames: ground.frames.clone(),
        analyst: Arc::new(analyst(&ground.ledger, &ground.config)),
        reads: ground.ledger.pool().clone(),
        config: ground.config.api.clone(),
        inbox: ground.config.inbox.clone(),
        read_position: Arc::new(walls::Reached(readiness.checkpoints.clone())),
        readiness: Arc::new(readiness),
        deliveries: Arc::new(desk::Desk(DeliveryDesk::new(
            Arc::clone(&ground.ledger),
            Arc::clone(&ground.index),
            dispatcher.lease_ms(),
        ))),
        returns: Arc::clone(&ground.returns),
        address_rules: Arc::new(walls::Addresses(webhook)),
        metrics: Arc::new(move || metrics.render()),
    })
}
