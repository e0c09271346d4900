use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aggregates::recipient::Recipient;
use lru::LruCache;
use schema::events::DeliveryPlan;
use schema::{ChannelKind, TenantId};
use secrecy::SecretString;
use store::{Vault, VaultError};

use crate::SharedRoutingIndex;

/// Signing secrets kept at most.
const KEPT: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();
/// A secret is used for no longer than this without asking the vault.
const BELIEVED: Duration = Duration::from_secs(10);

/// Whose, and under which name the vault keeps it.
type Key = (TenantId, String);

/// Webhooks' signing secrets, for a short while, so that a burst of versions to one webhook asks the vault once.
pub(crate) struct Secrets {
    index: SharedRoutingIndex,
    kept: Mutex<LruCache<Key, (Instant, SecretString)>>,
}

impl Secrets {
    pub(crate) fn new(index: SharedRoutingIndex) -> Self {
        Self { index, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The secret of the address a delivery goes to; nothing when it has none.
    pub(crate) async fn get(
        &self,
        vault: &Vault,
        tenant: &TenantId,
        plan: &DeliveryPlan,
    ) -> Result<Option<SecretString>, VaultError> {
        let Some(name) = self.name(tenant, plan) else { return Ok(None) };
        let key = (tenant.clone(), name);
        let kept = self.kept().get(&key).cloned();
        if let Some((since, secret)) = kept
            && since.elapsed() < BELIEVED
        {
            return Ok(Some(secret));
        }
        let since = Instant::now();
        let secret = vault.secret(tenant, &key.1).await?;
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
        let wanted = plans.iter().filter(|plan| plan.channel == ChannelKind::Webhook);
        let names = wanted.filter_map(|plan| self.name(tenant, plan));
        let missing: HashMap<String, Key> = {
            let kept = self.kept();
            names
                .map(|name| (name.clone(), (tenant.clone(), name)))
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

    /// Where the vault keeps the secret of a recipient's address: each adding of the address has a secret of its own.
    fn name(&self, tenant: &TenantId, plan: &DeliveryPlan) -> Option<String> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let Recipient::Active(known) = index.recipient(tenant, &plan.recipient) else {
            return None;
        };
        let added = known.address(&plan.address)?.added;
        Some(format!("recipient/{}/address/{}/{added}", plan.recipient, plan.address))
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Key, (Instant, SecretString)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
