//! From a delivery to a parcel in the clear: the last question whether it may leave, then address, name, secret and
//! files. What comes out of here is never logged.

use std::sync::{Arc, PoisonError};

use aggregates::delivery::Command;
use aggregates::routing::{Authorised, Denied};
use schema::events::{DeliveryPlan, OnTimeAnswer, SuppressReason};
use schema::{
    ChannelError, ChannelKind, FailureClass, OnTimeUrls, Parcel, Sealed, StreamId, TenantId,
    Timestamp, WebhookKeys,
};
use secrecy::SecretString;
use store::{OnTimeLink, PREFERENCE_LINK_MS, UnsealError, UnsubscribeLink, VaultError};

use crate::files::attachments;
use crate::start::Send;
use crate::versions::{Version, VersionError};
use crate::{Dispatcher, trace};

/// A mail may be answered for so long after its deadline.
const ANSWERED_WITHIN_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// A parcel with what its outcome needs to know.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) parcel: Parcel,
    pub(crate) version: Arc<Version>,
}

/// Why nothing is sent.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The delivery ends here.
    Closed(Box<Command>),
    /// The attempt failed before anything left.
    Failed(ChannelError),
}

impl From<ChannelError> for Unsent {
    fn from(error: ChannelError) -> Self {
        Self::Failed(error)
    }
}

fn closed(command: Command) -> Unsent {
    Unsent::Closed(Box::new(command))
}

/// Makes the parcel. Nothing has left while this runs.
pub(crate) async fn prepare(
    dispatcher: &Dispatcher,
    send: &Send,
    plan: &DeliveryPlan,
    now: Timestamp,
) -> Result<Prepared, Unsent> {
    let attempt = send.carried.state.attempt_count();
    if now >= plan.deadline {
        return Err(closed(Command::Expire { attempt: Some(attempt), now }));
    }
    let tenant = &send.carried.tenant;
    authorise(dispatcher, tenant, plan, attempt, now)?;
    // The revision that was recorded is used, even if another one came in meanwhile.
    let Authorised { address, locale, name, .. } = &send.authorised;

    let version = dispatcher.versions.get(&dispatcher.ledger, plan.distribution).await;
    let version = version.map_err(version_error)?;
    still_selects(dispatcher, tenant, plan, attempt, &version)?;
    let recipient = StreamId::recipient(tenant, &plan.recipient);
    let at = |field: &str| format!("{recipient}#{field}");
    let place = at(&format!("address/{}", plan.address));
    let address = match address {
        Some(address) => unseal(dispatcher, send, plan, &place, address).await?,
        None => SecretString::default(),
    };
    let recipient_name = match name {
        Some(name) => Some(unseal(dispatcher, send, plan, &at("name"), name).await?),
        None => None,
    };
    let parcel = Parcel {
        delivery: send.carried.delivery,
        attempt,
        channel: plan.channel,
        tenant: tenant.clone(),
        address,
        webhook: webhook(dispatcher, tenant, plan).await?,
        recipient_name,
        recipient: plan.recipient.to_string(),
        locale: locale.clone(),
        report: plan.report.clone(),
        title: version.report.title.clone(),
        version: plan.version.clone(),
        received_at: plan.received_at,
        attributes: version.report.attributes.clone(),
        attachments: attachments(dispatcher, send, plan, &version.report).await?,
        unsubscribe_url: Some(unsubscribe_url(dispatcher, tenant, plan)),
        preferences_url: preferences_url(dispatcher, tenant, plan),
        return_mark: return_mark(dispatcher, send, plan),
        on_time_urls: on_time_urls(dispatcher, send, plan),
        traceparent: trace::outgoing(plan.channel, send.carried.traceparent.as_deref()),
    };
    Ok(Prepared { parcel, version })
}

/// Asks again. This node allowed it when the attempt was recorded, so a denial is news, not ignorance.
fn authorise(
    dispatcher: &Dispatcher,
    tenant: &TenantId,
    plan: &DeliveryPlan,
    attempt: u32,
    now: Timestamp,
) -> Result<(), Unsent> {
    let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
    index.authorise(tenant, plan, now).map(drop).map_err(|denied| denial(attempt, denied))
}

/// Asks what can only be asked once the version's attributes are at hand.
fn still_selects(
    dispatcher: &Dispatcher,
    tenant: &TenantId,
    plan: &DeliveryPlan,
    attempt: u32,
    version: &Version,
) -> Result<(), Unsent> {
    let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
    let selects = index.still_selects(tenant, plan, &version.report);
    selects.map_err(|denied| denial(attempt, denied))
}

fn denial(attempt: u32, denied: Denied) -> Unsent {
    let attempt = Some(attempt);
    closed(match denied {
        Denied::Cancel(reason) => Command::Cancel { attempt, reason },
        Denied::Suppress(reason) => Command::Suppress { attempt, reason },
    })
}

