use std::sync::atomic::{AtomicBool, Ordering};

use aggregates::recipient::{Address, Command, Recipient, Rules};
use rand::Rng;
use schema::{
    AddressId, ChannelKind, Invalid, RecipientId, SigningKey, StreamId, TenantId, Timestamp,
    WebhookKeys, WebhookKeysId, WebhookSettings,
};
use secrecy::{ExposeSecret, SecretString};
use store::VaultError;

use crate::carry_out::{Plan, carry_out, load, replay};
use crate::change::Change;
use crate::clock::now;
use crate::error::{ApiError, Code};
use crate::outcome::{Done, answer};
use crate::state::ApiState;

/// How often it is begun anew because the address was changed meanwhile.
const MAX_SETTINGS: u32 = 4;
/// So many keys may sign at once: who rotates more often than they run out waits.
const MAX_SIGNING: usize = 4;

/// What was made for this change, to be told.
#[derive(Default)]
pub(super) struct Fresh {
    pub secret: Option<SecretString>,
    pub public: Option<String>,
    pub until: Option<Timestamp>,
}

/// A webhook that is to be set.
pub(super) struct Target<'a> {
    api: &'a ApiState,
    change: &'a Change,
    recipient: RecipientId,
    address: AddressId,
}

/// The next state of a webhook, its keys already in the vault.
struct Next {
    settings: WebhookSettings,
    fresh: Fresh,
}

impl<'a> Target<'a> {
    pub(super) fn try_new(
        api: &'a ApiState,
        change: &'a Change,
        recipient: String,
        address: String,
    ) -> Result<Self, ApiError> {
        let (recipient, address) = (RecipientId::try_new(recipient)?, AddressId::try_new(address)?);
        Ok(Self { api, change, recipient, address })
    }

    fn stream(&self) -> StreamId {
        StreamId::recipient(&self.change.caller.tenant, &self.recipient)
    }

    /// Sets the webhook as `choose` says of the keys that hold now. The vault has the keys before the event names them.
    pub(super) async fn set(
        &self,
        body: &[u8],
        choose: impl Fn(&WebhookKeys, Timestamp) -> Result<(WebhookKeys, Fresh), Invalid>,
    ) -> Result<Done, ApiError> {
        let digest = self.change.digest(self.api, body).await?;
        if let Some(done) = replay(self.api, self.change, &digest).await? {
            return Ok(done);
        }
        for _ in 0..MAX_SETTINGS {
            let loaded = load::<Rules>(self.api, &self.stream()).await?;
            self.change.if_match.check(loaded.sequence)?;
            let seen = found(&loaded.state, &self.address).cloned();
            let next = self.next(seen.as_ref(), &choose).await?;
            if let Some(done) = self.put(seen.as_ref(), next, body).await? {
                return Ok(done);
            }
        }
        let told = format!("{} is changed by too many at once", self.stream());
        Err(ApiError::new(Code::Overloaded, told))
    }

    /// Appends, unless the webhook is no longer the one that was seen.
    async fn put(
        &self,
        seen: Option<&Address>,
        next: Next,
        body: &[u8],
    ) -> Result<Option<Done>, ApiError> {
        let Next { settings, fresh } = next;
        let has_moved = AtomicBool::new(false);
        let command = |state: &Recipient| {
            let known = found(state, &self.address);
            if state_of(known) != state_of(seen) {
                has_moved.store(true, Ordering::Relaxed);
                return Err(ApiError::new(Code::Overloaded, "the webhook was changed meanwhile"));
            }
            let (address, settings) = (self.address.clone(), settings.clone());
            Ok(Command::ConfigureWebhook { address, settings })
        };
        let mut names = answer("recipient", self.recipient.as_str());
        names.insert("address".to_owned(), self.address.as_str().into());
        if let Some(until) = fresh.until {
            names.insert("public_key".to_owned(), settings.public_key.clone().into());
            names.insert("overlap_until".to_owned(), until.to_string().into());
        }
        let plan = Plan::of(self.stream(), body);
        let done = carry_out::<Rules>(self.api, self.change, plan, command, |_| names.clone());
        let done = done.await;
        if has_moved.into_inner() {
            return Ok(None);
        }
        Ok(Some(done?.showing(fresh.secret)))
    }

