use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schema::{Invalid, Timestamp, WebhookKeys, WebhookSigning};
use secrecy::{ExposeSecret, SecretString};

const PREFIX: &str = "whsec_";
/// What an ed25519 key begins with that signs.
const PRIVATE: &str = "whsk_";
/// What an ed25519 key begins with that verifies.
const PUBLIC: &str = "whpk_";
/// Standard Webhooks v1: 24 to 64 bytes of secret.
const MIN_KEY_BYTES: usize = 24;
const MAX_KEY_BYTES: usize = 64;
/// What a new secret has.
const NEW_KEY_BYTES: usize = 32;

/// A new signing secret: `whsec_` and 32 random bytes in base64.
#[must_use]
pub fn generate_secret() -> SecretString {
    let key: [u8; NEW_KEY_BYTES] = rand::random();
    SecretString::from(format!("{PREFIX}{}", STANDARD.encode(key)))
}

/// Checks a signing secret given by a person.
///
/// # Errors
/// [`Invalid`] with the rule; never with the secret.
pub fn check_secret(secret: &SecretString) -> Result<(), Invalid> {
    hmac_key(secret).map(drop)
}

/// A fresh key for `v1a`: what signs (`whsk_`, seed and public key in base64) and what verifies (`whpk_`).
///
/// # Errors
/// [`Invalid`] when the system has no randomness.
pub fn generate_key_pair() -> Result<(SecretString, String), Invalid> {
    let broken = || Invalid::new("signing", "v1a", "no key could be made: no randomness");
    let seed: [u8; 32] = rand::random();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| broken())?;
    let public = pair.public_key().as_ref();
    let private = STANDARD.encode([&seed, public].concat());
    Ok((
        SecretString::from(format!("{PRIVATE}{private}")),
        format!("{PUBLIC}{}", STANDARD.encode(public)),
    ))
}

/// Signs what goes to one destination, by every key that signs now.
pub struct Signer {
    keys: Vec<Key>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every webhook has one key, of the large kind"
)]
enum Key {
    Hmac(hmac::Key),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// The signer of a webhook at `now`.
    ///
    /// # Errors
    /// [`Invalid`] with the rule that a key breaks; never with the key.
    pub fn of(keys: &WebhookKeys, now: Timestamp) -> Result<Self, Invalid> {
        let (v1, v1a) = match keys.signing {
            WebhookSigning::V1 => (true, false),
            WebhookSigning::V1a => (false, true),
            WebhookSigning::Both => (true, true),
        };
        let secrets = keys.secrets.iter().filter(|key| v1 && key.signs(now));
        let private = keys.private_keys.iter().filter(|key| v1a && key.signs(now));
        let secrets = secrets.map(|key| hmac_key(&key.key).map(Key::Hmac));
        let private = private.map(|key| private_key(&key.key).map(|key| Key::Ed25519(key.into())));
        Ok(Self { keys: secrets.chain(private).collect::<Result<_, _>>()? })
    }

    /// Whether there is no key.
    pub const fn is_mute(&self) -> bool {
        self.keys.is_empty()
    }

    /// The `webhook-signature` header, signatures of `{id}.{timestamp}.{body}` with a space between them: `v1,` and an
    /// HMAC-SHA-256, `v1a,` and an ed25519 signature (RFC 8032), both in base64.
    pub fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        let mut whole = Vec::new();
        let mut signatures = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            signatures.push(match key {
                Key::Hmac(key) => {
                    let mut context = hmac::Context::with_key(key);
                    context.update(head.as_bytes());
                    context.update(body);
                    format!("v1,{}", STANDARD.encode(context.sign()))
                }
                Key::Ed25519(pair) => {
                    if whole.is_empty() {
                        whole = [head.as_bytes(), body].concat();
                    }
                    format!("v1a,{}", STANDARD.encode(pair.sign(&whole)))
                }
            });
        }
        signatures.join(" ")
    }
}

fn hmac_key(secret: &SecretString) -> Result<hmac::Key, Invalid> {
    let rule = "must be whsec_ and 24 to 64 bytes in base64";
    let key = secret
        .expose_secret()
        .strip_prefix(PREFIX)
        .and_then(|key| STANDARD.decode(key).ok())
        .filter(|key| (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&key.len()))
        .ok_or_else(|| Invalid::new("secret", "…", rule))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

fn private_key(secret: &SecretString) -> Result<Ed25519KeyPair, Invalid> {
    let bytes =
        secret.expose_secret().strip_prefix(PRIVATE).and_then(|key| STANDARD.decode(key).ok());
    let pair = bytes.as_deref().and_then(|bytes| {
        let (seed, public) = bytes.split_at_checked(32)?;
        Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()
    });
    let rule = "must be whsk_ and seed and public key of ed25519, 64 bytes in base64";
    pair.ok_or_else(|| Invalid::new("private_key", "…", rule))
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}
