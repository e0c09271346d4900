use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use reqwest::{Client, Identity};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use schema::{ChannelError, ClientCertificate, Invalid, Sha256, Timestamp, WebhookKeys};
use secrecy::{ExposeSecret, SecretString};
use x509_parser::parse_x509_certificate;

use super::send::config_error;

/// Clients with a certificate of their own that are kept, at most: each has its own connections.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Longest certificates or key, in bytes.
const MAX_PEM_BYTES: usize = 32 * 1024;
/// Certificates in a chain, at most.
const MAX_CHAIN: usize = 8;

/// A client certificate that was checked, with its key.
pub struct CheckedCertificate {
    /// What the ledger says of it.
    pub told: ClientCertificate,
    /// Chain and key in PEM.
    pub pem: SecretString,
}

/// Checks a client certificate (with those that lead from it to the root, in this order) and its private key, both in
/// PEM. What is wrong is told without the key.
///
/// # Errors
/// [`Invalid`] naming `certificate` or `key` and the rule: unreadable, expired, not yet valid, not of this key.
pub fn check_client_certificate(
    certificate: &str,
    key: &SecretString,
    now: Timestamp,
) -> Result<CheckedCertificate, Invalid> {
    let wrong = |rule: &str| Invalid::new("certificate", "…", rule);
    let wrong_key = |rule: &str| Invalid::new("key", "***", rule);
    let key_text = key.expose_secret();
    if certificate.len() > MAX_PEM_BYTES {
        return Err(wrong("must have at most 32 KiB"));
    }
    if key_text.len() > MAX_PEM_BYTES {
        return Err(wrong_key("must have at most 32 KiB"));
    }
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("must be one or more certificates in PEM"))?;
    let Some(leaf) = chain.first() else {
        return Err(wrong("must be one or more certificates in PEM"));
    };
    if chain.len() > MAX_CHAIN {
        return Err(wrong("must be at most 8 certificates"));
    }
    let told = told_of(leaf, now)?;
    let key = PrivateKeyDer::from_pem_slice(key_text.as_bytes())
        .map_err(|_| wrong_key("must be one private key in PEM, without a passphrase"))?;
    let key = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_| wrong_key("must be an RSA, ECDSA or ed25519 key"))?;
    CertifiedKey::new(chain, key)
        .keys_match()
        .map_err(|_| wrong_key("must be the key of the certificate: it is another one's"))?;
    let pem = format!("{}\n{}\n", certificate.trim(), key_text.trim());
    Ok(CheckedCertificate { told, pem: SecretString::from(pem) })
}

fn told_of(leaf: &CertificateDer<'_>, now: Timestamp) -> Result<ClientCertificate, Invalid> {
    let wrong = |rule: String| Invalid::new("certificate", "…", rule);
    let (_, parsed) = parse_x509_certificate(leaf)
        .map_err(|_| wrong("must be an X.509 certificate".to_owned()))?;
    let at = |seconds: i64| Timestamp::from_unix_micros(seconds.saturating_mul(1_000_000));
    let validity = parsed.validity();
    let (from, until) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
    if until <= now {
        return Err(wrong(format!("must be valid now: it expired at {until}")));
    }
    if now < from {
        return Err(wrong(format!("must be valid now: it is valid from {from} on")));
    }
    Ok(ClientCertificate { sha256: Sha256::of(leaf), expires_at: until })
}

/// Clients for webhooks that ask for a certificate, by its digest.
pub(super) struct Clients {
    kept: Mutex<LruCache<Sha256, Client>>,
}

impl Clients {
    pub fn new() -> Self {
        Self { kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The client of a webhook with a certificate; nothing for one that has none.
    pub fn of(
        &self,
        keys: &WebhookKeys,
        now: Timestamp,
        build: impl FnOnce(Identity) -> Option<Client>,
    ) -> Result<Option<Client>, ChannelError> {
        let Some((told, pem)) = &keys.client else { return Ok(None) };
        if told.expires_at <= now {
            return Err(config_error("webhook.client_certificate_expired"));
        }
        // By the document's own bytes: the same certificate may come with another chain.
        let name = Sha256::of(pem.expose_secret().as_bytes());
        if let Some(client) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Some(client.clone()));
        }
        let identity = Identity::from_pem(pem.expose_secret().as_bytes()).ok();
        let client = identity.and_then(build);
        let client = client.ok_or_else(|| config_error("webhook.client_certificate_invalid"))?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(name, client.clone());
        Ok(Some(client))
    }
}
