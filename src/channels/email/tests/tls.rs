use schema::{FailureClass, SendStage};
use secrecy::SecretString;

use super::{EmailChannel, EmailConfig, Relay, Script, TlsMode, config, parcel, relay};
use crate::testing::Certified;
use crate::{Channel, SetupError};

fn offering(certified: &Certified, offers: &[&'static str]) -> Script {
    Script { offers: offers.to_vec(), tls: Some(certified.acceptor.clone()), ..Script::default() }
}

fn secured(relay: &Relay, certified: &Certified, tls: TlsMode) -> EmailConfig {
    let ca_file = Some(certified.ca_file.path().to_owned());
    EmailConfig { tls, ca_file, test_sink: false, ..config(relay) }
}

fn login(config: EmailConfig) -> EmailConfig {
    let (username, password) = (SecretString::from("mailer"), SecretString::from("s3cret"));
    EmailConfig { username: Some(username), password: Some(password), ..config }
}

#[tokio::test]
async fn starttls_and_login_come_before_the_mail() {
    for (offer, said) in
        [("AUTH PLAIN LOGIN", "AUTH PLAIN AG1haWxlcgBzM2NyZXQ="), ("AUTH LOGIN", "AUTH LOGIN")]
    {
        let certified = Certified::new();
        let mut script = offering(&certified, &["STARTTLS", offer]);
        if offer == "AUTH LOGIN" {
            // The relay asks no challenge here: the mechanism is what counts.
            script.say.push(("AUTH", "235 2.7.0 ok"));
        }
        let relay = relay(script).await;
        let config = login(secured(&relay, &certified, TlsMode::StarttlsRequired));
        EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap();
        let commands = relay.commands();
        assert_eq!(commands[1], "STARTTLS");
        assert!(commands.iter().any(|command| command == said), "{offer}");
        assert_eq!(relay.taken().len(), 1);
    }
}

#[tokio::test]
async fn tls_from_the_first_byte_works() {
    let certified = Certified::new();
    let relay = relay(Script { implicit: true, ..offering(&certified, &["AUTH PLAIN"]) }).await;
    let config = login(secured(&relay, &certified, TlsMode::Implicit));
    EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap();
    assert_eq!(relay.taken().len(), 1);
}

#[tokio::test]
async fn a_relay_without_starttls_gets_nothing_when_it_is_required() {
    let certified = Certified::new();
    let relay = relay(Script::default()).await;
    let config = secured(&relay, &certified, TlsMode::StarttlsRequired);
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("smtp.starttls_missing", FailureClass::Config));
    assert!(!relay.commands().iter().any(|command| command.starts_with("MAIL")));

    let config = secured(&relay, &certified, TlsMode::StarttlsOpportunistic);
    EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap();
    assert_eq!(relay.taken().len(), 1);
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_in_every_mode() {
    for tls in [TlsMode::StarttlsRequired, TlsMode::StarttlsOpportunistic, TlsMode::Implicit] {
        let (certified, other) = (Certified::new(), Certified::new());
        let implicit = tls == TlsMode::Implicit;
        let relay = relay(Script { implicit, ..offering(&certified, &["STARTTLS"]) }).await;
        let config = secured(&relay, &other, tls);
        let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.stage), ("connect.tls", SendStage::NotSent));
        assert!(relay.taken().is_empty());
    }
}

#[tokio::test]
async fn what_is_said_before_tls_is_not_believed_under_it() {
    let certified = Certified::new();
    let injected = "220 2.0.0 go\r\n250-relay.test\r\n250 AUTH PLAIN";
    let mut script = offering(&certified, &["STARTTLS"]);
    script.say.push(("STARTTLS", injected));
    let relay = relay(script).await;
    let config = login(secured(&relay, &certified, TlsMode::StarttlsRequired));
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.stage), ("connect.tls", SendStage::NotSent));
    assert!(!relay.commands().iter().any(|command| command.starts_with("AUTH")));
}

#[tokio::test]
async fn a_refused_login_is_the_operators_to_mend() {
    let certified = Certified::new();
    let mut script = offering(&certified, &["STARTTLS", "AUTH PLAIN"]);
    script.say.push(("AUTH", "535 5.7.8 no"));
    let relay = relay(script).await;
    let config = login(secured(&relay, &certified, TlsMode::StarttlsRequired));
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("smtp.5.7.8", FailureClass::Auth));

    let relay = relay_without_auth(&certified).await;
    let config = login(secured(&relay, &certified, TlsMode::StarttlsRequired));
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("smtp.auth_missing", FailureClass::Auth));
}

async fn relay_without_auth(certified: &Certified) -> Relay {
    relay(offering(certified, &["STARTTLS"])).await
}

#[tokio::test]
async fn a_configuration_that_cannot_be_meant_is_refused_by_key() {
    let relay = relay(Script::default()).await;
    let good = EmailConfig { test_sink: false, ..config(&relay) };
    let refused = |config: EmailConfig| match EmailChannel::try_new(&config) {
        Err(SetupError::Config(wrong)) => wrong.field,
        Err(SetupError::File { key, .. } | SetupError::Tls { key, .. }) => key.to_owned(),
        other => format!("{:?}", other.err()),
    };
    assert_eq!(refused(login(good.clone())), "mail.tls");
    let half = EmailConfig { password: Some(SecretString::from("x")), ..good.clone() };
    assert_eq!(refused(half), "mail.username");
    assert_eq!(refused(EmailConfig { pool_size: 0, ..good.clone() }), "mail.pool_size");
    assert_eq!(refused(EmailConfig { port: 0, ..good.clone() }), "mail.port");
    let injected = "Acme\r\nBcc: x@example.com".to_owned();
    assert_eq!(refused(EmailConfig { from_name: injected, ..good.clone() }), "mail.from_name");
    let nobody = "nobody".to_owned();
    assert_eq!(refused(EmailConfig { from_address: nobody, ..good.clone() }), "mail.from_address");
    let lost = Some("no/such/file.pem".into());
    let tls = TlsMode::Implicit;
    assert_eq!(refused(EmailConfig { ca_file: lost, tls, ..good }), "mail.ca_file");
}

#[test]
fn an_unknown_key_is_refused() {
    let wrong = serde_json::from_str::<EmailConfig>(r#"{"hostt": "x"}"#).unwrap_err();
    assert!(wrong.to_string().contains("hostt"));
}
