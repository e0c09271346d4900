use schema::{ChannelKind, Invalid, WebhookPayload, WebhookSettings};

use super::{added, address_retired, given, registered};
use crate::decider::fold;
use crate::recipient::{Command, Event, MAX_HEADERS, Recipient, Refusal, Rules, check_header_name};
use crate::samples::{name, sealed, webhook_settings};

fn hook() -> Event {
    Event::AddressAdded {
        address: name("work"),
        channel: ChannelKind::Webhook,
        value: sealed("https://x"),
        destination: name("d1"),
        revision: 1,
    }
}

fn configure(settings: WebhookSettings) -> Command {
    Command::ConfigureWebhook { address: name("work"), settings }
}

fn configured(settings: WebhookSettings) -> Event {
    Event::WebhookConfigured { address: name("work"), settings }
}

#[test]
fn a_webhook_is_set_once_and_not_again_to_the_same() {
    let set = || configured(webhook_settings());
    given(vec![registered(), hook()]).when(configure(webhook_settings())).then(vec![set()]);
    given(vec![registered(), hook(), set()]).when(configure(webhook_settings())).then(vec![]);
    let full = WebhookSettings { payload: WebhookPayload::Full, ..webhook_settings() };
    given(vec![registered(), hook(), set()])
        .when(configure(full.clone()))
        .then(vec![configured(full)]);
}

#[test]
fn only_a_webhook_in_use_is_set() {
    let (address, channel) = (name("work"), ChannelKind::Mail);
    given(vec![registered(), added("work", "a@x", 1)])
        .when(configure(webhook_settings()))
        .refused(Refusal::NotAWebhook { address, channel });
    let missing = || Refusal::NoSuchAddress { address: name("work") };
    given(vec![registered()]).when(configure(webhook_settings())).refused(missing());
    given(vec![registered(), hook(), address_retired("work")])
        .when(configure(webhook_settings()))
        .refused(missing());
}

#[test]
fn a_webhook_added_again_is_set_anew() {
    let set = configured(webhook_settings());
    let events = [registered(), hook(), set, address_retired("work"), hook()];
    let state = fold::<Rules>(events.iter());
    let Recipient::Active(known) = state else { unreachable!() };
    assert_eq!(known.address(&name("work")).unwrap().webhook, None);
}

#[test]
fn headers_are_few_and_none_of_them_the_senders_own() {
    let many = (0..=MAX_HEADERS).map(|number| format!("x-{number}")).collect();
    given(vec![registered(), hook()])
        .when(configure(WebhookSettings { headers: many, ..webhook_settings() }))
        .refused(Refusal::TooManyHeaders { header_count: 17 });
    let header = "webhook-signature";
    let rule = check_header_name(header).unwrap_err().rule;
    given(vec![registered(), hook()])
        .when(configure(WebhookSettings { headers: vec![header.to_owned()], ..webhook_settings() }))
        .refused(Refusal::Invalid(Invalid::new("headers", header, rule)));
}

#[test]
fn what_changes_how_a_request_is_read_is_no_header_of_ones_own() {
    for name in ["authorization", "x-api-key", "x", "api.key~1"] {
        assert_eq!(check_header_name(name), Ok(()), "{name}");
    }
    let long = "x".repeat(65);
    for name in [
        "host",
        "content-type",
        "content-length",
        "transfer-encoding",
        "connection",
        "webhook-id",
        "traceparent",
        "proxy-authorization",
        "x-forwarded-for",
        "X-Upper",
        "x y",
        "x\r\ny",
        "x:",
        "",
        &long,
    ] {
        assert!(check_header_name(name).is_err(), "{name}");
    }
}
