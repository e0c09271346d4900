use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::dns::Resolve;
use reqwest::{Body, Client, Identity, Response, Url, redirect};
use schema::{
    ChannelError, ChannelKind, ClearReceipt, FailureClass, Parcel, Proof, SendResult, SendStage,
    Sha256, Timestamp, WebhookKeys,
};
use secrecy::{ExposeSecret, SecretString};

use super::body::WatchedBody;
use super::client::Clients;
use super::guard::Blocked;
use super::payload::Payloads;
use super::resolver::{GuardedResolver, SystemResolver};
use super::retry_after::retry_after_ms;
use super::sign::Signer;
use super::trial::Trials;
use super::trouble::{refused, unanswered};
use super::{WebhookConfig, WebhookGuard};
use crate::reply::{self, REPLY_BYTES};
use crate::taxonomy::{http_class, http_code};
use crate::{Channel, SetupError, clock};

const USER_AGENT: &str = concat!("waybill/", env!("CARGO_PKG_VERSION"));
/// How much of a reply is read so that its connection can be used again; of this, 512 bytes are kept.
const DRAIN_BYTES: usize = 64 * 1024;
/// What [`Channel::timeout_ms`] adds to the configured limit, for what lies around the request.
const MARGIN_MS: u64 = 1_000;

/// The webhook channel.
pub struct WebhookChannel {
    client: Client,
    /// For webhooks that are shown a certificate of their own.
    clients: Clients,
    /// What a further client is made with.
    making: (WebhookConfig, GuardedResolver),
    guard: WebhookGuard,
    payloads: Payloads,
    pub(super) trials: Trials,
    timeout_ms: u64,
}

impl WebhookChannel {
    /// Checks the configuration and prepares the client. Blocks on reading certificates: call it at start.
    ///
    /// # Errors
    /// [`SetupError`] naming the key.
    pub fn try_new(config: &WebhookConfig) -> Result<Self, SetupError> {
        Self::try_with_resolver(config, Arc::new(SystemResolver))
    }

    /// As [`WebhookChannel::try_new`], with names resolved by `resolver`; the guard still checks what it answers.
    ///
    /// # Errors
    /// [`SetupError`] naming the key.
    pub fn try_with_resolver(
        config: &WebhookConfig,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, SetupError> {
        if let Some(wrong) = config.wrong_limits().into_iter().next() {
            return Err(wrong.into());
        }
        let guard = WebhookGuard::try_new(config)?;
        let resolver = GuardedResolver { guard: guard.clone(), inner: resolver };
        Ok(Self {
            client: client(config, resolver.clone(), None)?,
            clients: Clients::new(),
            making: (config.clone(), resolver),
            guard,
            payloads: Payloads::new(config.inline_limit_bytes, config.encoded_cache_bytes),
            trials: Trials::new(),
            timeout_ms: config.timeout_ms,
        })
    }

    /// The guard in use, for checking an address when it is registered.
    #[must_use]
    pub const fn guard(&self) -> &WebhookGuard {
        &self.guard
    }

    /// Signs a body as it leaves, posts it, and reads the answer. Knows nothing of what the body says: whoever has
    /// something else to tell a webhook than a report posts it here, too.
    ///
    /// # Errors
    /// [`ChannelError`], with how far it came.
    pub async fn post(&self, letter: Letter<'_>) -> SendResult {
        let url = self.url(letter.url.expose_secret())?;
        let (content_sha256, content_bytes) = (Sha256::of(&letter.body), letter.body.len() as u64);
        let response = self.answer(url, letter).await?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_ms = wait.and_then(|value| retry_after_ms(value, clock::unix_seconds()));
        let reply = read_reply(response).await;
        if status.is_success() {
            let (proof, status) = (Proof::Delivered, status.as_u16());
            return Ok(ClearReceipt { proof, status, content_sha256, content_bytes, reply });
        }
        let status = status.as_u16();
        Err(ChannelError {
            class: http_class(status),
            code: http_code(status),
            stage: SendStage::Refused,
            reply,
            retry_after_ms,
            address_gone: status == 410,
        })
    }

    /// The guard's word on where it goes.
    fn url(&self, address: &str) -> Result<Url, ChannelError> {
        self.guard.validate_url(address).map_err(|wrong| match Url::parse(address) {
            Ok(_) => refused(&Blocked(wrong.rule)),
            Err(_) => ChannelError::not_sent(FailureClass::RecipientPermanent, "address.invalid"),
        })
    }

    async fn answer(&self, url: Url, letter: Letter<'_>) -> Result<Response, ChannelError> {
        let timestamp = clock::unix_seconds();
        let now = Timestamp::from_unix_micros(timestamp.saturating_mul(1_000_000));
        let signer =
            Signer::of(letter.keys, now).map_err(|_| config_error("webhook.secret_invalid"))?;
        if signer.is_mute() {
            return Err(config_error("webhook.secret_missing"));
        }
        let signature = signer.signature(&letter.id, timestamp, &letter.body);
        let (body, taken) = WatchedBody::new(letter.body);
        let headers = own_headers(letter.keys)?;
        let (config, resolver) = &self.making;
        let build = |identity| client(config, resolver.clone(), Some(identity)).ok();
        let own = self.clients.of(letter.keys, now, build)?;
        let mut request = own.as_ref().unwrap_or(&self.client).post(url).headers(headers);
        request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", letter.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Body::wrap(body));
        if let Some(traceparent) = letter.traceparent {
            request = request.header("traceparent", traceparent);
        }
        request.send().await.map_err(|error| unanswered(&error, taken.load(Relaxed)))
    }
}

/// What is posted, in the clear and in memory only.
pub struct Letter<'a> {
    /// Where to.
    pub url: &'a SecretString,
    /// `webhook-id`: the same whenever the same is said again.
    pub id: String,
    /// JSON.
    pub body: Bytes,
    /// How it is signed and what is sent along.
    pub keys: &'a WebhookKeys,
    /// W3C Trace Context.
    pub traceparent: Option<&'a str>,
}

