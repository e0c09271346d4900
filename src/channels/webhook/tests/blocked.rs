use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use schema::{ChannelError, FailureClass, SendStage};

use super::super::{WebhookGuard, validate_url};
use super::{WebhookChannel, WebhookConfig, channel, config, to};
use crate::Channel;
use crate::testing::{Answer, Receiver};

/// Hosts that must never be reached, in all the spellings a URL allows.
const FORBIDDEN_HOSTS: [&str; 66] = [
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "１２７.０.０.１",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "10.0.0.1",
    "10.255.255.255",
    "0xa.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::a00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::a00:1]",
    "[100::1]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[4000::1]",
];

const FORBIDDEN_URLS: [&str; 31] = [
    "",
    "hooks.example",
    "//hooks.example/",
    "http://hooks.example/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://hooks.example/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "https://",
    "https:///",
    "https://user@hooks.example/",
    "https://user:pw@hooks.example/",
    "https://:pw@hooks.example/",
    "https://hooks.example/#part",
    "https://hooks.exa mple/",
    "https://hooks.exa\nmple/",
    "https://hooks.example/\r\nX: y",
    "https://hooks.example/\0",
    "\thttps://hooks.example/",
    "https://hooks.example:22/",
    "https://hooks.example:25/",
    "https://hooks.example:80/",
    "https://hooks.example:0/",
    "https://hooks.example:6379/",
    "https://hooks.example:65536/",
    "https://localhost/",
    "https://a.localhost./",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://[::1%25eth0]/",
];

fn about(error: &ChannelError) -> (FailureClass, &str, SendStage) {
    (error.class, &error.code, error.stage)
}

const BLOCKED: (FailureClass, &str, SendStage) =
    (FailureClass::Policy, "ssrf.blocked", SendStage::NotSent);

#[test]
fn no_spelling_of_a_local_address_is_registered() {
    for host in FORBIDDEN_HOSTS {
        let url = format!("https://{host}/hook");
        let refused = validate_url(&url);
        assert_eq!(
            refused.map(String::from).map_err(|wrong| wrong.field),
            Err("address".to_owned()),
            "{host}"
        );
    }
}

#[test]
fn no_url_that_is_not_plain_https_is_registered() {
    for url in FORBIDDEN_URLS {
        assert!(validate_url(url).is_err(), "{url}");
    }
    assert!(validate_url(&format!("https://hooks.example/{}", "x".repeat(2048))).is_err());
    let refused = validate_url("https://user:hunter2@hooks.example/").unwrap_err();
    assert!(!refused.to_string().contains("hunter2"), "a credential is never quoted");
}

#[test]
fn public_urls_are_registered() {
    for url in [
        "https://hooks.example/",
        "https://hooks.example:8443/a/b?c=d",
        "https://8.8.8.8/x",
        "https://172.32.0.1/",
        "https://100.128.0.1/",
        "https://[2606:4700:4700::1111]/",
        "https://notlocal.example/",
        "https://mylocalhost.example/",
    ] {
        assert_eq!(validate_url(url).map(String::from).as_deref(), Ok(url));
    }
    let idn = validate_url("https://bücher.example/").unwrap();
    assert_eq!(idn.host_str(), Some("xn--bcher-kva.example"));
}

#[tokio::test]
async fn the_channel_itself_refuses_what_was_registered_under_other_rules() {
    let config = WebhookConfig { allow_http: true, ..WebhookConfig::default() };
    let channel = WebhookChannel::try_new(&config).unwrap();
    for host in FORBIDDEN_HOSTS {
        let url = format!("http://{host}/");
        let error = channel.send(&to(&url)).await.unwrap_err();
        if error.code != "address.invalid" {
            assert_eq!(about(&error), BLOCKED, "{host}");
        }
        assert_eq!(error.stage, SendStage::NotSent, "{host}");
    }
}

#[test]
fn the_allow_list_opens_what_it_names_and_nothing_else() {
    let allow = ["10.1.0.0/16", "127.0.0.1", "fd12::/48", "hooks.internal"].map(str::to_owned);
    let config = WebhookConfig { allow: allow.into(), ..WebhookConfig::default() };
    let guard = WebhookGuard::try_new(&config).unwrap();
    for url in [
        "https://10.1.2.3/",
        "https://127.0.0.1:8443/",
        "https://[::ffff:10.1.2.3]/",
        "https://[fd12::9]/",
        "https://hooks.internal/",
        "https://HOOKS.internal./",
    ] {
        assert!(guard.validate_url(url).is_ok(), "{url}");
    }
    for url in [
        "https://10.2.0.1/",
        "https://127.0.0.2/",
        "https://[fd13::1]/",
        "https://x.hooks.internal/",
        "https://hooks.internal:22/",
        "http://127.0.0.1/",
    ] {
        assert!(guard.validate_url(url).is_err(), "{url}");
    }
}

