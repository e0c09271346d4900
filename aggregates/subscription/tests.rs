use std::collections::BTreeMap;

use schema::events::SubscriptionBody;
use schema::{AttributeValue, ChannelKind, Invalid, Timestamp};

use super::{Command, Event, Refusal, Rules, Subscription};
use crate::decider::fold;
use crate::given::{Given, given as given_events};
use crate::samples::{NOW, body, name};

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn ada() -> SubscriptionBody {
    body("ada", "risk")
}

fn ada_by_webhook() -> SubscriptionBody {
    let mut body = ada();
    body.preferences.channels = vec![ChannelKind::Webhook, ChannelKind::Mail];
    body
}

fn subscribed() -> Event {
    Event::Subscribed { version: 1, body: ada() }
}

fn pause(until: Option<Timestamp>) -> Command {
    Command::Pause { until, reason: "holidays".to_owned(), now: NOW }
}

fn paused(version: u32, until: Option<Timestamp>) -> Event {
    Event::SubscriptionPaused { version, until, reason: "holidays".to_owned() }
}

fn unsubscribe() -> Command {
    Command::Unsubscribe { reason: "one_click".to_owned() }
}

fn unsubscribed(version: u32) -> Event {
    Event::Unsubscribed { version, reason: "one_click".to_owned() }
}

fn invalid(field: &str, value: &str, rule: &str) -> Refusal {
    Refusal::Invalid(Invalid::new(field, value, rule))
}

#[test]
fn someone_subscribes() {
    given(vec![]).when(Command::Subscribe(ada())).then(vec![subscribed()]);
}

#[test]
fn subscribing_twice_changes_nothing() {
    given(vec![subscribed()]).when(Command::Subscribe(ada())).then(vec![]);
    given(vec![subscribed(), paused(2, None)]).when(Command::Subscribe(ada())).then(vec![]);
}

#[test]
fn a_subscription_is_not_replaced_by_another() {
    given(vec![subscribed()])
        .when(Command::Subscribe(ada_by_webhook()))
        .refused(Refusal::AlreadySubscribed { version: 1 });
}

#[test]
fn an_ended_subscription_begins_again_and_counts_on() {
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Subscribe(ada_by_webhook()))
        .then(vec![Event::Subscribed { version: 3, body: ada_by_webhook() }]);
}

#[test]
fn an_ended_subscription_does_not_pass_to_another_recipient() {
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Subscribe(body("bob", "risk")))
        .refused(Refusal::RecipientDiffers { recipient: name("ada"), wanted: name("bob") });
}

#[test]
fn a_subscription_names_each_channel_once_and_one_at_least() {
    let with = |channels: Vec<ChannelKind>| {
        let mut body = ada();
        body.preferences.channels = channels;
        Command::Subscribe(body)
    };
    let none = invalid("preferences.channels", "[]", "must name one channel at least");
    given(vec![]).when(with(vec![])).refused(none);
    let twice = invalid("preferences.channels", "mail", "must not be named twice");
    given(vec![]).when(with(vec![ChannelKind::Mail; 2])).refused(twice);
}

#[test]
fn a_subscription_waits_neither_no_time_nor_forever() {
    let mut body = ada();
    body.preferences.deadline_s = Some(0);
    let refusal = invalid("preferences.deadline_s", "0", "must be 1 to 7776000 seconds");
    given(vec![]).when(Command::Subscribe(body)).refused(refusal);
}

#[test]
fn a_selector_is_bounded_in_names_values_and_text() {
    let refused = |attributes: BTreeMap<String, Vec<AttributeValue>>, refusal: Refusal| {
        let mut body = ada();
        body.selector.attributes = attributes;
        given(vec![]).when(Command::Subscribe(body)).refused(refusal);
    };
    let yes = || vec![AttributeValue::Bool(true)];
    refused(
        (0..33).map(|n| (format!("a{n}"), yes())).collect(),
        invalid("selector.attributes", "33", "must be at most 32 in number"),
    );
    refused(
        BTreeMap::from([("a b".to_owned(), yes())]),
        invalid("attributes", "a b", "must be named by 1 to 64 of A-Z a-z 0-9 . _ -"),
    );
    refused(
        BTreeMap::from([("region".to_owned(), vec![])]),
        invalid("attributes.region", "0", "must list 1 to 64 values"),
    );
    let long = "x".repeat(257);
    refused(
        BTreeMap::from([("region".to_owned(), vec![AttributeValue::Text(long.clone())])]),
        invalid("attributes.region", &long, "must have at most 256 bytes"),
    );
    refused(
        BTreeMap::from([("region".to_owned(), vec![AttributeValue::Text("\0".to_owned())])]),
        invalid("attributes.region", "\\0", "must not contain NUL"),
    );
}

