//! The list of addresses that nothing is to be sent to, by keyed hash: what was imported, whoever has such an address
//! or will have it. Like the look-up by address it is no event and holds no address.

mod queries;

use schema::{TenantId, Timestamp};

use crate::{Ledger, StoreError};

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAddress {
    /// HMAC of the address under the tenant's index key, base64url ([`crate::Vault::index_tag`]).
    pub tag: String,
    /// Until when (exclusive); until it is taken off, when absent.
    pub until: Option<Timestamp>,
}

impl Ledger {
    /// Puts addresses on the list; one that is there stays for the longer of both times.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_addresses(
        &self,
        tenant: &TenantId,
        listed: &[ListedAddress],
    ) -> Result<(), StoreError> {
        Ok(queries::list(self.claims(), tenant, listed).await?)
    }

    /// Takes an address off the list. False when it was not on it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unlist_address(&self, tenant: &TenantId, tag: &str) -> Result<bool, StoreError> {
        Ok(queries::unlist(self.claims(), tenant, tag).await? > 0)
    }

    /// The entry of an address that holds at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn listed_address(
        &self,
        tenant: &TenantId,
        tag: &str,
        now: Timestamp,
    ) -> Result<Option<ListedAddress>, StoreError> {
        let found = queries::listed(self.reads(), tenant, tag, now).await?;
        let until = |until: Option<chrono::DateTime<chrono::Utc>>| until.map(Timestamp::from);
        Ok(found.map(|end| ListedAddress { tag: tag.to_owned(), until: until(end) }))
    }
}
