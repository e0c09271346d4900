use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::Vault;
use super::cipher::{decode, derive, encode, mac};

/// What API keys' secrets are hashed for.
const API_KEYS: &str = "api key";

impl Vault {
    /// The keyed hash under which an API key's secret is kept, base64url.
    #[must_use]
    pub fn hash_api_secret(&self, secret: &str) -> String {
        self.sign(API_KEYS, secret.as_bytes())
    }

    /// Whether `secret` has this hash, in constant time.
    #[must_use]
    pub fn verify_api_secret(&self, secret: &str, hash: &str) -> bool {
        self.verify(API_KEYS, secret.as_bytes(), hash)
    }

    /// A signature for tokens in links, base64url. One purpose's signatures are worth nothing for another.
    #[must_use]
    pub fn sign(&self, purpose: &str, bytes: &[u8]) -> String {
        encode(mac(&derive(&self.tokens, purpose), bytes).as_ref())
    }

    /// Whether `tag` is the signature of `bytes` for `purpose`, in constant time.
    #[must_use]
    pub fn verify(&self, purpose: &str, bytes: &[u8], tag: &str) -> bool {
        let expected = mac(&derive(&self.tokens, purpose), bytes);
        decode(tag).is_some_and(|tag| verify_slices_are_equal(expected.as_ref(), &tag).is_ok())
    }
}
