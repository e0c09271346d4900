use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schema::Invalid;
use secrecy::{ExposeSecret, SecretString};

const PREFIX: &str = "whsec_";
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
    Signer::try_new(secret).map(|_| ())
}

/// Signs what goes to one destination.
pub struct Signer {
    key: hmac::Key,
}

impl Signer {
    pub fn try_new(secret: &SecretString) -> Result<Self, Invalid> {
        let rule = "must be whsec_ and 24 to 64 bytes in base64";
        let key = secret
            .expose_secret()
            .strip_prefix(PREFIX)
            .and_then(|key| STANDARD.decode(key).ok())
            .filter(|key| (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&key.len()))
            .ok_or_else(|| Invalid::new("secret", "…", rule))?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// The `webhook-signature` header: `v1,` and HMAC-SHA-256 of `{id}.{timestamp}.{body}` in base64.
    pub fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}
