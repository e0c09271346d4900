use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use schema::{ChannelError, Parcel, SendResult, Timestamp, WebhookKeys};
use secrecy::SecretString;
use tokio_rustls::TlsAcceptor;

use super::super::check_client_certificate;
use super::{WebhookChannel, WebhookConfig, config, keys_of, to};
use crate::Channel;
use crate::testing::{Answer, Receiver, SECRET};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn now() -> Timestamp {
    Timestamp::from_unix_micros(crate::clock::unix_seconds() * 1_000_000)
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of this authority until the end of that year, and its key.
fn certificate(authority: &Authority, until: i32) -> (String, SecretString) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 12, 31);
    let made = params.signed_by(&key, authority).unwrap();
    (made.pem(), SecretString::from(key.serialize_pem()))
}

/// A receiver that asks for a certificate of this authority, and shows one itself.
async fn asking(authority: &Authority) -> (Receiver, tempfile::NamedTempFile) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let own = params.signed_by(&key, authority).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![own.der().clone()], private)
        .unwrap();
    let ca_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), authority.pem()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let answers = vec![Answer::status(200, "", "")];
    (Receiver::start_with(answers, Some(acceptor)).await, ca_file)
}

/// Sends with this certificate, which need not be valid.
async fn sent(authority: &Authority, keys: WebhookKeys) -> SendResult {
    let (receiver, ca_file) = asking(authority).await;
    let ca_file = Some(ca_file.path().to_owned());
    let channel = WebhookChannel::try_new(&WebhookConfig { ca_file, ..config() }).unwrap();
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    channel.send(&Parcel { webhook: Some(Arc::new(keys)), ..to(&url) }).await
}

fn with(client: Option<(schema::ClientCertificate, SecretString)>) -> WebhookKeys {
    WebhookKeys { client, ..(*keys_of(SECRET)).clone() }
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_certificate_is_shown_the_webhooks_own_and_none_is_no_delivery()
{
    let authority = authority();
    let (pem, key) = certificate(&authority, 2090);
    let checked = check_client_certificate(&pem, &key, now()).unwrap();
    let receipt = sent(&authority, with(Some((checked.told, checked.pem)))).await.unwrap();
    assert_eq!(receipt.status, 200);
    assert!(sent(&authority, with(None)).await.is_err());
    let (pem, key) = certificate(&self::authority(), 2090);
    let strangers = check_client_certificate(&pem, &key, now()).unwrap();
    assert!(sent(&authority, with(Some((strangers.told, strangers.pem)))).await.is_err());
}

#[tokio::test]
async fn a_certificate_that_has_expired_since_is_told_before_anything_leaves() {
    let authority = authority();
    let (pem, key) = certificate(&authority, 2090);
    let checked = check_client_certificate(&pem, &key, now()).unwrap();
    let told = schema::ClientCertificate { expires_at: now(), ..checked.told };
    let error: ChannelError = sent(&authority, with(Some((told, checked.pem)))).await.unwrap_err();
    assert_eq!(error.code, "webhook.client_certificate_expired");
    assert_eq!(error.stage, schema::SendStage::NotSent);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_with_the_reason_and_without_the_key() {
    let authority = authority();
    let (pem, key) = certificate(&authority, 2090);
    let (_, others) = certificate(&authority, 2090);
    let (expired, its_key) = certificate(&authority, 2021);
    let text = |text: &str| SecretString::from(text.to_owned());
    let refused = |pem: &str, key: &SecretString| {
        let wrong = check_client_certificate(pem, key, now()).err().unwrap();
        (wrong.field.clone(), wrong.to_string())
    };
    for (pem, key, field, rule) in [
        (pem.as_str(), &others, "key", "another one's"),
        (&expired, &its_key, "certificate", "it expired at 2021-12-31"),
        ("", &key, "certificate", "in PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            &key,
            "certificate",
            "X.509",
        ),
        (&pem, &text("no key"), "key", "in PEM"),
        (&"x".repeat(33_000), &key, "certificate", "32 KiB"),
    ] {
        let (at, told) = refused(pem, key);
        assert!(at == field && told.contains(rule), "{at}: {told}");
        assert!(!told.contains("PRIVATE KEY"), "{told}");
    }
    let early = Timestamp::from_unix_micros(1);
    let wrong = check_client_certificate(&pem, &key, early).err().unwrap();
    assert!(wrong.rule.contains("valid from 2020-01-01"), "{}", wrong.rule);
}
