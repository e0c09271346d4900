use std::sync::{Arc, PoisonError, RwLock};

use schema::RecordedEvent;
use secrecy::ExposeSecret;
use sqlx::postgres::PgPool;
use tokio::sync::Notify;

use crate::append::Writers;
use crate::claim::Floors;
use crate::connect::{by_index, limited, planned_anew};
use crate::timely::Timely;
use crate::{LedgerConfig, StoreError, connect};

/// Told of each unit this process appended, after its commit and before its caller is answered. Must be quick.
pub type OnAppend = Arc<dyn Fn(&[RecordedEvent]) + Send + Sync>;

/// The log of events, the queues written with it and the commands that led to it.
pub struct Ledger {
    pub(crate) config: LedgerConfig,
    pub(crate) reads: PgPool,
    pub(crate) shared: PgPool,
    pub(crate) claims: PgPool,
    pub(crate) writers: Writers,
    pub(crate) floors: Floors,
    pub(crate) announcer: Arc<Announcer>,
}

impl Ledger {
    /// Connects to the ledger's database and starts its writers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer, [`StoreError::Database`] when it has no ledger.
    pub async fn connect(config: LedgerConfig) -> Result<Arc<Self>, StoreError> {
        let url = config.url.expose_secret();
        let limit_ms = config.statement_timeout_ms;
        let of = |name| Ok::<_, StoreError>(limited(connect::options(url, name)?, limit_ms));
        let reads = connect::pool(by_index(of("waybill-load")?), config.read_connections);
        let shared = connect::pool(planned_anew(of("waybill-read")?), config.read_connections);
        // A sort would read every due row before the first is claimed.
        let claims = by_index(of("waybill-claim")?).options([("enable_sort", "off")]);
        let claims = connect::pool(claims, config.claim_connections);
        sqlx::query("select position from events limit 0")
            .execute(Timely::new(&reads, limit_ms))
            .await?;
        let announcer = Arc::new(Announcer::default());
        let writers = Writers::start(&config, &announcer)?;
        Ok(Arc::new(Self {
            config,
            reads,
            shared,
            claims,
            writers,
            floors: Floors::default(),
            announcer,
        }))
    }

    /// Connections for loading streams and windows of the log.
    pub(crate) fn reads(&self) -> Timely<'_> {
        Timely::new(&self.reads, self.config.statement_timeout_ms)
    }

    /// Connections for claims and rare writes.
    pub(crate) fn claims(&self) -> Timely<'_> {
        Timely::new(&self.claims, self.config.statement_timeout_ms)
    }

    /// Connections for reading: for the own tables of projections, followers and queries.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.shared
    }

    /// From now on `observer` is told of every unit this process appends.
    pub fn on_append(&self, observer: OnAppend) {
        *self.announcer.observer.write().unwrap_or_else(PoisonError::into_inner) = Some(observer);
    }

    /// Finishes what is waiting, then closes every connection. Later appends get [`StoreError::Closed`].
    pub async fn close(&self) {
        self.writers.close().await;
        self.claims.close().await;
        self.reads.close().await;
        self.shared.close().await;
    }
}

/// Tells of what this process appended.
#[derive(Default)]
pub(crate) struct Announcer {
    observer: RwLock<Option<OnAppend>>,
    /// The tail need not wait for its next round.
    pub appended: Notify,
}

impl Announcer {
    pub fn announce(&self, events: &[RecordedEvent]) {
        if events.is_empty() {
            return;
        }
        let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(tell) = observer {
            tell(events);
        }
        self.appended.notify_one();
    }
}
