use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schema::FailureClass;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{EmailChannel, EmailConfig, Relay, Script, config, parcel};
use crate::Channel;

/// An issuer that answers its n-th request by the n-th answer, and tells what it was asked.
async fn issuer(answers: Vec<(u16, String)>) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let (told, asked) = unbounded_channel();
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let length = loop {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).await.unwrap();
                request.extend_from_slice(&piece[..read]);
                let text = String::from_utf8_lossy(&request).to_lowercase();
                let Some(end) = text.find("\r\n\r\n") else { continue };
                let length = text.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                if request.len() >= end + 4 + length {
                    break length;
                }
            };
            let text = String::from_utf8(request).unwrap();
            told.send(text[text.len() - length..].to_owned()).unwrap();
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn granted(token: &str, expires_in: u64) -> (u16, String) {
    let kind = "Bearer";
    (
        200,
        format!(
            "{{\"access_token\":\"{token}\",\"expires_in\":{expires_in},\"token_type\":\"{kind}\"}}"
        ),
    )
}

fn by_issuer(relay: &Relay, url: &str) -> EmailConfig {
    EmailConfig {
        username: Some(SecretString::from("reports@acme.example")),
        oauth_token_url: Some(url.parse().unwrap()),
        oauth_client_id: Some("waybill".to_owned()),
        oauth_client_secret: Some(SecretString::from("s3cret")),
        oauth_refresh_token: Some(SecretString::from("r3fresh")),
        oauth_scope: Some("https://mail.example/.default".to_owned()),
        ..config(relay)
    }
}

fn offering() -> Script {
    Script { offers: vec!["AUTH PLAIN XOAUTH2"], ..Script::default() }
}

