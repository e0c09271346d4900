use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use aggregates::retry::Schedules;
use aggregates::routing::RoutingIndex;
use artifacts::ArtifactStore;
use lru::LruCache;
use render::Frames;
use schema::{Actor, DistributionId, Invalid};
use store::Ledger;
use tokio::sync::Notify;

use crate::{IntakeConfig, SendPermits};

/// So many versions that came in last are remembered, to see a repetition before it costs a plan.
const REMEMBERED_VERSIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// Who wants what, as this node knows it now. Boot loads it and feeds it.
pub type Routing = Arc<RwLock<RoutingIndex>>;

/// Whom intake works with.
#[derive(Clone)]
pub struct Neighbours {
    /// Where events go.
    pub ledger: Arc<Ledger>,
    /// Where files go.
    pub artifacts: ArtifactStore,
    /// Data frames among them.
    pub frames: Frames,
    /// Who wants what.
    pub routing: Routing,
    /// Who sends.
    pub permits: Arc<dyn SendPermits>,
    /// When to try again, by channel.
    pub schedules: Schedules,
}

/// Takes report versions in and plans them.
pub struct Intake {
    pub(crate) config: IntakeConfig,
    pub(crate) node: String,
    pub(crate) actor: Actor,
    pub(crate) near: Neighbours,
    /// Rung when a plan is left unfinished.
    pub(crate) unfinished: Notify,
    recent: Mutex<LruCache<DistributionId, ()>>,
}

impl Intake {
    /// Intake of the node called `node`: the same id that dispatch has.
    ///
    /// # Errors
    /// [`Invalid`] naming the key of a wrong value.
    pub fn try_new(config: IntakeConfig, node: &str, near: Neighbours) -> Result<Self, Invalid> {
        config.check()?;
        Ok(Self {
            config,
            node: schema::checked_line("node", node, 100)?,
            actor: Actor::new("node", node),
            near,
            unfinished: Notify::new(),
            recent: Mutex::new(LruCache::new(REMEMBERED_VERSIONS)),
        })
    }

    /// The store of artifacts, for whoever uploads before publishing.
    #[must_use]
    pub const fn artifacts(&self) -> &ArtifactStore {
        &self.near.artifacts
    }

    /// Never held across an await.
    pub(crate) fn routing(&self) -> RwLockReadGuard<'_, RoutingIndex> {
        // What the index holds is whole after each event; a panic elsewhere does not change that.
        self.near.routing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a version came in; says whether it did so a short while ago already.
    pub(crate) fn came_before(&self, distribution: DistributionId) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.put(distribution, ()).is_some()
    }
}
