use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Personal data at rest: AES-256-GCM under its subject's own key. The key lives in another database; when it is
/// destroyed, what is here can no longer be read, and everything built over these bytes stays valid.
///
/// Two values are the same exactly when their tags are; [`PartialEq`] compares key and tag, never the ciphertext,
/// which differs each time.
#[derive(Clone, Debug, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sealed {
    /// Which of the subject's keys sealed it: 16 random bytes, base64url.
    pub key: String,
    /// Nonce (12 bytes), ciphertext and GCM tag (16 bytes), base64url without padding.
    #[serde(rename = "box")]
    pub ciphertext: String,
    /// HMAC-SHA-256 of the clear value under the subject's key, first 16 bytes, base64url: "same value again" stays
    /// decidable without the value.
    pub tag: String,
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.tag == other.tag
    }
}
