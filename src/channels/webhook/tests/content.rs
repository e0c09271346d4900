use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use schema::{AttributeValue, Format, Parcel, Proof, Sha256};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::super::{check_secret, generate_secret};
use super::{WebhookChannel, WebhookConfig, channel, config, keys_of, parcel};
use crate::Channel;
use crate::testing::{Answer, Certified, Receiver, Request, SECRET, attachment, noise};

fn ok() -> Answer {
    Answer::status(200, "", "thanks")
}

pub(super) fn headers(request: &Request) -> HeaderMap {
    let pairs = request.headers.iter();
    let parsed =
        pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    parsed.collect()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn an_independent_verifier_accepts_the_signature() {
    let receiver = Receiver::start(vec![ok()]).await;
    let generated = generate_secret();
    check_secret(&generated).unwrap();
    for secret in [SECRET, generated.expose_secret()] {
        let mut parcel = parcel(&receiver);
        parcel.webhook = Some(keys_of(secret));
        let receipt = channel().send(&parcel).await.unwrap();
        let request = receiver.requests().pop().unwrap();
        let verifier = Webhook::new(secret).unwrap();
        verifier.verify(&request.body, &headers(&request)).unwrap();

        let mut tampered = request.body.clone();
        tampered[10] ^= 1;
        assert!(verifier.verify(&tampered, &headers(&request)).is_err());
        assert_eq!((receipt.proof, receipt.status), (Proof::Delivered, 200));
        assert_eq!(receipt.content_sha256, Sha256::of(&request.body));
        assert_eq!(receipt.content_bytes, request.body.len() as u64);
        assert_eq!(receipt.reply.as_deref(), Some("thanks"));
    }
}

#[tokio::test]
async fn the_request_says_what_it_carries() {
    let receiver = Receiver::start(vec![ok()]).await;
    let parcel = parcel(&receiver);
    channel().send(&parcel).await.unwrap();
    let request = receiver.requests().remove(0);
    assert_eq!(request.line, "POST /hooks?a=b HTTP/1.1");
    let id = format!("msg_{}", parcel.delivery.as_uuid().simple());
    for (name, wanted) in [
        ("content-type", "application/json"),
        ("user-agent", concat!("waybill/", env!("CARGO_PKG_VERSION"))),
        ("webhook-id", &id),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ] {
        assert_eq!(request.headers.get(name).map(String::as_str), Some(wanted), "{name}");
    }
    let content = STANDARD.encode(&parcel.attachments[0].content);
    assert_eq!(
        body(&request),
        json!({
            "type": "report.version.published",
            "timestamp": "2026-11-23T06:30:00.000000Z",
            "data": {
                "tenant": "acme",
                "report": "market-risk-daily",
                "version": "2026-11-23",
                "title": "Market risk, daily",
                "delivery": parcel.delivery.to_string(),
                "recipient": "r-17",
                "attributes": { "region": "emea" },
                "artifacts": [{
                    "name": "risk.csv",
                    "format": "csv",
                    "media_type": "text/csv; charset=utf-8",
                    "sha256": parcel.attachments[0].sha256.to_string(),
                    "size_bytes": 18,
                    "content_base64": content,
                }],
            },
        })
    );
}

#[tokio::test]
async fn each_attempt_has_the_same_body_and_id_and_is_signed_when_it_is_sent() {
    let receiver = Receiver::start(vec![ok()]).await;
    let channel = channel();
    let first = parcel(&receiver);
    channel.send(&first).await.unwrap();
    channel.send(&Parcel { attempt: 2, ..first }).await.unwrap();
    let [first, second] = receiver.requests().try_into().unwrap();
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    let now = crate::clock::unix_seconds();
    for attempt in [first, second] {
        let signed_at: i64 = attempt.headers["webhook-timestamp"].parse().unwrap();
        assert!((now - 60..=now).contains(&signed_at), "signed when it was sent");
    }
}

#[tokio::test]
async fn files_ride_along_while_there_is_room() {
    let receiver = Receiver::start(vec![ok()]).await;
    let config = WebhookConfig { inline_limit_bytes: 1_000, ..config() };
    let channel = WebhookChannel::try_new(&config).unwrap();
    let mut parcel = parcel(&receiver);
    parcel.attachments = [600, 500, 400]
        .map(|size| attachment(&format!("{size}.bin"), Format::Binary, noise(size)))
        .into();
    channel.send(&parcel).await.unwrap();
    let body = body(&receiver.requests()[0]);
    let inlined = |index: usize| body["data"]["artifacts"][index].get("content_base64").is_some();
    assert_eq!([inlined(0), inlined(1), inlined(2)], [true, false, true]);
    assert_eq!(body["data"]["artifacts"][1]["size_bytes"], 500);
}

#[tokio::test]
async fn any_text_is_json() {
    let receiver = Receiver::start(vec![ok()]).await;
    let mut parcel = parcel(&receiver);
    parcel.title = "\"quoted\" \\ \u{1} </script> 売上 🚢".to_owned();
    parcel.attributes.insert("n".to_owned(), AttributeValue::Int(-7));
    parcel.attributes.insert("b".to_owned(), AttributeValue::Bool(true));
    channel().send(&parcel).await.unwrap();
    let data = &body(&receiver.requests()[0])["data"];
    assert_eq!(data["title"], parcel.title);
    assert_eq!(data["attributes"], json!({ "b": true, "n": -7, "region": "emea" }));
}

#[tokio::test]
async fn connections_are_kept() {
    let receiver = Receiver::start(vec![ok()]).await;
    let channel = channel();
    for _ in 0..5 {
        channel.send(&parcel(&receiver)).await.unwrap();
    }
    assert_eq!((receiver.requests().len(), receiver.connections()), (5, 1));
}

#[tokio::test]
async fn https_is_verified_against_the_given_certificates() {
    let certified = Certified::new();
    let receiver = Receiver::start_with(vec![ok()], Some(certified.acceptor.clone())).await;
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    let error = channel().send(&super::to(&url)).await.unwrap_err();
    assert_eq!(error.code, "connect.tls");

    let ca_file = Some(certified.ca_file.path().to_owned());
    let config = WebhookConfig { ca_file, allow_http: false, ..config() };
    let receipt = WebhookChannel::try_new(&config).unwrap().send(&super::to(&url)).await.unwrap();
    assert_eq!(receipt.status, 200);
}