    async fn next(
        &self,
        seen: Option<&Address>,
        choose: impl Fn(&WebhookKeys, Timestamp) -> Result<(WebhookKeys, Fresh), Invalid>,
    ) -> Result<Next, ApiError> {
        let seen = seen.ok_or_else(|| ApiError::not_found("webhook", self.address.as_str()))?;
        let now = now();
        let tenant = &self.change.caller.tenant;
        let before = keys_of(self.api, tenant, &self.recipient, seen).await?;
        let (mut keys, mut fresh) = choose(&before, now)?;
        keys.secrets.retain(|key| key.signs(now));
        keys.private_keys.retain(|key| key.signs(now));
        if keys.secrets.len() > MAX_SIGNING {
            let told = format!("{MAX_SIGNING} secrets sign already: let one run out first");
            return Err(ApiError::refused("too_many_keys", told));
        }
        if keys.private_keys.is_empty() {
            let (private, public) = self.api.address_rules.generate_key_pair()?;
            keys.private_keys.push(SigningKey::lasting(private));
            fresh.public = Some(public);
        }
        let unchanged = written(&keys)?.expose_secret() == written(&before)?.expose_secret();
        if unchanged && let Some(settings) = seen.webhook.as_deref() {
            return Ok(Next { settings: settings.clone(), fresh });
        }
        let settings = self.settings(seen, &keys, &fresh)?;
        let name = seen.settings_name(&self.recipient, &settings.keys);
        self.api.vault.keep_secret(tenant, &name, &written(&keys)?).await?;
        Ok(Next { settings, fresh })
    }

    fn settings(
        &self,
        seen: &Address,
        keys: &WebhookKeys,
        fresh: &Fresh,
    ) -> Result<WebhookSettings, ApiError> {
        let before = seen.webhook.as_deref();
        let public_key = fresh.public.clone().or_else(|| Some(before?.public_key.clone()));
        let public_key = public_key.ok_or_else(|| {
            ApiError::new(Code::Internal, "a webhook has a private key and no public one")
        })?;
        let signing = keys.secrets.iter().chain(&keys.private_keys);
        Ok(WebhookSettings {
            keys: WebhookKeysId::try_new(format!("{:032x}", rand::rng().random::<u128>()))?,
            payload: keys.payload,
            signing: keys.signing,
            headers: keys.headers.keys().cloned().collect(),
            public_key,
            client_certificate: keys.client.as_ref().map(|(told, _)| told.clone()),
            overlap_until: signing.filter_map(|key| key.until).max(),
        })
    }
}

/// The keys of a webhook that hold now.
pub(super) async fn keys_of(
    api: &ApiState,
    tenant: &TenantId,
    recipient: &RecipientId,
    webhook: &Address,
) -> Result<WebhookKeys, ApiError> {
    let name = match webhook.webhook.as_deref() {
        None => webhook.secret_name(recipient),
        Some(settings) => webhook.settings_name(recipient, &settings.keys),
    };
    let Some(kept) = api.vault.secret(tenant, &name).await? else {
        return Ok(WebhookKeys::default());
    };
    if webhook.webhook.is_none() {
        return Ok(WebhookKeys::of_secret(kept));
    }
    let read = WebhookKeys::from_document(&kept);
    Ok(read.map_err(|_| VaultError::Damaged { what: name })?)
}

/// The webhook of this name, while it is in use.
pub(super) fn found<'s>(state: &'s Recipient, address: &AddressId) -> Option<&'s Address> {
    let Recipient::Active(known) = state else { return None };
    let found = known.address(address).filter(|found| found.endpoint.is_some())?;
    Some(found).filter(|found| found.channel == ChannelKind::Webhook)
}

/// What must not have changed between looking and setting.
fn state_of(address: Option<&Address>) -> Option<(u32, Option<&WebhookSettings>)> {
    address.map(|address| (address.added, address.webhook.as_deref()))
}

fn written(keys: &WebhookKeys) -> Result<SecretString, ApiError> {
    let written = keys.to_document();
    written.map_err(|_| ApiError::new(Code::Internal, "a webhook's keys cannot be written"))
}
