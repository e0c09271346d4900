use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aggregates::delivery::Lane;
use aggregates::routing::RoutingIndex;
use artifacts::ArtifactStore;
use bytes::Bytes;
use channels::Channel;
use futures::future::join_all;
use render::Frames;
use schema::events::{DeliveryEvent, DeliveryPlan};
use schema::{
    Actor, ChannelKind, DestinationKey, LedgerEvent, RecipientId, RecordedEvent, Sha256, TenantId,
};
use store::{Ledger, Vault};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::bells::Bells;
use crate::cache::Cache;
use crate::claim::Queue;
use crate::figures::Unrecorded;
use crate::permits::{Permit, Permits, Share};
use crate::secrets::Secrets;
use crate::start::{Send, Start};
use crate::versions::Versions;
use crate::{DispatchConfig, claim, figures, retiming, send};

/// The routing index as boot shares it with planning: fed by own appends and by the tail.
pub type SharedRoutingIndex = Arc<std::sync::RwLock<RoutingIndex>>;

/// What a channel gets beyond the time in which it promised to end by itself.
const GRACE: Duration = Duration::from_millis(250);
/// How often a node says that it is there.
const SEEN_EVERY: Duration = Duration::from_secs(1);
/// For how long it is believed.
const SEEN_FOR: Duration = Duration::from_secs(4);
/// How often gauges are set.
const FIGURES_EVERY: Duration = Duration::from_secs(1);
/// How often deliveries held past their deadline are counted.
const HELD_EVERY: Duration = Duration::from_secs(5);

/// What a dispatcher works with.
pub struct Parts {
    /// Where attempts are recorded and due deliveries are found.
    pub ledger: Arc<Ledger>,
    /// Opens addresses, seals replies, signs links.
    pub vault: Arc<Vault>,
    /// Who may be sent what, as known now.
    pub index: SharedRoutingIndex,
    /// The files of report versions.
    pub artifacts: Arc<ArtifactStore>,
    /// Data frames among them.
    pub frames: Frames,
    /// Every channel that is configured.
    pub channels: Vec<Arc<dyn Channel>>,
    /// This node's name, as it stands in `AttemptStarted`.
    pub node: String,
    /// Where recipients reach the API, without a slash at the end: unsubscribe links begin with it.
    pub public_url: String,
}

/// Sends what is due: claims it, records the attempt, sends, records the outcome.
pub struct Dispatcher {
    pub(crate) config: DispatchConfig,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) index: SharedRoutingIndex,
    pub(crate) artifacts: Arc<ArtifactStore>,
    pub(crate) frames: Frames,
    pub(crate) channels: HashMap<ChannelKind, Arc<dyn Channel>>,
    pub(crate) node: String,
    pub(crate) actor: Actor,
    pub(crate) public_url: String,
    pub(crate) lease_ms: u64,
    pub(crate) permits: Permits,
    pub(crate) versions: Versions,
    pub(crate) files: Cache<(TenantId, Sha256), Bytes>,
    pub(crate) secrets: Secrets,
    pub(crate) bells: Bells,
    pub(crate) unrecorded: Unrecorded,
    /// Whether no other node was seen of late.
    is_alone: AtomicBool,
    /// Outcomes that are not recorded by now stay unrecorded.
    pub(crate) give_up: CancellationToken,
}

impl Dispatcher {
    /// A dispatcher at rest: it gives permits and sends what it is handed, and claims once it [runs](Self::run).
    #[must_use]
    pub fn new(config: DispatchConfig, parts: Parts) -> Arc<Self> {
        let Parts { ledger, vault, index, artifacts, frames, channels, node, public_url } = parts;
        let longest_send_ms =
            channels.iter().map(|channel| channel.timeout_ms()).max().unwrap_or_default();
        Arc::new(Self {
            lease_ms: longest_send_ms + config.lease_margin_ms,
            permits: Permits::new(&config),
            versions: Versions::new(config.cached_versions),
            files: Cache::new(config.cached_artifact_bytes),
            secrets: Secrets::new(Arc::clone(&index)),
            bells: Bells::new(),
            unrecorded: Unrecorded::default(),
            is_alone: AtomicBool::new(false),
            give_up: CancellationToken::new(),
            channels: channels.into_iter().map(|channel| (channel.kind(), channel)).collect(),
            actor: Actor::new("node", &node),
            public_url: public_url.trim_end_matches('/').to_owned(),
            ledger,
            vault,
            index,
            artifacts,
            frames,
            node,
            config,
        })
    }

