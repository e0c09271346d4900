//! What the API needs of rooms it must not name. Boot puts dispatch, channels and the followers behind these.

use async_trait::async_trait;
use schema::events::{AnsweredVia, EntryMark, OnTimeAnswer, Resolution};
use schema::{
    ChannelKind, ClientCertificate, DeliveryId, Invalid, Metadata, Position, RecipientId,
    SendResult, Timestamp, WebhookKeys,
};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use store::{AppendError, CommandRecord, Precondition, Stale};
use utoipa::ToSchema;

use crate::error::ApiError;

/// An address as a channel wants it.
#[derive(Clone, Debug)]
pub struct CheckedAddress {
    /// In the form it is sent to: domains in lower case and ASCII.
    pub normalised: SecretString,
    /// Mail domain, or host and port: what limits and pauses speak of. Hashed before it is kept.
    pub destination: SecretString,
}

/// What is posted to a webhook to see what it answers.
pub struct TestLetter {
    /// Where to.
    pub url: SecretString,
    /// `webhook-id`.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
    /// How it is signed and what is sent along.
    pub keys: WebhookKeys,
}

/// What channels know of addresses.
#[async_trait]
pub trait AddressRules: Send + Sync {
    /// Checks an address for a channel.
    ///
    /// # Errors
    /// [`Invalid`] naming the rule.
    fn check(&self, channel: ChannelKind, text: &str) -> Result<CheckedAddress, Invalid>;

    /// A fresh secret to sign webhooks with (`whsec_…`).
    fn generate_secret(&self) -> SecretString;

    /// A fresh ed25519 key to sign webhooks with: what signs (`whsk_…`) and what verifies (`whpk_…`).
    ///
    /// # Errors
    /// [`Invalid`] when the system has no randomness.
    fn generate_key_pair(&self) -> Result<(SecretString, String), Invalid>;

    /// Checks a client certificate and its key, both in PEM: what the ledger says of it, and what the vault keeps.
    ///
    /// # Errors
    /// [`Invalid`] naming the rule, without the key.
    fn check_client_certificate(
        &self,
        certificate: &str,
        key: &SecretString,
        now: Timestamp,
    ) -> Result<(ClientCertificate, SecretString), Invalid>;

    /// Posts what is no delivery; nothing, where that host was tried a moment ago.
    async fn try_webhook(&self, letter: TestLetter) -> Option<SendResult>;
}

/// What came of an operator's order on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The delivery that goes on: the repetition, after a resend.
    pub delivery: DeliveryId,
    /// Where it can be read from; absent when there was nothing to do.
    pub position: Option<Position>,
}

/// Who gives an order, and which state of the delivery it is meant for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of the events. Its tenant must be the delivery's.
    pub metadata: Metadata,
    /// Checked on the state that is decided on.
    pub precondition: Precondition,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The tenant has no such delivery.
    #[error("there is no delivery {0}")]
    NotFound(DeliveryId),
    /// The delivery is not in the state the order is meant for.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The delivery's rules say no.
    #[error(transparent)]
    Refused(#[from] aggregates::delivery::Refusal),
    /// It was decided, but not appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The delivery cannot be read or written.
    #[error("{0}")]
    Damaged(String),
}

/// The record of a command whose outcome names a delivery that only the desk knows.
pub type RecordFor<'a> = &'a (dyn Fn(DeliveryId) -> Option<CommandRecord> + Send + Sync);

/// The desk where operators' orders on deliveries are carried out. The tenant is the metadata's: another tenant's
/// delivery does not exist.
#[async_trait]
pub trait DeliveryCommands: Send + Sync {
    /// Calls a delivery off that is not under way.
    ///
    /// # Errors
    /// [`OrderError`]
    async fn cancel(
        &self,
        delivery: DeliveryId,
        reason: String,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError>;

    /// Records what a recipient did with an entry of its inbox. Where `own` is named, there are no others.
    ///
    /// # Errors
    /// [`OrderError`]
    async fn mark(
        &self,
        delivery: DeliveryId,
        mark: EntryMark,
        own: Option<&RecipientId>,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError>;

    /// Records whether its recipient says that it came on time. Where `own` is named, there are no others.
    ///
    /// # Errors
    /// [`OrderError`]
    async fn answer(
        &self,
        delivery: DeliveryId,
        said: Said,
        own: Option<&RecipientId>,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError>;

    /// Sends a closed delivery once more, as a delivery of its own.
    ///
    /// # Errors
    /// [`OrderError`]
    async fn resend(
        &self,
        delivery: DeliveryId,
        asked: Asked,
        command: RecordFor<'_>,
    ) -> Result<Ordered, OrderError>;

    /// Records what a person found out about an attempt in doubt.
    ///
    /// # Errors
    /// [`OrderError`]
    async fn resolve(
        &self,
        delivery: DeliveryId,
        finding: Finding,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError>;
}

/// What a recipient says of when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it came on time.
    pub answer: OnTimeAnswer,
    /// Where it was asked.
    pub via: AnsweredVia,
}

/// What a person found out about an attempt in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which attempt.
    pub attempt: u32,
    /// Whether it arrived.
    pub resolution: Resolution,
    /// How they know.
    pub note: String,
}

/// One part of the process, and whether it does its work.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Whether it does its work.
    pub ok: bool,
    /// Whether reports cannot be taken without it.
    pub required: bool,
    /// Why it does not, in words that may be anyone's: no name, no number, nothing of what a neighbour said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Why it does not, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Numbers beside it: lag, who blocks, ….
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub facts: Map<String, Value>,
}

impl Part {
    /// A part that does its work.
    pub fn ok(name: impl Into<String>, required: bool) -> Self {
        let (name, facts) = (name.into(), Map::new());
        Self { name, ok: true, required, reason: None, detail: None, facts }
    }

    /// A part that does not; `reason` is for anyone to read.
    pub fn failed(name: impl Into<String>, required: bool, reason: &'static str) -> Self {
        Self { ok: false, reason: Some(reason), ..Self::ok(name, required) }
    }

    /// The same, with what only operators may read.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same, with nothing in it but what anyone may read.
    #[must_use]
    pub fn in_public(&self) -> Self {
        Self { detail: None, facts: Map::new(), ..self.clone() }
    }

    /// The same, with a fact.
    #[must_use]
    pub fn with(mut self, fact: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(fact.to_owned(), value.into());
        self
    }
}

/// What is known of the parts that the API does not see: the tail, artifacts, followers, Kafka intake, dispatch.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// The parts as they are now. Must answer within a second: a part that does not is one that failed.
    async fn parts(&self) -> Vec<Part>;

    /// Why nothing may be taken in, when nothing may: in words that may be anyone's.
    fn held(&self) -> Option<&'static str> {
        None
    }
}

/// How far the read models have come.
#[async_trait]
pub trait ReadPosition: Send + Sync {
    /// The position that this follower has made readable.
    async fn reached(&self, follower: &str) -> Result<Position, ApiError>;
}
