//! The server's certificate: read at start, and again when its files change, so that a renewed one is used without a
//! restart. Files that do not fit each other never take the place of ones that did.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use schema::Invalid;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::ApiConfig;

const CERTIFICATE: &str = "api.tls_cert_file";
const KEY: &str = "api.tls_key_file";

/// What a handshake is answered with.
pub struct Tls {
    files: Files,
    check_every: Duration,
    now: RwLock<Arc<ServerConfig>>,
}

#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What tells a changed file: when and how large it is written.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// The certificate that the configuration names; nothing when it names none.
    ///
    /// # Errors
    /// [`Invalid`] naming the file that cannot be read or does not fit, and the rule.
    pub fn open(config: &ApiConfig) -> Result<Option<Arc<Self>>, Invalid> {
        let (Some(certificate), Some(key)) = (&config.tls_cert_file, &config.tls_key_file) else {
            return Ok(None);
        };
        let files = Files { certificate: certificate.clone(), key: key.clone() };
        let now = RwLock::new(Arc::new(files.read()?));
        let check_every = Duration::from_millis(config.tls_check_ms);
        Ok(Some(Arc::new(Self { files, check_every, now })))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reads the files again whenever they have changed. Connections under way keep what they began with.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut seen = self.files.stamps();
        while stop.run_until_cancelled(sleep(self.check_every)).await.is_some() {
            let stamps = self.files.stamps();
            if stamps != seen {
                seen = stamps;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        let result = match self.files.read() {
            Ok(config) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                info!("the API's new certificate is in use");
                "reloaded"
            }
            Err(wrong) => {
                error!(
                    "the API's certificate changed and is not used: {wrong}; the one before it stays"
                );
                "refused"
            }
        };
        metrics::counter!("waybill_tls_reloads_total", "result" => result).increment(1);
    }
}

impl Files {
    fn stamps(&self) -> Stamps {
        let stamp = |path: &Path| {
            let known = path.metadata().ok()?;
            Some((known.modified().ok()?, known.len()))
        };
        [stamp(&self.certificate), stamp(&self.key)]
    }

    fn read(&self) -> Result<ServerConfig, Invalid> {
        let wrong = |field: &str, path: &Path, rule: String| {
            Invalid::new(field, &path.display().to_string(), rule)
        };
        let pem = |kind: &str, error: &dyn std::fmt::Display| {
            format!("must be a PEM file with {kind}: {error}")
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| wrong(CERTIFICATE, &self.certificate, pem("the certificate chain", &e)))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|e| wrong(KEY, &self.key, pem("the private key", &e)))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(rustls::ConfigBuilder::<ServerConfig, _>::with_no_client_auth)
            .and_then(|config| config.with_single_cert(chain, key))
            .map_err(|error| {
                let rule = format!("must be the key of the certificate in {CERTIFICATE}: {error}");
                wrong(KEY, &self.key, rule)
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