#[test]
fn a_subscription_is_changed_as_a_whole() {
    given(vec![subscribed()])
        .when(Command::Change(ada_by_webhook()))
        .then(vec![Event::SubscriptionChanged { version: 2, body: ada_by_webhook() }]);
}

#[test]
fn changing_a_subscription_to_what_it_is_changes_nothing() {
    given(vec![subscribed()]).when(Command::Change(ada())).then(vec![]);
}

#[test]
fn what_does_not_hold_is_not_changed() {
    given(vec![]).when(Command::Change(ada())).refused(Refusal::NotSubscribed);
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Change(ada_by_webhook()))
        .refused(Refusal::Ended { version: 2 });
}

#[test]
fn a_subscription_never_passes_to_another_recipient() {
    given(vec![subscribed()])
        .when(Command::Change(body("bob", "risk")))
        .refused(Refusal::RecipientDiffers { recipient: name("ada"), wanted: name("bob") });
}

#[test]
fn a_change_leaves_the_pause() {
    let changed = Event::SubscriptionChanged { version: 3, body: ada_by_webhook() };
    let state = fold::<Rules>(&[subscribed(), paused(2, None), changed]);
    let body = ada_by_webhook();
    assert_eq!(state, Subscription::Paused { version: 3, body, until: None });
}

#[test]
fn a_subscription_is_paused() {
    given(vec![subscribed()]).when(pause(None)).then(vec![paused(2, None)]);
}

#[test]
fn pausing_twice_changes_nothing_but_another_end_does() {
    let tomorrow = Some(NOW.plus_ms(86_400_000));
    let events = vec![subscribed(), paused(2, None)];
    given(events.clone()).when(pause(None)).then(vec![]);
    given(events).when(pause(tomorrow)).then(vec![paused(3, tomorrow)]);
}

#[test]
fn a_pause_does_not_end_in_the_past() {
    given(vec![subscribed()])
        .when(pause(Some(NOW)))
        .refused(Refusal::PauseInPast { until: NOW, now: NOW });
}

#[test]
fn what_does_not_hold_is_not_paused() {
    given(vec![]).when(pause(None)).refused(Refusal::NotSubscribed);
}

#[test]
fn a_pause_is_over_when_its_end_has_come() {
    let until = NOW.plus_ms(1);
    let state = fold::<Rules>(&[subscribed(), paused(2, Some(until))]);
    assert!(state.is_paused(NOW));
    assert!(!state.is_paused(until));
    assert!(fold::<Rules>(&[subscribed(), paused(2, None)]).is_paused(until));
    assert!(!fold::<Rules>(&[subscribed()]).is_paused(NOW));
}

#[test]
fn a_paused_subscription_is_resumed() {
    given(vec![subscribed(), paused(2, None)])
        .when(Command::Resume)
        .then(vec![Event::SubscriptionResumed { version: 3 }]);
}

#[test]
fn resuming_what_is_not_paused_changes_nothing() {
    given(vec![subscribed()]).when(Command::Resume).then(vec![]);
}

#[test]
fn what_does_not_hold_is_not_resumed() {
    given(vec![]).when(Command::Resume).refused(Refusal::NotSubscribed);
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Resume)
        .refused(Refusal::Ended { version: 2 });
}

#[test]
fn someone_unsubscribes_paused_or_not() {
    given(vec![subscribed()]).when(unsubscribe()).then(vec![unsubscribed(2)]);
    given(vec![subscribed(), paused(2, None)]).when(unsubscribe()).then(vec![unsubscribed(3)]);
}

#[test]
fn unsubscribing_twice_changes_nothing() {
    given(vec![subscribed(), unsubscribed(2)]).when(unsubscribe()).then(vec![]);
}

#[test]
fn nobody_unsubscribes_from_nothing() {
    given(vec![]).when(unsubscribe()).refused(Refusal::NotSubscribed);
}
