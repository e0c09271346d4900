//! HTTPS and gRPC over TLS, and a certificate that is renewed while the server runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::v1::ListReportsRequest;
use proto::v1::reports_client::ReportsClient;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use waybill_api::{ApiConfig, Tls};

use crate::support::Api;

/// A certificate for 127.0.0.1, and the files that name it.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self) -> CertifiedKey<KeyPair> {
        let made = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made
    }

    fn config(&self, config: &mut ApiConfig) {
        config.tls_cert_file = Some(self.path("cert.pem"));
        config.tls_key_file = Some(self.path("key.pem"));
        config.tls_check_ms = 100;
        config.header_timeout_ms = 500;
    }
}

async fn server(files: &Files) -> (Api, String, CancellationToken) {
    let api = Api::start_with(|config| files.config(config)).await;
    let tls = Tls::open(&api.state.config).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, router, config) =
        (CancellationToken::new(), api.router.clone(), api.state.config.clone());
    let (following, until, serving) = (Arc::clone(&tls), stop.clone(), stop.clone());
    tokio::spawn(async move { following.follow(until).await });
    tokio::spawn(async move {
        waybill_api::serve(listener, Some(tls), router, &config, serving).await.unwrap();
    });
    (api, address, stop)
}

/// Connects to a socket with `alpn`, trusting `made` alone.
async fn connector(made: &CertifiedKey<KeyPair>, alpn: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut config =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn is_trusted(address: &str, made: &CertifiedKey<KeyPair>) -> bool {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    connector(made, b"h2").await.connect(name, stream).await.is_ok()
}

#[tokio::test]
async fn rest_and_grpc_answer_over_tls_alone() {
    let files = Files::new();
    let made = files.write();
    let (api, address, stop) = server(&files).await;
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    let health = http.get(format!("https://{address}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    assert!(http.get(format!("http://{address}/healthz")).send().await.is_err());

    let (connector, to) = (connector(&made, b"h2").await, address.clone());
    let dial = tower::service_fn(move |_| {
        let (connector, to) = (connector.clone(), to.clone());
        async move {
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let stream = connector.connect(name, TcpStream::connect(to).await?).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let channel =
        Endpoint::from_static("http://waybill").connect_with_connector(dial).await.unwrap();
    let mut request = tonic::Request::new(ListReportsRequest::default());
    let bearer = format!("Bearer {}", api.key).parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let page = ReportsClient::new(channel).list(request).await.unwrap().into_inner();
    assert_eq!(page.rows, []);
    stop.cancel();
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_one_that_does_not_fit_is_not() {
    let files = Files::new();
    let first = files.write();
    let (_api, address, stop) = server(&files).await;
    assert!(is_trusted(&address, &first).await);

    let second = files.write();
    for _ in 0..100 {
        if is_trusted(&address, &second).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_trusted(&address, &second).await, "the renewed one is not used");

    let foreign = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(files.path("key.pem"), foreign.signing_key.serialize_pem()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(is_trusted(&address, &second).await, "it does not answer any more");
    stop.cancel();
}

#[tokio::test]
async fn a_handshake_that_never_begins_is_cut_off_and_holds_up_nobody() {
    let files = Files::new();
    let made = files.write();
    let (_api, address, stop) = server(&files).await;
    let mut silent = TcpStream::connect(&address).await.unwrap();
    assert!(is_trusted(&address, &made).await);
    let mut rest = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut rest);
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    assert!(ended.is_ok(), "the connection stayed open");
    stop.cancel();
}

#[test]
fn files_that_are_missing_broken_or_do_not_fit_are_named() {
    let files = Files::new();
    let config = || {
        let mut config = ApiConfig::default();
        files.config(&mut config);
        config
    };
    let refused = || Tls::open(&config()).err().map(|wrong| wrong.to_string()).unwrap();
    let starts = |text: &str, wanted: &str| assert!(text.starts_with(wanted), "{text}");
    assert!(refused().contains("api.tls_cert_file"), "{}", refused());
    files.write();
    assert!(Tls::open(&config()).unwrap().is_some());
    std::fs::write(files.path("key.pem"), "no key").unwrap();
    starts(&refused(), "api.tls_key_file");
    let foreign = generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    std::fs::write(files.path("key.pem"), foreign.signing_key.serialize_pem()).unwrap();
    assert!(refused().contains("must be the key of the certificate"), "{}", refused());

    let alone = ApiConfig { tls_key_file: None, ..config() };
    let named: Vec<_> = alone.wrong().into_iter().map(|wrong| wrong.field).collect();
    assert_eq!(named, ["api.tls_cert_file"]);
    assert!(Tls::open(&ApiConfig::default()).unwrap().is_none());
}
