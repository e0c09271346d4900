use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::Vault;
use super::cipher::{decode, derive, encode, mac};

/// What API keys' secrets are hashed for.
const API_KEYS: &str = "api key";
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 512;

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

    /// The token of a link: base64url of its words joined by `/`, a dot, the vault's signature of the same bytes. A
    /// word holds no `/`; a link that ends says when in one of its words.
    #[must_use]
    pub fn link_token(&self, purpose: &str, words: &[&str]) -> String {
        let said = words.join("/");
        let signature = self.sign(purpose, said.as_bytes());
        format!("{}.{signature}", encode(said.as_bytes()))
    }

    /// The words of a token that was made for this purpose; nothing for a forged one.
    #[must_use]
    pub fn read_link_token(&self, purpose: &str, token: &str) -> Option<Vec<String>> {
        let (said, signature) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
        let said = decode(said)?;
        if !self.verify(purpose, &said, signature) {
            return None;
        }
        Some(String::from_utf8(said).ok()?.split('/').map(str::to_owned).collect())
    }
}
