use schema::FailureClass::{
    self, Auth, Config, Content, InDoubt, RecipientPermanent, Throttled, Transient,
};
use schema::{ChannelError, Format, Proof, SendStage};

use super::{WebhookChannel, WebhookConfig, channel, config, keys_of, parcel, to};
use crate::Channel;
use crate::testing::{Answer, Receiver, attachment, noise};

async fn failure(answer: Answer) -> ChannelError {
    let receiver = Receiver::start(vec![answer]).await;
    channel().send(&parcel(&receiver)).await.unwrap_err()
}

fn about(error: &ChannelError) -> (FailureClass, &str, SendStage) {
    (error.class, &error.code, error.stage)
}

#[tokio::test]
async fn every_2xx_is_delivered() {
    for (status, body, reply) in [(200, "ok", Some("ok")), (201, "", None), (202, "", None)] {
        let receiver = Receiver::start(vec![Answer::status(status, "", body)]).await;
        let receipt = channel().send(&parcel(&receiver)).await.unwrap();
        assert_eq!((receipt.proof, receipt.status), (Proof::Delivered, status));
        assert_eq!(receipt.reply.as_deref(), reply);
    }
    let receiver = Receiver::start(vec![Answer::Raw("HTTP/1.1 204 X\r\n\r\n".to_owned())]).await;
    assert_eq!(channel().send(&parcel(&receiver)).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_refusal_is_read_by_its_status() {
    for (status, class, code) in [
        (400, Content, "http.400"),
        (401, Auth, "http.401"),
        (404, Config, "http.404"),
        (429, Throttled, "http.429"),
        (500, Transient, "http.500"),
        (503, Transient, "http.503"),
    ] {
        let error = failure(Answer::status(status, "", "why not")).await;
        assert_eq!(about(&error), (class, code, SendStage::Refused));
        assert_eq!(error.reply.as_deref(), Some("why not"));
        assert!(!error.address_gone);
    }
}

#[tokio::test]
async fn gone_is_for_good() {
    let error = failure(Answer::status(410, "", "")).await;
    assert_eq!(about(&error), (RecipientPermanent, "http.410", SendStage::Refused));
    assert!(error.address_gone);
}

#[tokio::test]
async fn the_other_side_may_ask_for_time() {
    for (header, wanted) in
        [("retry-after: 7\r\n", Some(7_000)), ("retry-after: nonsense\r\n", None), ("", None)]
    {
        assert_eq!(failure(Answer::status(503, header, "")).await.retry_after_ms, wanted);
    }
    let date = "retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
    let error = failure(Answer::status(429, date, "")).await;
    assert!(error.retry_after_ms > Some(1_000_000), "{:?}", error.retry_after_ms);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Receiver::start(vec![Answer::status(200, "", "")]).await;
    for status in [301, 302, 303, 307, 308] {
        let header = format!("location: {}\r\n", other.url("/stolen"));
        let error = failure(Answer::status(status, &header, "")).await;
        assert_eq!(about(&error), (Config, "http.redirect", SendStage::Refused));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_has_sent_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = channel().send(&to(&url)).await.unwrap_err();
    assert_eq!(about(&error), (Transient, "connect.refused", SendStage::NotSent));

    let error = channel().send(&to("http://receiver.invalid:8080/")).await.unwrap_err();
    assert_eq!(about(&error), (Transient, "connect.dns", SendStage::NotSent));

    // Clear text where TLS is expected.
    let receiver = Receiver::start(vec![Answer::HangUp]).await;
    let url = format!("https://{}/", receiver.address);
    let error = channel().send(&to(&url)).await.unwrap_err();
    assert_eq!((error.class, error.stage), (Transient, SendStage::NotSent));
}

#[tokio::test]
async fn a_request_without_an_answer_is_in_doubt() {
    for answer in [Answer::HangUp, Answer::Silent, Answer::Raw("garbage\r\n\r\n".to_owned())] {
        let receiver = Receiver::start(vec![answer]).await;
        let config = WebhookConfig { timeout_ms: 400, connect_timeout_ms: 300, ..config() };
        let channel = WebhookChannel::try_new(&config).unwrap();
        let error = channel.send(&parcel(&receiver)).await.unwrap_err();
        let wanted = (InDoubt, "webhook.unanswered", SendStage::MayHaveArrived);
        assert_eq!(about(&error), wanted);
        assert_eq!(receiver.requests().len(), 1, "it is not sent a second time by itself");
    }
}

#[tokio::test]
async fn a_connection_lost_within_a_large_body_is_in_doubt_and_never_repeated() {
    let receiver = Receiver::start(vec![Answer::Slam]).await;
    let config = WebhookConfig { inline_limit_bytes: 8 << 20, ..config() };
    let channel = WebhookChannel::try_new(&config).unwrap();
    let mut parcel = parcel(&receiver);
    parcel.attachments = vec![attachment("big.bin", Format::Binary, noise(8 << 20))];
    let error = channel.send(&parcel).await.unwrap_err();
    let wanted = (InDoubt, "webhook.unanswered", SendStage::MayHaveArrived);
    assert_eq!(about(&error), wanted);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_reply_that_breaks_off_takes_nothing_from_its_status() {
    let broken = "HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\npartly";
    let receiver = Receiver::start(vec![Answer::Raw(broken.to_owned())]).await;
    let config = WebhookConfig { timeout_ms: 400, connect_timeout_ms: 300, ..config() };
    let channel = WebhookChannel::try_new(&config).unwrap();
    let receipt = channel.send(&parcel(&receiver)).await.unwrap();
    assert_eq!((receipt.status, receipt.reply.as_deref()), (200, Some("partly")));
}

#[tokio::test]
async fn a_reply_is_kept_to_512_bytes_however_long_it_is() {
    let endless = format!("HTTP/1.1 500 X\r\n\r\n{}", "é".repeat(1 << 20));
    let error = failure(Answer::Raw(endless)).await;
    assert_eq!(error.reply.unwrap(), "é".repeat(256));
}

#[tokio::test]
async fn a_secret_that_is_missing_or_wrong_is_ours_to_mend() {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let short = "whsec_c2hvcnQ=";
    for (secret, code) in [
        (None, "webhook.secret_missing"),
        (Some("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "webhook.secret_invalid"),
        (Some("whsec_not base64"), "webhook.secret_invalid"),
        (Some(short), "webhook.secret_invalid"),
    ] {
        let mut parcel = parcel(&receiver);
        parcel.webhook = secret.map(keys_of);
        let error = channel().send(&parcel).await.unwrap_err();
        assert_eq!(about(&error), (Config, code, SendStage::NotSent));
    }
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused_by_key() {
    let refused = |config: WebhookConfig| match WebhookChannel::try_new(&config) {
        Err(crate::SetupError::Config(wrong)) => wrong.field,
        other => format!("{:?}", other.err()),
    };
    let connect_timeout_ms = 15_000;
    let slow = WebhookConfig { connect_timeout_ms, ..WebhookConfig::default() };
    assert_eq!(refused(slow), "webhook.connect_timeout_ms");
    let allow = vec!["10.0.0.0/99".to_owned()];
    assert_eq!(refused(WebhookConfig { allow, ..WebhookConfig::default() }), "webhook.allow");
    let timeout_ms = 0;
    assert_eq!(
        refused(WebhookConfig { timeout_ms, ..WebhookConfig::default() }),
        "webhook.timeout_ms"
    );
}
