use std::process::Command;
use std::sync::Arc;

use schema::{Parcel, SigningKey, Timestamp, WebhookKeys, WebhookPayload, WebhookSigning};
use secrecy::SecretString;
use serde_json::Value;
use standardwebhooks::Webhook;

use super::super::{generate_key_pair, generate_secret};
use super::{channel, parcel};
use crate::Channel;
use crate::testing::{Answer, Receiver, Request, SECRET, captured};

/// Verifies with libsodium: a key, a signature and what it is of, in hexadecimal.
const JUDGE: &str = "
import sys, base64
from nacl.signing import VerifyKey
key, signature, signed = sys.argv[1:]
assert key.startswith('whpk_') and signature.startswith('v1a,')
VerifyKey(base64.b64decode(key[5:])).verify(bytes.fromhex(signed), base64.b64decode(signature[4:]))
";

#[expect(clippy::disallowed_methods, reason = "the judge is named by the environment")]
fn is_verified_by_libsodium(public_key: &str, signature: &str, request: &Request) -> bool {
    let python = std::env::var("WAYBILL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let (id, at) = (&request.headers["webhook-id"], &request.headers["webhook-timestamp"]);
    let signed = [format!("{id}.{at}.").as_bytes(), &request.body].concat();
    let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    let ran = Command::new(python).args(["-c", JUDGE, public_key, signature, &hex]).output();
    let ran = ran.unwrap();
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() || told.contains("BadSignatureError"), "{told}");
    ran.status.success()
}

fn text(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

/// What is received under these settings.
async fn received(keys: WebhookKeys) -> Request {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let parcel = Parcel { webhook: Some(Arc::new(keys)), ..parcel(&receiver) };
    channel().send(&parcel).await.unwrap();
    receiver.requests().remove(0)
}

fn signatures(request: &Request) -> Vec<&str> {
    request.headers["webhook-signature"].split(' ').collect()
}

#[tokio::test]
async fn libsodium_verifies_what_is_signed_v1a_and_no_other_key_does() {
    let ((private, public), (_, other)) =
        (generate_key_pair().unwrap(), generate_key_pair().unwrap());
    let keys = WebhookKeys {
        signing: WebhookSigning::V1a,
        private_keys: vec![SigningKey::lasting(private)],
        ..WebhookKeys::of_secret(text(SECRET))
    };
    let mut request = received(keys).await;
    let signature = request.headers["webhook-signature"].clone();
    assert!(is_verified_by_libsodium(&public, &signature, &request));
    assert!(!is_verified_by_libsodium(&other, &signature, &request));
    request.body[3] ^= 1;
    assert!(!is_verified_by_libsodium(&public, &signature, &request));
}

#[tokio::test]
async fn both_ways_of_signing_stand_beside_each_other() {
    let (private, public) = generate_key_pair().unwrap();
    let keys = WebhookKeys {
        signing: WebhookSigning::Both,
        private_keys: vec![SigningKey::lasting(private)],
        ..WebhookKeys::of_secret(text(SECRET))
    };
    let request = received(keys).await;
    let [v1, v1a] = signatures(&request).try_into().unwrap();
    assert!(v1.starts_with("v1,"));
    assert!(is_verified_by_libsodium(&public, v1a, &request));
}

#[tokio::test]
async fn while_keys_overlap_a_receiver_verifies_with_either_and_afterwards_with_the_later_one() {
    let later = generate_secret();
    let keys = |until: Timestamp| WebhookKeys {
        secrets: vec![
            SigningKey::lasting(later.clone()),
            SigningKey { key: text(SECRET), until: Some(until) },
        ],
        ..WebhookKeys::default()
    };
    let verified = |request: &Request, secret: &str| {
        let headers = super::content::headers(request);
        Webhook::new(secret).unwrap().verify(&request.body, &headers).is_ok()
    };
    let now = crate::clock::unix_seconds() * 1_000_000;
    let during = received(keys(Timestamp::from_unix_micros(now + 60_000_000))).await;
    assert_eq!(signatures(&during).len(), 2);
    let later = secrecy::ExposeSecret::expose_secret(&later);
    assert!(verified(&during, SECRET) && verified(&during, later));
    let after = received(keys(Timestamp::from_unix_micros(now - 1_000_000))).await;
    assert_eq!(signatures(&after).len(), 1);
    assert!(!verified(&after, SECRET) && verified(&after, later));
}

#[tokio::test]
async fn a_thin_payload_names_files_and_where_they_are_and_holds_nothing_of_them() {
    let thin = WebhookPayload::Thin;
    let keys = WebhookKeys { payload: thin, ..WebhookKeys::of_secret(text(SECRET)) };
    let body: Value = serde_json::from_slice(&received(keys).await.body).unwrap();
    let data = &body["data"];
    assert_eq!((data.get("attributes"), &data["version"]), (None, &"2026-11-23".into()));
    let file = &data["artifacts"][0];
    assert_eq!((file.get("content_base64"), &file["size_bytes"]), (None, &18.into()));
    let path = format!("/v1/artifacts/{}", file["sha256"].as_str().unwrap());
    assert_eq!(file["path"], path);
}

#[tokio::test]
async fn headers_of_ones_own_are_sent_and_logged_nowhere() {
    const CANARY: &str = "Bearer canary-7f3a";
    let headers = [("authorization".to_owned(), text(CANARY))].into();
    let keys = WebhookKeys { headers, ..WebhookKeys::of_secret(text(SECRET)) };
    assert!(!format!("{keys:?}").contains("canary"));
    let (request, log) = captured(received(keys)).await;
    assert_eq!(request.headers["authorization"], CANARY);
    assert!(log.contains("the log is on") && !log.contains("canary"), "{log}");
}

#[tokio::test]
async fn a_header_that_would_be_two_is_ours_to_mend() {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let headers = [("x-token".to_owned(), text("a\r\nhost: elsewhere"))].into();
    let keys = WebhookKeys { headers, ..WebhookKeys::of_secret(text(SECRET)) };
    let parcel = Parcel { webhook: Some(Arc::new(keys)), ..parcel(&receiver) };
    let error = channel().send(&parcel).await.unwrap_err();
    assert_eq!((error.code.as_str(), receiver.connections()), ("webhook.header_invalid", 0));
}

#[test]
fn what_the_vault_keeps_is_read_as_it_was_written() {
    let (private, _) = generate_key_pair().unwrap();
    let until = Some(Timestamp::from_unix_micros(7));
    let keys = WebhookKeys {
        payload: WebhookPayload::Thin,
        signing: WebhookSigning::Both,
        secrets: vec![SigningKey { key: text(SECRET), until }],
        private_keys: vec![SigningKey::lasting(private)],
        headers: [("x-token".to_owned(), text("t"))].into(),
        client: None,
    };
    let document = keys.to_document().unwrap();
    let again = WebhookKeys::from_document(&document).unwrap().to_document().unwrap();
    let exposed = secrecy::ExposeSecret::expose_secret;
    assert_eq!(exposed(&document), exposed(&again));
    assert!(exposed(&document).contains(SECRET));
}