async fn unseal(
    dispatcher: &Dispatcher,
    send: &Send,
    plan: &DeliveryPlan,
    place: &str,
    sealed: &Sealed,
) -> Result<SecretString, Unsent> {
    let tenant = &send.carried.tenant;
    match dispatcher.vault.unseal(tenant, &plan.recipient, place, sealed).await {
        Ok(clear) => Ok(clear),
        Err(UnsealError::Erased) => Err(closed(Command::Suppress {
            attempt: Some(send.carried.state.attempt_count()),
            reason: SuppressReason::RecipientRetired,
        })),
        Err(UnsealError::WrongKey) => {
            Err(ChannelError::not_sent(FailureClass::Config, "vault.wrong_key").into())
        }
        Err(UnsealError::Vault(error)) => Err(vault_error(&error).into()),
    }
}

async fn webhook(
    dispatcher: &Dispatcher,
    tenant: &TenantId,
    plan: &DeliveryPlan,
) -> Result<Option<Arc<WebhookKeys>>, Unsent> {
    match plan.channel {
        ChannelKind::Mail | ChannelKind::Inbox => Ok(None),
        ChannelKind::Webhook => {
            let found = dispatcher.secrets.get(&dispatcher.vault, tenant, plan).await;
            Ok(found.map_err(|error| vault_error(&error))?)
        }
    }
}

fn unsubscribe_url(dispatcher: &Dispatcher, tenant: &TenantId, plan: &DeliveryPlan) -> String {
    let token = dispatcher.vault.unsubscribe_token(&UnsubscribeLink {
        tenant: tenant.clone(),
        subscription: plan.subscription.clone(),
        member: plan.group.as_ref().map(|_| plan.recipient.clone()),
    });
    format!("{}/u/{token}", dispatcher.public_url)
}

/// A mailbox is its recipient's own; who else reads along with a webhook nobody knows. It holds for so long after the
/// last moment at which the mail may leave, so that it is the same on every attempt.
fn preferences_url(
    dispatcher: &Dispatcher,
    tenant: &TenantId,
    plan: &DeliveryPlan,
) -> Option<String> {
    match plan.channel {
        ChannelKind::Mail => {
            let ends = plan.deadline.plus_ms(PREFERENCE_LINK_MS);
            let token = dispatcher.vault.preference_token(tenant, &plan.recipient, ends);
            Some(format!("{}/p/{token}", dispatcher.public_url))
        }
        ChannelKind::Webhook | ChannelKind::Inbox => None,
    }
}

/// An inbox asks at the entry itself, and what takes a webhook's request is no person. They are the same on every
/// attempt, as the mail is.
fn on_time_urls(dispatcher: &Dispatcher, send: &Send, plan: &DeliveryPlan) -> Option<OnTimeUrls> {
    if plan.channel != ChannelKind::Mail {
        return None;
    }
    let url = |answer| {
        let token = dispatcher.vault.on_time_token(&OnTimeLink {
            tenant: send.carried.tenant.clone(),
            delivery: send.carried.delivery,
            recipient: plan.recipient.clone(),
            answer,
            until: plan.deadline.plus_ms(ANSWERED_WITHIN_MS),
        });
        format!("{}/t/{token}", dispatcher.public_url)
    };
    Some(OnTimeUrls { on_time: url(OnTimeAnswer::OnTime), late: url(OnTimeAnswer::Late) })
}

/// Only mail comes back.
fn return_mark(dispatcher: &Dispatcher, send: &Send, plan: &DeliveryPlan) -> Option<String> {
    match plan.channel {
        ChannelKind::Mail => Some(dispatcher.vault.return_mark(send.carried.delivery)),
        ChannelKind::Webhook | ChannelKind::Inbox => None,
    }
}

fn version_error(error: VersionError) -> ChannelError {
    match error {
        VersionError::Unknown(_) => ChannelError::not_sent(FailureClass::Config, "version.unknown"),
        VersionError::Store(error) => {
            tracing::warn!(%error, "the facts of a version cannot be read: {error}");
            ChannelError::not_sent(FailureClass::Transient, "ledger.unavailable")
        }
    }
}

fn vault_error(error: &VaultError) -> ChannelError {
    tracing::warn!(%error, "the vault does not open what a send needs: {error}");
    let class = match error {
        VaultError::Unavailable(_) | VaultError::Database(_) => FailureClass::Transient,
        VaultError::MasterKeyForm
        | VaultError::PreviousKeyForm
        | VaultError::PreviousKeyRepeated
        | VaultError::ForeignKey { .. }
        | VaultError::Unfinished
        | VaultError::WrongMasterKey
        | VaultError::Damaged { .. } => FailureClass::Config,
    };
    ChannelError::not_sent(class, "vault.unavailable")
}
