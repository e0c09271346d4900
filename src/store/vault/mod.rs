//! The vault: keys under which personal data is sealed, secrets of tenants, and keyed hashes. It does not know what a
//! value means, and it never logs one.

mod cache;
mod cipher;
mod error;
mod marks;
mod on_time_links;
mod preference_links;
mod queries;
mod ring;
mod rotate;
mod seal;
mod secrets;
mod tokens;
mod unsubscribe_links;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use schema::{DestinationKey, Invalid, Sha256, TenantId};
use secrecy::ExposeSecret;
use sqlx::postgres::PgPool;

use crate::timely::Timely;
use crate::{VaultConfig, connect};
use cache::KeyCache;
use cipher::{Box32, derive, mac};
use ring::Ring;
use rotate::token_place;

pub use error::{UnsealError, VaultError};
pub use on_time_links::OnTimeLink;
pub use preference_links::{PREFERENCE_LINK_MS, PreferenceLink};
pub use rotate::{EarlierTokens, RotationState};
pub use unsubscribe_links::UnsubscribeLink;

/// Tenants whose index key is kept in memory, at most.
const MAX_TENANTS: usize = 10_000;

/// The keys under which personal data is sealed, each wrapped by the master key, in a database of their own.
pub struct Vault {
    pool: PgPool,
    limit_ms: u64,
    ring: Ring,
    /// What verifies tokens; the first one signs.
    tokens: Vec<Box32>,
    cache: KeyCache,
    tenants: Mutex<HashMap<TenantId, Box32>>,
}

impl Vault {
    /// Connects, and proves that a configured master key is the vault's.
    ///
    /// # Errors
    /// [`VaultError::MasterKeyForm`], [`VaultError::WrongMasterKey`], [`VaultError::Unavailable`].
    pub async fn connect(config: VaultConfig) -> Result<Arc<Self>, VaultError> {
        let ring = Ring::try_new(&config)?;
        let options = connect::options(config.url.expose_secret(), "waybill-vault")?;
        let options = connect::limited(connect::by_index(options), config.statement_timeout_ms);
        let pool = connect::pool(options, config.connections);
        let limit_ms = config.statement_timeout_ms;
        let timely = Timely::new(&pool, limit_ms);
        let proof = queries::check(timely, ring.current().proof.bytes()).await?;
        if ring.proven_by(&proof).is_none() {
            return Err(VaultError::WrongMasterKey);
        }
        let tokens = token_keys(&ring, queries::token_keys(timely).await?)?;
        Ok(Arc::new(Self {
            pool,
            limit_ms,
            ring,
            tokens,
            cache: KeyCache::new(config.cached_subjects, config.cache_ttl_s),
            tenants: Mutex::new(HashMap::new()),
        }))
    }

    fn pool(&self) -> Timely<'_> {
        Timely::new(&self.pool, self.limit_ms)
    }

    /// HMAC of a value under the tenant's index key, base64url: what the look-up by address compares.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn index_tag(&self, tenant: &TenantId, clear: &str) -> Result<String, VaultError> {
        self.tenant_tag(tenant, "index", clear).await
    }

    /// The pseudonym of a destination (webhook host and port, mail domain) under the tenant's index key.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn destination_key(
        &self,
        tenant: &TenantId,
        clear: &str,
    ) -> Result<DestinationKey, VaultError> {
        let tag = self.tenant_tag(tenant, "destination", clear).await?;
        // A name begins with a letter or digit; base64url may not.
        DestinationKey::try_new(format!("d{tag}"))
            .map_err(|Invalid { field, .. }| VaultError::Damaged { what: field })
    }

    /// HMAC of a request under the tenant's index key: it tells one request from another, and whoever has it cannot try
    /// out which one it was.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn request_digest(
        &self,
        tenant: &TenantId,
        request: &[u8],
    ) -> Result<Sha256, VaultError> {
        let tag = mac(&derive(&self.tenant_key(tenant).await?, "request"), request);
        tag.as_ref().try_into().map(Sha256::from_bytes).map_err(|_| cipher::damaged("a digest"))
    }

    async fn tenant_tag(
        &self,
        tenant: &TenantId,
        purpose: &str,
        clear: &str,
    ) -> Result<String, VaultError> {
        let key = derive(&self.tenant_key(tenant).await?, purpose);
        Ok(cipher::encode(&mac(&key, clear.as_bytes()).as_ref()[..16]))
    }

    async fn tenant_key(&self, tenant: &TenantId) -> Result<Box32, VaultError> {
        let known =
            self.tenants.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let aad = tenant_place(tenant.as_str());
        let fresh = self.ring.wrap(&aad, Box32::random()?.bytes())?;
        let by = &self.ring.current().id;
        let wrapped = queries::tenant_key(self.pool(), tenant, &fresh, by).await?;
        let clear = self.ring.unwrap(&aad, &wrapped)?;
        let key = Box32::try_from_slice(&clear, &aad)?;
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= MAX_TENANTS {
            tenants.clear();
        }
        tenants.insert(tenant.clone(), key.clone());
        Ok(key)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The place of a tenant's key.
fn tenant_place(tenant: &str) -> String {
    format!("tenant {tenant}")
}

/// What verifies tokens: the keys of all master keys that are configured, and those kept of earlier ones.
fn token_keys(ring: &Ring, kept: Vec<(String, Vec<u8>)>) -> Result<Vec<Box32>, VaultError> {
    let mut keys = vec![ring.current().tokens.clone()];
    keys.extend(ring.previous().iter().map(|master| master.tokens.clone()));
    for (id, wrapped) in kept {
        let place = token_place(&id);
        let clear = ring
            .unwrap(&place, &wrapped)
            .map_err(|_| VaultError::ForeignKey { what: place.clone(), wrapped_by: None })?;
        let key = Box32::try_from_slice(&clear, &place)?;
        if !keys.iter().any(|known| known.bytes() == key.bytes()) {
            keys.push(key);
        }
    }
    Ok(keys)
}