/// The headers that a webhook's owner wants sent along. Values are marked, so that no library prints them.
fn own_headers(keys: &WebhookKeys) -> Result<HeaderMap, ChannelError> {
    let header = |(name, value): (&String, &SecretString)| {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        let mut value = HeaderValue::try_from(value.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let headers: Option<HeaderMap> = keys.headers.iter().map(header).collect();
    headers.ok_or_else(|| config_error("webhook.header_invalid"))
}

#[async_trait]
impl Channel for WebhookChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }

    fn timeout_ms(&self) -> u64 {
        self.timeout_ms + MARGIN_MS
    }

    async fn send(&self, parcel: &Parcel) -> SendResult {
        let Some(keys) = parcel.webhook.as_deref() else {
            return Err(config_error("webhook.secret_missing"));
        };
        let body = self.payloads.body(parcel, keys.payload);
        let body = Bytes::from(body.map_err(|_| config_error("webhook.not_encoded"))?);
        self.post(Letter {
            url: &parcel.address,
            id: format!("msg_{}", parcel.delivery.as_uuid().simple()),
            body,
            keys,
            traceparent: parcel.traceparent.as_deref(),
        })
        .await
    }
}

fn client(
    config: &WebhookConfig,
    resolver: GuardedResolver,
    identity: Option<Identity>,
) -> Result<Client, SetupError> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .tcp_nodelay(true)
        .timeout(Duration::from_millis(config.timeout_ms))
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .pool_max_idle_per_host(config.idle_per_host)
        .pool_idle_timeout(Duration::from_millis(config.idle_limit_ms))
        .dns_resolver(Arc::new(resolver));
    if let Some(path) = &config.ca_file {
        let unreadable = |reason: String| SetupError::File {
            key: "webhook.ca_file",
            path: path.display().to_string(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| unreadable(error.to_string()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    let wrong =
        |error: reqwest::Error| SetupError::Tls { key: "webhook", reason: error.to_string() };
    builder.build().map_err(wrong)
}

/// The first 512 bytes of the reply. Its status is the proof: a body that breaks off takes nothing away from it.
async fn read_reply(mut response: Response) -> Option<String> {
    let (mut kept, mut read) = (Vec::new(), 0);
    while read < DRAIN_BYTES {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        read += chunk.len();
        let room = (REPLY_BYTES + 3).saturating_sub(kept.len()).min(chunk.len());
        kept.extend_from_slice(&chunk[..room]);
    }
    reply::clean(&kept)
}

pub(super) fn config_error(code: &str) -> ChannelError {
    ChannelError::not_sent(FailureClass::Config, code)
}
