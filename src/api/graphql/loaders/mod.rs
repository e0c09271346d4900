//! Looks things up in bulk: what many nodes ask for in one answer becomes one statement. Every key is looked up within
//! the caller's tenant, so that another tenant's row is not found rather than hidden.

mod gate;
mod log;
mod rows;
mod unseal;

pub use gate::Gate;
pub use log::{SlicesOf, TimelineOf};
pub use rows::{
    AddressesOf, DeliveryKey, DistributionKey, EntitlementsOf, GroupKey, MembershipsOf, OutcomesOf,
    RecipientKey, ReportKey, SubscriptionKey,
};
pub use unseal::{Opened, SealedKey};

use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, HashMapCache};
use futures::future::BoxFuture;
use schema::TenantId;

use super::limits::LOADER_BATCH;
use crate::state::ApiState;

/// Everything one tenant's callers may look up.
pub struct Rows {
    api: ApiState,
    tenant: TenantId,
}

/// Looks up one operation's rows, each once.
pub type Lookup = DataLoader<Rows, HashMapCache>;

impl Rows {
    /// Looks up for `tenant` only, in batches that `gate` gathers.
    #[must_use]
    pub fn lookup(api: ApiState, tenant: TenantId, gate: &Arc<Gate>) -> Lookup {
        let gate = Arc::clone(gate);
        let spawn = move |load: BoxFuture<'static, ()>| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                gate.gathered().await;
                // Handing results out makes the answer ask for more: that is work, too.
                gate.working(load).await;
            })
        };
        DataLoader::with_cache(Self { api, tenant }, spawn, HashMapCache::default())
            .delay(Duration::ZERO)
            .max_batch_size(LOADER_BATCH)
    }
}
