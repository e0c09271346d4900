use std::collections::BTreeMap;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Sha256, Timestamp, WebhookKeysId};

/// How much of a version a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookPayload {
    /// Attributes, and files as far as there is room.
    #[default]
    Full,
    /// Names, digests, and paths by which the rest is fetched.
    Thin,
}

impl WebhookPayload {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Full, Self::Thin];

    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Thin => "thin",
        }
    }
}

/// By which signatures of Standard Webhooks a receiver knows that it is us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookSigning {
    /// HMAC-SHA-256, by a secret that both sides have.
    #[default]
    V1,
    /// ed25519, by a key that only Waybill has.
    V1a,
    /// Both.
    Both,
}

impl WebhookSigning {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V1, Self::V1a, Self::Both];

    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1a => "v1a",
            Self::Both => "both",
        }
    }
}

/// What a receiver is shown that asks who calls (mutual TLS), as the ledger says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientCertificate {
    /// Digest of the certificate itself.
    pub sha256: Sha256,
    /// When it stops being valid (exclusive).
    pub expires_at: Timestamp,
}

/// How one webhook is sent to, as the ledger says it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookSettings {
    /// What the vault keeps secrets and header values under.
    pub keys: WebhookKeysId,
    /// How much is sent.
    pub payload: WebhookPayload,
    /// How it is signed.
    pub signing: WebhookSigning,
    /// Names of the headers that are sent along, in lower case, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The key that verifies `v1a` signatures: `whpk_` and 32 bytes in base64.
    pub public_key: String,
    /// Until when (exclusive) the keys before sign, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_until: Option<Timestamp>,
    /// Shown to a receiver that asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

/// A key, and until when it signs.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// `whsec_…` or `whsk_…`.
    pub key: SecretString,
    /// Until when (exclusive); until it is replaced, when absent.
    pub until: Option<Timestamp>,
}

impl SigningKey {
    /// A key that signs until it is replaced.
    #[must_use]
    pub const fn lasting(key: SecretString) -> Self {
        Self { key, until: None }
    }

    /// Whether it signs at `now`.
    #[must_use]
    pub fn signs(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|end| now < end)
    }
}

/// All that sending to one webhook takes besides its URL, in the clear and in memory only. The vault keeps it as one
/// document that never changes: other settings are another document.
#[derive(Clone, Debug, Default)]
pub struct WebhookKeys {
    /// How much is sent.
    pub payload: WebhookPayload,
    /// How it is signed.
    pub signing: WebhookSigning,
    /// For `v1`; what signs until it is replaced comes first.
    pub secrets: Vec<SigningKey>,
    /// For `v1a`; what signs until it is replaced comes first.
    pub private_keys: Vec<SigningKey>,
    /// Sent along; names in lower case.
    pub headers: BTreeMap<String, SecretString>,
    /// Shown to a receiver that asks for one: what the ledger says of it, chain and key in PEM.
    pub client: Option<(ClientCertificate, SecretString)>,
}

/// The vault's document.
#[derive(Serialize, Deserialize)]
struct Document {
    payload: WebhookPayload,
    signing: WebhookSigning,
    secrets: Vec<(String, Option<Timestamp>)>,
    private_keys: Vec<(String, Option<Timestamp>)>,
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<(ClientCertificate, String)>,
}

impl WebhookKeys {
    /// Those of a webhook that was never set otherwise.
    #[must_use]
    pub fn of_secret(secret: SecretString) -> Self {
        Self { secrets: vec![SigningKey::lasting(secret)], ..Self::default() }
    }

    /// As the vault keeps it.
    ///
    /// # Errors
    /// None that can happen: texts are JSON.
    pub fn to_document(&self) -> Result<SecretString, serde_json::Error> {
        let texts = |keys: &[SigningKey]| {
            keys.iter().map(|key| (key.key.expose_secret().to_owned(), key.until)).collect()
        };
        let header = |(name, value): (&String, &SecretString)| {
            (name.clone(), value.expose_secret().to_owned())
        };
        let document = Document {
            payload: self.payload,
            signing: self.signing,
            secrets: texts(&self.secrets),
            private_keys: texts(&self.private_keys),
            headers: self.headers.iter().map(header).collect(),
            client: self
                .client
                .as_ref()
                .map(|(told, pem)| (told.clone(), pem.expose_secret().to_owned())),
        };
        serde_json::to_string(&document).map(SecretString::from)
    }

    /// Reads what [`Self::to_document`] wrote.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_document(document: &SecretString) -> Result<Self, serde_json::Error> {
        let read: Document = serde_json::from_str(document.expose_secret())?;
        let keys = |texts: Vec<(String, Option<Timestamp>)>| {
            let key = |(key, until)| SigningKey { key: SecretString::from(key), until };
            texts.into_iter().map(key).collect()
        };
        let header = |(name, value)| (name, SecretString::from(value));
        Ok(Self {
            payload: read.payload,
            signing: read.signing,
            secrets: keys(read.secrets),
            private_keys: keys(read.private_keys),
            headers: read.headers.into_iter().map(header).collect(),
            client: read.client.map(|(told, pem)| (told, SecretString::from(pem))),
        })
    }
}