/// The tokens that a relay was shown, in order.
fn shown(relay: &Relay) -> Vec<String> {
    let commands = relay.commands();
    let answers = commands.iter().filter_map(|command| command.strip_prefix("AUTH XOAUTH2 "));
    let clear = answers.map(|answer| String::from_utf8(STANDARD.decode(answer).unwrap()).unwrap());
    clear
        .map(|clear| {
            let rest = clear.strip_prefix("user=reports@acme.example\u{1}auth=Bearer ").unwrap();
            rest.strip_suffix("\u{1}\u{1}").unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_token_is_got_once_and_used_for_every_connection_until_it_ends() {
    let relay = Relay::start(vec![Script { hang_up_after: Some("DOT"), ..offering() }]).await;
    let (url, mut asked) = issuer(vec![granted("one", 3_600)]).await;
    let channel = EmailChannel::try_new(&by_issuer(&relay, &url)).unwrap();
    for _ in 0..3 {
        channel.send(&parcel()).await.unwrap();
    }
    assert_eq!(shown(&relay), ["one", "one", "one"]);
    let form = asked.recv().await.unwrap();
    for pair in ["grant_type=refresh_token", "refresh_token=r3fresh", "client_id=waybill"] {
        assert!(form.contains(pair), "{form}");
    }
    assert!(form.contains("scope=https%3A%2F%2Fmail.example%2F.default"), "{form}");
}

#[tokio::test]
async fn one_that_is_about_to_end_is_got_anew_by_the_clients_own_credentials_where_it_has_no_other()
{
    let relay = Relay::start(vec![Script { hang_up_after: Some("DOT"), ..offering() }]).await;
    let (url, mut asked) = issuer(vec![granted("one", 60), granted("two", 3_600)]).await;
    let config = EmailConfig { oauth_refresh_token: None, ..by_issuer(&relay, &url) };
    let channel = EmailChannel::try_new(&config).unwrap();
    for _ in 0..2 {
        channel.send(&parcel()).await.unwrap();
    }
    assert_eq!(shown(&relay), ["one", "two"]);
    assert!(asked.recv().await.unwrap().contains("grant_type=client_credentials"));
}

/// As Google and Microsoft refuse: a challenge that says why, then 535 to the empty answer to it.
fn refusing() -> Script {
    let say = vec![("AUTH", "334 eyJzdGF0dXMiOiI0MDAifQ=="), ("", "535 5.7.8 not accepted")];
    Script { say, ..offering() }
}

#[tokio::test]
async fn a_token_that_is_refused_is_got_anew_once() {
    let relay = Relay::start(vec![refusing(), offering()]).await;
    let (url, _asked) = issuer(vec![granted("revoked", 3_600), granted("fresh", 3_600)]).await;
    let channel = EmailChannel::try_new(&by_issuer(&relay, &url)).unwrap();
    channel.send(&parcel()).await.unwrap();
    assert_eq!(shown(&relay), ["revoked", "fresh"]);
    assert_eq!(relay.taken().len(), 1);
}

#[tokio::test]
async fn one_that_stays_refused_is_an_auth_failure_and_nothing_was_sent() {
    let relay = Relay::start(vec![refusing()]).await;
    let (url, _asked) = issuer(vec![granted("one", 3_600), granted("two", 3_600)]).await;
    let channel = EmailChannel::try_new(&by_issuer(&relay, &url)).unwrap();
    let error = channel.send(&parcel()).await.unwrap_err();
    assert_eq!((error.class, &*error.code), (FailureClass::Auth, "smtp.5.7.8"));
    assert_eq!((shown(&relay).len(), relay.taken().len()), (2, 0));
}

#[tokio::test]
async fn what_the_issuer_says_is_told_apart() {
    let relay = Relay::start(vec![offering()]).await;
    for (answer, class, code) in [
        ((400, "{\"error\":\"invalid_grant\"}".to_owned()), FailureClass::Auth, "oauth.refused"),
        ((503, String::new()), FailureClass::Transient, "oauth.unreachable"),
        ((200, "{}".to_owned()), FailureClass::Config, "oauth.unreadable"),
        ((200, "x".repeat(70_000)), FailureClass::Config, "oauth.unreadable"),
    ] {
        let (url, _asked) = issuer(vec![answer]).await;
        let channel = EmailChannel::try_new(&by_issuer(&relay, &url)).unwrap();
        let error = channel.send(&parcel()).await.unwrap_err();
        assert_eq!((error.class, &*error.code), (class, code));
    }
    assert_eq!(relay.taken().len(), 0);
}

#[tokio::test]
async fn a_token_file_is_read_anew_for_each_connection() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    let relay = Relay::start(vec![Script { hang_up_after: Some("DOT"), ..offering() }]).await;
    let config = EmailConfig {
        username: Some(SecretString::from("reports@acme.example")),
        oauth_token_file: Some(file.clone()),
        ..config(&relay)
    };
    let channel = EmailChannel::try_new(&config).unwrap();
    for token in ["one\n", "two"] {
        std::fs::write(&file, token).unwrap();
        channel.send(&parcel()).await.unwrap();
    }
    assert_eq!(shown(&relay), ["one", "two"]);
    for odd in [None, Some(""), Some("to ken")] {
        std::fs::remove_file(&file).unwrap_or_default();
        if let Some(odd) = odd {
            std::fs::write(&file, odd).unwrap();
        }
        let error = channel.send(&parcel()).await.unwrap_err();
        assert_eq!((error.class, &*error.code), (FailureClass::Config, "oauth.unreadable"));
    }
    tokio::time::timeout(Duration::from_secs(5), channel.close()).await.unwrap();
}

#[test]
fn what_does_not_fit_together_is_named() {
    let least = || EmailConfig {
        username: Some(SecretString::from("u")),
        oauth_token_url: Some("https://issuer.example/token".parse().unwrap()),
        oauth_client_id: Some("waybill".to_owned()),
        oauth_client_secret: Some(SecretString::from("s")),
        tls: super::TlsMode::Implicit,
        ..EmailConfig::default()
    };
    assert_eq!(least().wrong(), []);
    let named = |config: EmailConfig| {
        config.wrong().into_iter().map(|wrong| wrong.field).collect::<Vec<_>>()
    };
    let with_password = EmailConfig { password: Some(SecretString::from("p")), ..least() };
    assert_eq!(named(with_password), ["mail.password"]);
    let nobody = EmailConfig { username: None, ..least() };
    assert_eq!(named(nobody), ["mail.username"]);
    let clear = EmailConfig {
        oauth_token_url: Some("http://issuer.example/token".parse().unwrap()),
        ..least()
    };
    assert_eq!(named(clear), ["mail.oauth_token_url"]);
    let anonymous = EmailConfig { oauth_client_id: None, ..least() };
    assert_eq!(named(anonymous), ["mail.oauth_client_id"]);
    let both = EmailConfig { oauth_token_file: Some("token".into()), ..least() };
    assert_eq!(named(both), ["mail.oauth_token_file"]);
    let stripped = EmailConfig { tls: super::TlsMode::None, ..least() };
    assert_eq!(named(stripped), ["mail.tls"]);
}
