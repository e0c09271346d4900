use std::path::Path;
use std::process::Command;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::MessageParser;
use schema::{Format, Parcel};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EmailChannel, EmailConfig, Script, config, parcel, relay};
use crate::email::DkimKey;
use crate::testing::{attachment, noise};
use crate::{Channel, SetupError};

/// The mail as a relay took it.
async fn sent(parcel: &Parcel, keys: &[DkimKey]) -> Vec<u8> {
    let relay = relay(Script::default()).await;
    let config = EmailConfig { dkim: keys.to_vec(), ..config(&relay) };
    EmailChannel::try_new(&config).unwrap().send(parcel).await.unwrap();
    relay.taken().remove(0).content
}

/// What Python's strict parser and dkimpy say of a mail.
#[expect(clippy::disallowed_methods, reason = "a test is told of its judge by the environment")]
fn judged(mail: &[u8], records: &Value) -> Value {
    let python = std::env::var("WAYBILL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = TempDir::new().unwrap();
    let (raw, dns) = (folder.path().join("mail"), folder.path().join("dns"));
    std::fs::write(&raw, mail).unwrap();
    std::fs::write(&dns, records.to_string()).unwrap();
    let mut command = Command::new(python);
    command.arg("email/tests/judge.py").arg(&raw);
    if *records != Value::Null {
        command.arg(&dns);
    }
    let judge = command.output().unwrap();
    assert!(judge.status.success(), "{}", String::from_utf8_lossy(&judge.stderr));
    serde_json::from_slice(&judge.stdout).unwrap()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

/// A key of each kind in a folder, and their records in DNS.
pub fn keys(folder: &Path) -> (Vec<DkimKey>, Value) {
    let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let ed25519 = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let rsa = RsaPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
    let key = |selector: &str, der: &[u8]| {
        let key_file = folder.join(selector);
        std::fs::write(&key_file, pem(der)).unwrap();
        DkimKey { domain: "acme.example".to_owned(), selector: selector.to_owned(), key_file }
    };
    let keys = vec![key("e1", document.as_ref()), key("r1", private.as_ref())];
    let record =
        |kind: &str, public: &[u8]| format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(public));
    let records = json!({
        "e1._domainkey.acme.example": record("ed25519", ed25519.public_key().as_ref()),
        "r1._domainkey.acme.example": record("rsa", public.as_ref()),
    });
    (keys, records)
}

/// Plain, without what may be left out, with all that must be encoded, with a large file.
fn parcels() -> Vec<Parcel> {
    let plain = parcel();
    let bare = Parcel {
        unsubscribe_url: None,
        preferences_url: None,
        traceparent: None,
        recipient_name: None,
        return_mark: None,
        on_time_urls: None,
        attachments: vec![],
        ..plain.clone()
    };
    let odd = Parcel {
        recipient_name: Some(SecretString::from("Ädä \"the countess\" Лавлейс".to_owned())),
        title: "Märkte, täglich: ein sehr langer Titel, der gefaltet werden muss, weil er lang ist 市場".to_owned(),
        attachments: vec![attachment("Märkte \"neu\" 市場.csv", Format::Csv, "a,ü\n")],
        ..plain.clone()
    };
    let attachments = vec![attachment("risk.pdf", Format::Pdf, noise(700_000))];
    let large = Parcel { attachments, ..plain.clone() };
    vec![plain, bare, odd, large]
}

#[tokio::test]
async fn pythons_strict_parser_and_mail_parser_find_nothing_to_complain_of() {
    for parcel in parcels() {
        let mail = sent(&parcel, &[]).await;
        let found = judged(&mail, &Value::Null);
        let parsed = MessageParser::default().parse(&mail).unwrap();
        assert_eq!(found["subject"].as_str(), parsed.subject());
        assert!(found["subject"].as_str().unwrap().contains(&parcel.title));
        let parts = found["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 2 + parcel.attachments.len());
        assert_eq!((&parts[0][0], &parts[1][0]), (&json!("text/plain"), &json!("text/html")));
        for (part, file) in parts[2..].iter().zip(&parcel.attachments) {
            assert_eq!(part[1], json!(file.name));
        }
    }
}

#[tokio::test]
async fn dkimpy_verifies_both_signatures_and_python_still_has_nothing_to_complain_of() {
    let folder = TempDir::new().unwrap();
    let (keys, records) = keys(folder.path());
    for parcel in parcels() {
        let mail = sent(&parcel, &keys).await;
        let found = judged(&mail, &records);
        let both = json!([["ed25519-sha256", true], ["rsa-sha256", true]]);
        assert_eq!(found["signatures"], both);
        assert_eq!(mail, sent(&parcel, &keys).await, "the same on every attempt");
    }
}

#[tokio::test]
async fn a_changed_mail_is_verified_no_more_nor_one_with_another_sender_added() {
    let folder = TempDir::new().unwrap();
    let (keys, records) = keys(folder.path());
    let mail = String::from_utf8(sent(&parcel(), &keys).await).unwrap();
    let neither = json!([["ed25519-sha256", false], ["rsa-sha256", false]]);
    let body = mail.replacen("Market", "Marked", 1);
    assert_ne!(body, mail);
    // As a header after the signatures, where a verifier looks first.
    let subject = mail.replacen("\r\nSubject: Market", "\r\nSubject: Marked", 1);
    assert_ne!(subject, mail);
    for changed in [body, subject, mail.replacen("acme.example>\r\nTo:", "acme.exampel>\r\nTo:", 1)]
    {
        assert_ne!(changed, mail);
        assert_eq!(judged(changed.as_bytes(), &records)["signatures"], neither);
    }
    let added = mail.replacen("\r\nTo:", "\r\nFrom: mallory@evil.example\r\nTo:", 1);
    let folder = TempDir::new().unwrap();
    let raw = folder.path().join("mail");
    std::fs::write(&raw, &added).unwrap();
    // Python's parser refuses two senders by itself, so dkimpy is asked alone.
    assert!(!verified_alone(&added, &records));
    assert!(verified_alone(&mail, &records));
}

/// Whether dkimpy verifies the first signature, asked without Python's own parser.
#[expect(clippy::disallowed_methods, reason = "a test is told of its judge by the environment")]
fn verified_alone(mail: &str, records: &Value) -> bool {
    const ASK: &str = "import dkim, json, sys; records = json.loads(sys.argv[2]); \
        text = lambda name: name.decode() if isinstance(name, bytes) else name; \
        found = lambda name, timeout=5: records[text(name).rstrip('.')].encode(); \
        sys.exit(0 if dkim.DKIM(open(sys.argv[1], 'rb').read()).verify(0, dnsfunc=found) else 1)";
    let python = std::env::var("WAYBILL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = TempDir::new().unwrap();
    let raw = folder.path().join("mail");
    std::fs::write(&raw, mail).unwrap();
    let mut command = Command::new(python);
    command.arg("-c").arg(ASK).arg(&raw).arg(records.to_string());
    command.status().unwrap().success()
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named_at_start() {
    let relay = relay(Script::default()).await;
    let folder = TempDir::new().unwrap();
    let start = |domain: &str, content: Option<&str>| {
        let key_file = folder.path().join("key");
        let _ = std::fs::remove_file(&key_file);
        if let Some(content) = content {
            std::fs::write(&key_file, content).unwrap();
        }
        let (domain, selector) = (domain.to_owned(), "s1".to_owned());
        let dkim = vec![DkimKey { domain, selector, key_file }];
        EmailChannel::try_new(&EmailConfig { dkim, ..config(&relay) }).err().unwrap()
    };
    for content in [None, Some("no key"), Some(pem(b"no key").as_str())] {
        let error = start("acme.example", content);
        assert!(matches!(&error, SetupError::File { key: "mail.dkim.key_file", .. }), "{error}");
    }
    let error = start("not a domain", Some("no key"));
    assert!(error.to_string().contains("mail.dkim.domain"), "{error}");
}
