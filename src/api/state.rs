use std::ops::Deref;
use std::sync::{Arc, RwLock};

use aggregates::routing::RoutingIndex;
use analysis::Analyst;
use artifacts::ArtifactStore;
use intake::Intake;
use render::Frames;
use returns::ReturnDesk;
use sqlx::PgPool;
use store::{Ledger, Tail, Vault};
use tokio::sync::Semaphore;

use crate::ops::Latest;
use crate::walls::{AddressRules, DeliveryCommands, ReadPosition, Readiness};
use crate::{ApiConfig, InboxConfig};

/// The text of `/metrics`, made when asked for.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Streams of events under way at once, at most: each reads the log for itself.
const EVENT_STREAMS: usize = 16;

/// What handlers work with. Cheap to clone: one pointer.
#[derive(Clone)]
pub struct ApiState(Arc<Whole>);

struct Whole {
    parts: ApiParts,
    latest: Latest,
    event_streams: Arc<Semaphore>,
}

/// The parts, as boot puts them together.
pub struct ApiParts {
    /// The log and its queues.
    pub ledger: Arc<Ledger>,
    /// The log's end, for those who listen.
    pub tail: Arc<Tail>,
    /// Keys of personal data, secrets, signatures.
    pub vault: Arc<Vault>,
    /// Recipients, subscriptions, keys and pauses in memory.
    pub routing: Arc<RwLock<RoutingIndex>>,
    /// Where report versions go in.
    pub intake: Arc<Intake>,
    /// Where their files lie.
    pub artifacts: ArtifactStore,
    /// Who knows what their data frames were rendered to.
    pub frames: Frames,
    /// Who answers questions over many deliveries.
    pub analyst: Arc<Analyst>,
    /// Connections for read models.
    pub reads: PgPool,
    /// Bounds and addresses.
    pub config: ApiConfig,
    /// How long entries of inboxes are shown.
    pub inbox: InboxConfig,
    /// What is known of the other parts of the process.
    pub readiness: Arc<dyn Readiness>,
    /// How far the read models are.
    pub read_position: Arc<dyn ReadPosition>,
    /// Orders on deliveries.
    pub deliveries: Arc<dyn DeliveryCommands>,
    /// Where mail that came back is recorded.
    pub returns: Arc<ReturnDesk>,
    /// What channels know of addresses.
    pub address_rules: Arc<dyn AddressRules>,
    /// The text of `/metrics`.
    pub metrics: RenderMetrics,
}

impl ApiState {
    /// The state over these parts.
    #[must_use]
    pub fn new(parts: ApiParts) -> Self {
        let event_streams = Arc::new(Semaphore::new(EVENT_STREAMS));
        Self(Arc::new(Whole { parts, latest: Latest::default(), event_streams }))
    }

    /// Places for streams of events.
    pub(crate) fn event_streams(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.event_streams)
    }

    /// How the parts were when they were last asked.
    pub(crate) fn latest(&self) -> &Latest {
        &self.0.latest
    }
}

impl Deref for ApiState {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.0.parts
    }
}
