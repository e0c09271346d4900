//! A request that changes something: who asks, under which Idempotency-Key, on which state, in which trace.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schema::{Invalid, Metadata, Sha256};
use store::{CommandRecord, VaultError};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::IfMatch;
use crate::state::ApiState;
use crate::trace::TraceParent;

/// Longest Idempotency-Key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// The header's name (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What every change needs to know of its request.
#[derive(Clone, Debug)]
pub struct Change {
    /// Who asks.
    pub caller: Caller,
    /// Which state it is meant for.
    pub if_match: IfMatch,
    /// The caller's name for this request, if it gave one.
    pub key: Option<String>,
    /// W3C Trace Context.
    pub traceparent: String,
    /// Method, path and query.
    target: String,
}

impl Change {
    /// A part of this change that is a command of its own, whatever state things are in: it has the name of the whole
    /// with its own behind it.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let key = self.key.as_ref().map(|key| format!("{key}/{name}"));
        Self { key, if_match: IfMatch::Any, ..self.clone() }
    }

    /// What the events of this change say of their origin.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new(self.caller.tenant.clone(), self.caller.actor());
        metadata.command = self.command_id().map(|id| Sha256::of(id.as_bytes()).to_string());
        metadata.traceparent = Some(self.traceparent.clone());
        metadata
    }

    /// The id under which the command log keeps this request: the key, told apart by who called.
    #[must_use]
    pub fn command_id(&self) -> Option<String> {
        self.key.as_ref().map(|key| format!("{}/{key}", self.caller.actor()))
    }

    /// What tells this request from another one under the same key. Bodies have names and addresses in them, and the
    /// command log outlives an erasure: so it is keyed. Without a key nothing is kept, and the vault is not asked.
    ///
    /// # Errors
    /// The vault's.
    pub async fn digest(&self, api: &ApiState, body: &[u8]) -> Result<Sha256, VaultError> {
        let mut text = self.target.clone().into_bytes();
        text.push(0);
        text.extend_from_slice(Sha256::of(body).as_bytes());
        match self.key {
            Some(_) => api.vault.request_digest(&self.caller.tenant, &text).await,
            None => Ok(Sha256::of(&text)),
        }
    }

    /// What the command log is to keep; nothing without a key.
    #[must_use]
    pub fn record(&self, digest: Sha256, outcome: &str) -> Option<CommandRecord> {
        let id = self.command_id()?;
        Some(CommandRecord { id, body_sha256: digest, outcome: outcome.to_owned() })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Change {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let if_match = IfMatch::from_request_parts(parts, state).await?;
        let key = parts
            .headers
            .get(IDEMPOTENCY_KEY)
            .map(|value| checked(value.as_bytes()))
            .transpose()?;
        let traceparent = TraceParent::of(parts).to_string();
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let target = format!("{} {path}", parts.method);
        Ok(Self { caller, if_match, key, traceparent, target })
    }
}

fn checked(key: &[u8]) -> Result<String, Invalid> {
    let text = String::from_utf8_lossy(key);
    let printable = key.iter().all(|byte| (0x21..=0x7e).contains(byte));
    if printable && (1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Ok(text.into_owned());
    }
    let rule = format!("must be 1 to {MAX_KEY_BYTES} visible ASCII characters");
    Err(Invalid::new("Idempotency-Key", &text, rule))
}
