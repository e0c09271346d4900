use std::path::PathBuf;

use schema::Invalid;
use serde::Deserialize;

/// A key that mails are signed with. Key `mail.dkim`, a list of these; one of each kind is usual.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimKey {
    /// The domain that answers for the mail; the public key lies under `selector._domainkey.domain`.
    pub domain: String,
    /// Which of the domain's keys.
    pub selector: String,
    /// PEM file with the private key: ed25519, or RSA of 2,048 to 8,192 bits.
    pub key_file: PathBuf,
}

impl DkimKey {
    /// Domain and selector in their ASCII form.
    pub(super) fn names(&self) -> Result<(String, String), Invalid> {
        let ascii = |field: &str, given: &str| {
            let ascii = idna::domain_to_ascii_strict(given).ok().filter(|ascii| !ascii.is_empty());
            ascii.ok_or_else(|| Invalid::new(field, given, "must be a domain, or a part of one"))
        };
        Ok((ascii("mail.dkim.domain", &self.domain)?, ascii("mail.dkim.selector", &self.selector)?))
    }

    pub(in crate::email) fn wrong(&self) -> Option<Invalid> {
        self.names().err()
    }
}
