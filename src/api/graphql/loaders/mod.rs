//! Looks things up in bulk: what many nodes ask for in one answer becomes one statement. Every key is looked up within the
//! caller's tenant, so that another tenant's row is not found rather than hidden.

mod log;
mod rows;
mod unseal;

pub use log::{SlicesOf, TimelineOf};
pub use rows::{
    AddressesOf, DeliveryKey, DistributionKey, EntitlementsOf, OutcomesOf, RecipientKey, ReportKey,
    SubscriptionKey,
};
pub use unseal::{Opened, SealedKey};

use schema::TenantId;

use crate::state::ApiState;

/// Everything one tenant's callers may look up.
pub struct Rows {
    api: ApiState,
    tenant: TenantId,
}

impl Rows {
    /// Looks up for `tenant` only.
    #[must_use]
    pub const fn new(api: ApiState, tenant: TenantId) -> Self {
        Self { api, tenant }
    }
}