/// Answers each question with the next of its answers, the last one for all that follow.
struct Turncoat {
    answers: Vec<Vec<&'static str>>,
    asked: Arc<AtomicUsize>,
}

impl Resolve for Turncoat {
    fn resolve(&self, _: Name) -> Resolving {
        let number = self.asked.fetch_add(1, SeqCst).min(self.answers.len() - 1);
        let found = self.answers[number].iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
        let found: Addrs = Box::new(found.collect::<Vec<_>>().into_iter());
        Box::pin(async move { Ok(found) })
    }
}

fn resolving(
    config: &WebhookConfig,
    answers: Vec<Vec<&'static str>>,
) -> (WebhookChannel, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let resolver = Turncoat { answers, asked: Arc::clone(&asked) };
    (WebhookChannel::try_with_resolver(config, Arc::new(resolver)).unwrap(), asked)
}

#[tokio::test]
async fn a_name_that_resolves_to_a_local_address_is_refused_when_it_is_dialled() {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let config = WebhookConfig { allow: vec![], ..config() };
    for ip in ["127.0.0.1", "::ffff:127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "fd00::1"] {
        let (channel, asked) = resolving(&config, vec![vec![ip]]);
        let url = format!("http://hooks.example:{}/", receiver.address.port());
        let error = channel.send(&to(&url)).await.unwrap_err();
        assert_eq!(about(&error), BLOCKED, "{ip}");
        assert!(!error.reply.unwrap().contains(ip), "the address is not told");
        assert_eq!(asked.load(SeqCst), 1);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    // The address that may be reached in this test is 127.0.0.1; 127.0.0.2 stands for the inside.
    let receiver = Receiver::start(vec![Answer::HangUp, Answer::status(200, "", "")]).await;
    let (channel, asked) = resolving(&config(), vec![vec!["127.0.0.1"], vec!["127.0.0.2"]]);
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    let error = channel.send(&to(&url)).await.unwrap_err();
    assert_eq!(error.code, "webhook.unanswered", "the first answer was fine and was dialled");
    let error = channel.send(&to(&url)).await.unwrap_err();
    assert_eq!(about(&error), BLOCKED, "the second one leads inside");
    assert_eq!(
        asked.load(SeqCst),
        2,
        "each connection asked once: what is checked is what is dialled"
    );
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_ones_are_dialled() {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let (channel, _) = resolving(&config(), vec![vec!["169.254.169.254", "127.0.0.1", "10.0.0.1"]]);
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    assert_eq!(channel.send(&to(&url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_on_the_allow_list_is_trusted_with_its_answer() {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let config = WebhookConfig { allow: vec!["hooks.internal".to_owned()], ..config() };
    let (channel, _) = resolving(&config, vec![vec!["127.0.0.1"]]);
    let url = format!("http://hooks.internal:{}/", receiver.address.port());
    assert_eq!(channel.send(&to(&url)).await.unwrap().status, 200);
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    assert_eq!(about(&channel.send(&to(&url)).await.unwrap_err()), BLOCKED);
}

#[tokio::test]
async fn an_address_that_is_no_url_is_the_recipients_fault() {
    let error = channel().send(&to("not a url")).await.unwrap_err();
    let wanted = (FailureClass::RecipientPermanent, "address.invalid", SendStage::NotSent);
    assert_eq!(about(&error), wanted);
}

proptest::proptest! {
    #[test]
    fn no_ipv4_address_is_treated_otherwise_in_ipv6_clothes(bits: u32) {
        let ip = std::net::Ipv4Addr::from(bits);
        let plain = validate_url(&format!("https://{ip}/")).is_ok();
        let mapped = validate_url(&format!("https://[{}]/", ip.to_ipv6_mapped())).is_ok();
        assert_eq!(plain, mapped, "{ip}");
        let number = validate_url(&format!("https://{bits}/")).is_ok();
        assert_eq!(plain, number, "{ip}");
    }

    #[test]
    fn what_is_accepted_is_https_to_a_host(url in "\\PC{0,40}") {
        if let Ok(url) = validate_url(&url) {
            assert_eq!(url.scheme(), "https");
            assert!(url.has_host());
        }
    }
}