    /// How long the queue row of any started attempt may be leased, in milliseconds: the longest send of all channels
    /// and what surrounds it.
    #[must_use]
    pub const fn lease_ms(&self) -> u64 {
        self.lease_ms
    }

    /// How long an attempt on `channel` is leased at least: doubt about a webhook need not wait for mail's patience.
    #[must_use]
    pub fn lease_ms_of(&self, channel: ChannelKind) -> u64 {
        let own = self.channels.get(&channel).map(|channel| channel.timeout_ms());
        own.map_or(self.lease_ms, |longest_ms| longest_ms + self.config.lease_margin_ms)
    }

    /// How long a send on `channel` may take.
    pub(crate) fn longest_send(&self, channel: ChannelKind) -> Duration {
        let own = self.channels.get(&channel).map(|channel| channel.timeout_ms());
        Duration::from_millis(own.unwrap_or_default()) + GRACE
    }

    /// A permit for a first try, if one is free now. Never waits and never looks at the routing index, which the caller
    /// may hold: pauses are the caller's to look at.
    #[must_use]
    pub fn try_permit(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> Option<Permit> {
        self.permits.try_permit(Share::First, tenant, channel, destination)
    }

    /// Whether planning should keep pace with sending: no other node is there to take what has no permit here.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// First tries on a channel that the other side answered so far.
    #[must_use]
    pub fn answered_count(&self, channel: ChannelKind) -> u64 {
        self.permits.answered_count(channel)
    }

    /// Whether first tries like this one have a quarter of their tightest limit free.
    #[must_use]
    pub fn has_room(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> bool {
        self.permits.has_room(tenant, channel, destination)
    }

    /// Sends what is recorded as started. Call after the commit; returns at once.
    pub fn launch(self: &Arc<Self>, started: Vec<Start>) {
        self.send_all(started.into_iter().map(Send::from).collect());
    }

    /// Learns from what this process appended: facts of new versions, and that something is due. To be called from
    /// the ledger's `on_append` observer.
    pub fn observe(&self, events: &[RecordedEvent]) {
        let mut waiting = [0_i64; ChannelKind::ALL.len()];
        let mut scheduled = None;
        for recorded in events {
            self.versions.observe(recorded);
            figures::learned(recorded);
            let LedgerEvent::Delivery(event) = &recorded.event else { continue };
            match event {
                DeliveryEvent::DeliveryScheduled(plan) => {
                    waiting[plan.channel as usize] += 1;
                    scheduled = Some(plan.channel);
                }
                // Right behind its plan: it does not wait.
                DeliveryEvent::AttemptStarted { attempt: 1, .. } => {
                    if let Some(channel) = scheduled.take() {
                        waiting[channel as usize] -= 1;
                    }
                }
                _ => {}
            }
        }
        for channel in ChannelKind::ALL {
            if waiting[channel as usize] > 0 {
                self.bells.ring(Queue { lane: Lane::First, channel });
            }
        }
    }

    /// Claims and sends until `cancel`, then [shuts down](Self::shutdown).
    pub async fn run(self: Arc<Self>, cancel: CancellationToken) {
        info!(node = self.node, "dispatch begins, with leases of {} ms", self.lease_ms);
        let held_back = claim::HeldBack::default();
        let work = |queue| claim::work(&self, queue, &held_back, &cancel);
        tokio::join!(
            join_all(Queue::all().map(work)),
            claim::expire_paused(&self, &held_back, &cancel),
            self.keep_figures(&cancel),
            self.keep_company(&cancel),
            self.watch_held(&cancel),
            retiming::keep_times(&self, &cancel),
        );
        self.shutdown().await;
    }

    /// Gives no more permits, lets the sends under way end within the longest send timeout and records their outcomes:
    /// nothing is left in doubt. Then says good-bye to the other sides.
    pub async fn shutdown(&self) {
        self.permits.close();
        let longest = Duration::from_millis(self.lease_ms);
        if tokio::time::timeout(longest, self.permits.drained()).await.is_err() {
            let count = self.permits.all_in_use();
            warn!("{count} attempts did not end within {} ms", self.lease_ms);
            self.give_up.cancel();
        }
        for channel in self.channels.values() {
            channel.close().await;
        }
        info!(node = self.node, "dispatch ended");
    }

    /// Outcomes that wait in memory because the ledger does not take them.
    #[must_use]
    pub fn unrecorded_count(&self) -> u32 {
        self.unrecorded.count()
    }

    /// Spawns each send. The keys of many recipients are fetched at once before.
    pub(crate) fn send_all(self: &Arc<Self>, sends: Vec<Send>) {
        let dispatcher = Arc::clone(self);
        tokio::spawn(async move {
            dispatcher.fetch_keys(&sends).await;
            for send in sends {
                tokio::spawn(send::carry_out(Arc::clone(&dispatcher), send));
            }
        });
    }

    async fn fetch_keys(&self, sends: &[Send]) {
        let mut plans: HashMap<&TenantId, Vec<&DeliveryPlan>> = HashMap::new();
        for send in sends {
            if let Some(plan) = send.carried.state.plan() {
                plans.entry(&send.carried.tenant).or_default().push(plan);
            }
        }
        for (tenant, plans) in plans.into_iter().filter(|(_, plans)| plans.len() > 1) {
            let subjects: Vec<RecipientId> =
                plans.iter().map(|plan| plan.recipient.clone()).collect();
            let keys = self.vault.prefetch(tenant, &subjects);
            let secrets = self.secrets.prefetch(&self.vault, tenant, &plans);
            if let Err(error) = tokio::try_join!(keys, secrets) {
                warn!(%error, "keys are not at hand before they are needed: {error}");
            }
        }
    }

    /// Tells other nodes that this one is there, and looks who else is.
    async fn keep_company(&self, cancel: &CancellationToken) {
        let mut every = tokio::time::interval(SEEN_EVERY);
        while cancel.run_until_cancelled(every.tick()).await.is_some() {
            let others = self.ledger.see_nodes(&self.node, SEEN_FOR).await;
            if let Err(error) = &others {
                debug!(%error, "other nodes cannot be seen: {error}");
            }
            self.is_alone.store(matches!(others, Ok(0)), Ordering::Relaxed);
        }
        if let Err(error) = self.ledger.leave_nodes(&self.node).await {
            debug!(%error, "other nodes will miss this one for a while: {error}");
        }
    }

    /// A delivery that a person must settle is never closed by its deadline; that it has passed is told instead.
    async fn watch_held(&self, cancel: &CancellationToken) {
        let mut every = tokio::time::interval(HELD_EVERY);
        let mut told = 0;
        while cancel.run_until_cancelled(every.tick()).await.is_some() {
            // A ledger that is away has its own alarms.
            let Ok(count) = self.ledger.held_past_deadline().await else { continue };
            figures::held_past_deadline(count);
            if count > told {
                warn!("{count} deliveries are held past their deadline: did they arrive?");
            }
            told = count;
        }
    }

    async fn keep_figures(&self, cancel: &CancellationToken) {
        let mut every = tokio::time::interval(FIGURES_EVERY);
        while cancel.run_until_cancelled(every.tick()).await.is_some() {
            figures::permits(&self.permits);
            figures::unrecorded(&self.unrecorded);
        }
    }
}
