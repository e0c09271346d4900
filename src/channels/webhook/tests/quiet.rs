use schema::Parcel;
use secrecy::SecretString;

use super::{WebhookChannel, config, to};
use crate::Channel;
use crate::testing::{Answer, Receiver, captured};

const CANARY: &str = "canary-7f3a";

fn canaries(url: &str) -> Parcel {
    let secret = |text: String| Some(SecretString::from(text));
    Parcel { recipient_name: secret(format!("Ada {CANARY}")), ..to(url) }
}

#[tokio::test]
async fn no_address_or_secret_is_logged_or_shown_on_any_path() {
    let quoting = Answer::status(500, "", CANARY);
    for answer in [Answer::status(200, "", ""), quoting, Answer::HangUp, Answer::Slam] {
        let receiver = Receiver::start(vec![answer]).await;
        let (outcome, log) = captured(async {
            let channel = WebhookChannel::try_new(&config()).unwrap();
            channel.send(&canaries(&receiver.url(&format!("/{CANARY}")))).await
        })
        .await;
        assert!(log.contains("the log is on"));
        assert!(!log.contains(CANARY) && !log.contains("127.0.0.1"), "{log}");
        if let Err(error) = outcome {
            assert!(!error.to_string().contains(CANARY), "{error}");
        } else {
            let line = receiver.requests().remove(0).line;
            assert!(line.contains(CANARY), "the canary is seen where it belongs");
        }
    }
}

#[tokio::test]
async fn a_blocked_host_is_not_named() {
    for url in [format!("http://{CANARY}.localhost:8080/"), format!("http://10.0.0.1/{CANARY}")] {
        let (outcome, log) = captured(async {
            WebhookChannel::try_new(&config()).unwrap().send(&canaries(&url)).await
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(error.code, "ssrf.blocked");
        assert!(!format!("{error:?}").contains(CANARY) && !log.contains(CANARY), "{error:?} {log}");
    }
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    let parcel = to("https://hooks.example/canary-7f3a");
    let shown = format!("{parcel:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("MfKQ9r8G"), "{shown}");
}
