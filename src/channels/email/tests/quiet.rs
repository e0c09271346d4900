use std::sync::Arc;

use schema::{Parcel, WebhookKeys};
use secrecy::SecretString;

use super::{EmailChannel, EmailConfig, Script, config, parcel, relay};
use crate::Channel;
use crate::testing::captured;

const CANARY: &str = "canary-7f3a";

/// A parcel with the canary in each field that is personal or secret.
fn canaries() -> Parcel {
    let secret = |text: String| SecretString::from(text);
    Parcel {
        address: secret(format!("{CANARY}@customer.example")),
        recipient_name: Some(secret(format!("Ada {CANARY}"))),
        webhook: Some(Arc::new(WebhookKeys::of_secret(secret(format!("whsec_{CANARY}"))))),
        unsubscribe_url: Some(format!("https://waybill.example/u/{CANARY}")),
        ..parcel()
    }
}

#[tokio::test]
async fn no_address_name_or_password_is_logged_or_shown_on_any_path() {
    let refusing = "550 5.1.1 <canary-7f3a@customer.example> unknown";
    for script in [
        Script::default(),
        Script { say: vec![("RCPT", refusing)], ..Script::default() },
        Script { hang_up_at: Some("DOT"), ..Script::default() },
        Script { hang_up_at: Some("MAIL"), ..Script::default() },
        Script { offers: vec!["AUTH PLAIN"], say: vec![("AUTH", "535 no")], ..Script::default() },
    ] {
        let login = !script.offers.is_empty();
        let relay = relay(script).await;
        let mut config = config(&relay);
        if login {
            config.username = Some(SecretString::from(format!("user-{CANARY}")));
            config.password = Some(SecretString::from(format!("pass-{CANARY}")));
        }
        let (outcome, log) = captured(async {
            let channel = EmailChannel::try_new(&config).unwrap();
            channel.send(&canaries()).await
        })
        .await;
        assert!(log.contains("the log is on"));
        assert!(!log.contains(CANARY), "{log}");
        assert!(!format!("{config:?}").contains(CANARY));
        if let Err(error) = outcome {
            assert!(!error.to_string().contains(CANARY), "{error}");
        } else {
            let content = String::from_utf8(relay.taken().remove(0).content).unwrap();
            assert!(content.contains(CANARY), "the canary is seen where it belongs");
        }
    }
}

#[tokio::test]
async fn a_setup_error_never_quotes_a_secret() {
    let relay = relay(Script::default()).await;
    let password = Some(SecretString::from(CANARY.to_owned()));
    let username = Some(SecretString::from(CANARY.to_owned()));
    for config in [
        EmailConfig { password: password.clone(), ..config(&relay) },
        EmailConfig { password, username, test_sink: false, ..config(&relay) },
    ] {
        let error = EmailChannel::try_new(&config).err().unwrap();
        assert!(!format!("{error} {error:?}").contains(CANARY));
    }
}
