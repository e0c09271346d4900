use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use schema::events::DeliveryPlan;
use schema::{AddressId, ChannelKind, RecipientId, TenantId};
use secrecy::SecretString;
use store::{Vault, VaultError};

/// Signing secrets kept at most.
const KEPT: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();
/// A secret that was changed elsewhere is used for no longer than this.
const BELIEVED: Duration = Duration::from_secs(10);

type Key = (TenantId, RecipientId, AddressId);

/// Webhooks' signing secrets, for a short while, so that a burst of versions to one webhook asks the vault once.
pub(crate) struct Secrets(Mutex<LruCache<Key, (Instant, SecretString)>>);

impl Secrets {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    /// The secret of the address a delivery goes to; nothing when it has none.
    pub(crate) async fn get(
        &self,
        vault: &Vault,
        tenant: &TenantId,
        plan: &DeliveryPlan,
    ) -> Result<Option<SecretString>, VaultError> {
        let key = key(tenant, plan);
        let kept = self.kept().get(&key).cloned();
        if let Some((since, secret)) = kept
            && since.elapsed() < BELIEVED
        {
            return Ok(Some(secret));
        }
        let since = Instant::now();
        let secret = vault.secret(tenant, &name(plan)).await?;
        if let Some(secret) = &secret {
            self.kept().put(key, (since, secret.clone()));
        }
        Ok(secret)
    }

    /// Fetches those of the plans' secrets that are not at hand, with one statement.
    pub(crate) async fn prefetch(
        &self,
        vault: &Vault,
        tenant: &TenantId,
        plans: &[&DeliveryPlan],
    ) -> Result<(), VaultError> {
        let since = Instant::now();
        let missing: HashMap<String, Key> = {
            let kept = self.kept();
            let wanted = plans.iter().filter(|plan| plan.channel == ChannelKind::Webhook);
            wanted
                .map(|plan| (name(plan), key(tenant, plan)))
                .filter(|(_, key)| kept.peek(key).is_none_or(|(at, _)| at.elapsed() >= BELIEVED))
                .collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = missing.keys().cloned().collect();
        let found = vault.secrets(tenant, &names).await?;
        let mut kept = self.kept();
        for (name, key) in missing {
            if let Some(secret) = found.get(&name) {
                kept.put(key, (since, secret.clone()));
            }
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Key, (Instant, SecretString)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(tenant: &TenantId, plan: &DeliveryPlan) -> Key {
    (tenant.clone(), plan.recipient.clone(), plan.address.clone())
}

/// Where the vault keeps the secret of a recipient's address.
fn name(plan: &DeliveryPlan) -> String {
    format!("recipient/{}/address/{}", plan.recipient, plan.address)
}
