use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aggregates::recipient::Recipient;
use lru::LruCache;
use schema::events::DeliveryPlan;
use schema::{ChannelKind, TenantId, WebhookKeys};
use secrecy::SecretString;
use store::{Vault, VaultError};

use crate::SharedRoutingIndex;

/// Signing secrets kept at most.
const KEPT: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();
/// A secret is used for no longer than this without asking the vault.
const BELIEVED: Duration = Duration::from_secs(10);

/// Whose, and under which name the vault keeps it.
type Key = (TenantId, Name);

/// What the vault keeps there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// The secret a webhook was added with, and nothing else.
    Secret(String),
    /// Settings, secrets and headers as they were last set.
    Settings(String),
}

impl Name {
    fn as_str(&self) -> &str {
        let (Self::Secret(name) | Self::Settings(name)) = self;
        name
    }

    fn read(&self, kept: SecretString) -> Result<Arc<WebhookKeys>, VaultError> {
        let keys = match self {
            Self::Secret(_) => WebhookKeys::of_secret(kept),
            Self::Settings(name) => WebhookKeys::from_document(&kept)
                .map_err(|_| VaultError::Damaged { what: name.clone() })?,
        };
        Ok(Arc::new(keys))
    }
}

/// How webhooks are signed and what is sent along, for a short while, so that a burst of versions to one webhook asks
/// the vault once.
pub(crate) struct Secrets {
    index: SharedRoutingIndex,
    kept: Mutex<LruCache<Key, (Instant, Arc<WebhookKeys>)>>,
}

impl Secrets {
    pub(crate) fn new(index: SharedRoutingIndex) -> Self {
        Self { index, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The keys of the address a delivery goes to; nothing when it has none.
    pub(crate) async fn get(
        &self,
        vault: &Vault,
        tenant: &TenantId,
        plan: &DeliveryPlan,
    ) -> Result<Option<Arc<WebhookKeys>>, VaultError> {
        let Some(name) = self.name(tenant, plan) else { return Ok(None) };
        let key = (tenant.clone(), name);
        let kept = self.kept().get(&key).cloned();
        if let Some((since, keys)) = kept
            && since.elapsed() < BELIEVED
        {
            return Ok(Some(keys));
        }
        let since = Instant::now();
        let found = vault.secret(tenant, key.1.as_str()).await?;
        let Some(keys) = found.map(|found| key.1.read(found)).transpose()? else {
            return Ok(None);
        };
        self.kept().put(key, (since, Arc::clone(&keys)));
        Ok(Some(keys))
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
                .map(|name| (name.as_str().to_owned(), (tenant.clone(), name)))
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
            if let Some(found) = found.get(&name) {
                let keys = key.1.read(found.clone())?;
                kept.put(key, (since, keys));
            }
        }
        Ok(())
    }

    /// Where the vault keeps what belongs to a recipient's address: each adding of the address has a secret of its own,
    /// each setting of it a document of its own.
    fn name(&self, tenant: &TenantId, plan: &DeliveryPlan) -> Option<Name> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let Recipient::Active(known) = index.recipient(tenant, &plan.recipient) else {
            return None;
        };
        let address = known.address(&plan.address)?;
        Some(match &address.webhook {
            None => Name::Secret(address.secret_name(&plan.recipient)),
            Some(settings) => {
                Name::Settings(address.settings_name(&plan.recipient, &settings.keys))
            }
        })
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Key, (Instant, Arc<WebhookKeys>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
