use std::collections::BTreeMap;

use schema::events::{GroupSubscriptionBody, SubscriptionBody};
use schema::{Addressee, AttributeValue, ChannelKind, Invalid, Timestamp};

use super::{Command, Event, OptedOut, Refusal, Rules, Subscription, Wish};
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

fn one(recipient: &str) -> Addressee {
    Addressee::Recipient(name(recipient))
}

fn desk() -> GroupSubscriptionBody {
    let SubscriptionBody { selector, preferences, .. } = ada();
    GroupSubscriptionBody { group: name("desk"), selector, preferences }
}

fn desk_subscribed() -> Event {
    Event::GroupSubscribed { version: 1, body: desk() }
}

fn opt_out(recipient: &str) -> Command {
    Command::OptOut { recipient: name(recipient), reason: "one_click".to_owned() }
}

fn opted_out(version: u32, recipient: &str) -> Event {
    let reason = "one_click".to_owned();
    Event::MemberOptedOut { version, recipient: name(recipient), reason }
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
    given(vec![]).when(Command::Subscribe(ada().into())).then(vec![subscribed()]);
}

#[test]
fn subscribing_twice_changes_nothing() {
    given(vec![subscribed()]).when(Command::Subscribe(ada().into())).then(vec![]);
    given(vec![subscribed(), paused(2, None)]).when(Command::Subscribe(ada().into())).then(vec![]);
}

#[test]
fn a_subscription_is_not_replaced_by_another() {
    given(vec![subscribed()])
        .when(Command::Subscribe(ada_by_webhook().into()))
        .refused(Refusal::AlreadySubscribed { version: 1 });
}

#[test]
fn an_ended_subscription_begins_again_and_counts_on() {
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Subscribe(ada_by_webhook().into()))
        .then(vec![Event::Subscribed { version: 3, body: ada_by_webhook() }]);
}

#[test]
fn an_ended_subscription_does_not_pass_to_another_recipient() {
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Subscribe(body("bob", "risk").into()))
        .refused(Refusal::SubscriberDiffers { subscriber: one("ada"), wanted: one("bob") });
}

#[test]
fn a_subscription_names_each_channel_once_and_one_at_least() {
    let with = |channels: Vec<ChannelKind>| {
        let mut body = ada();
        body.preferences.channels = channels;
        Command::Subscribe(body.into())
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
    given(vec![]).when(Command::Subscribe(body.into())).refused(refusal);
}

#[test]
fn a_selector_is_bounded_in_names_values_and_text() {
    let refused = |attributes: BTreeMap<String, Vec<AttributeValue>>, refusal: Refusal| {
        let mut body = ada();
        body.selector.attributes = attributes;
        given(vec![]).when(Command::Subscribe(body.into())).refused(refusal);
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
        .when(Command::Change(ada_by_webhook().into()))
        .then(vec![Event::SubscriptionChanged { version: 2, body: ada_by_webhook() }]);
}

#[test]
fn changing_a_subscription_to_what_it_is_changes_nothing() {
    given(vec![subscribed()]).when(Command::Change(ada().into())).then(vec![]);
}

#[test]
fn what_does_not_hold_is_not_changed() {
    given(vec![]).when(Command::Change(ada().into())).refused(Refusal::NotSubscribed);
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Change(ada_by_webhook().into()))
        .refused(Refusal::Ended { version: 2 });
}

#[test]
fn a_subscription_never_passes_to_another_recipient() {
    given(vec![subscribed()])
        .when(Command::Change(body("bob", "risk").into()))
        .refused(Refusal::SubscriberDiffers { subscriber: one("ada"), wanted: one("bob") });
}

#[test]
fn a_change_leaves_the_pause() {
    let changed = Event::SubscriptionChanged { version: 3, body: ada_by_webhook() };
    let state = fold::<Rules>(&[subscribed(), paused(2, None), changed]);
    let (body, opted_out) = (ada_by_webhook().into(), OptedOut::new());
    assert_eq!(state, Subscription::Paused { version: 3, body, opted_out, until: None });
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

#[test]
fn a_group_is_subscribed_and_its_subscription_changed() {
    given(vec![]).when(Command::Subscribe(desk().into())).then(vec![desk_subscribed()]);
    let mut other = desk();
    other.preferences.channels = vec![ChannelKind::Webhook];
    let changed = Event::GroupSubscriptionChanged { version: 2, body: other.clone() };
    given(vec![desk_subscribed()]).when(Command::Change(other.into())).then(vec![changed]);
    given(vec![desk_subscribed()]).when(Command::Change(desk().into())).then(vec![]);
}

#[test]
fn a_subscription_never_passes_from_a_group_to_a_recipient_nor_back() {
    let group = || Addressee::Group(name("desk"));
    let refusal = Refusal::SubscriberDiffers { subscriber: group(), wanted: one("ada") };
    given(vec![desk_subscribed()]).when(Command::Change(ada().into())).refused(refusal);
    let refusal = Refusal::SubscriberDiffers { subscriber: one("ada"), wanted: group() };
    given(vec![subscribed(), unsubscribed(2)])
        .when(Command::Subscribe(desk().into()))
        .refused(refusal);
}

#[test]
fn a_member_opts_out_of_a_groups_subscription_and_in_again() {
    given(vec![desk_subscribed()]).when(opt_out("ada")).then(vec![opted_out(2, "ada")]);
    given(vec![desk_subscribed(), opted_out(2, "ada")]).when(opt_out("ada")).then(vec![]);
    let opt_in = || Command::OptIn { recipient: name("ada") };
    let opted_in = Event::MemberOptedIn { version: 3, recipient: name("ada") };
    given(vec![desk_subscribed(), opted_out(2, "ada")]).when(opt_in()).then(vec![opted_in]);
    given(vec![desk_subscribed()]).when(opt_in()).then(vec![]);
}

#[test]
fn who_has_a_subscription_of_its_own_ends_it_instead_of_opting_out() {
    let refusal = || Refusal::NotOfGroup { subscriber: one("ada") };
    given(vec![subscribed()]).when(opt_out("ada")).refused(refusal());
    let opt_in = Command::OptIn { recipient: name("ada") };
    given(vec![subscribed()]).when(opt_in).refused(refusal());
    given(vec![]).when(opt_out("ada")).refused(Refusal::NotSubscribed);
}

#[test]
fn who_opted_out_stays_out_whatever_becomes_of_the_subscription() {
    let again = Event::GroupSubscribed { version: 6, body: desk() };
    let resumed = Event::SubscriptionResumed { version: 4 };
    let (paused, ended) = (paused(3, None), unsubscribed(5));
    let events = [desk_subscribed(), opted_out(2, "ada"), paused, resumed, ended, again];
    let state = fold::<Rules>(&events);
    assert!(state.has_opted_out(&name("ada")) && !state.has_opted_out(&name("bob")));
    assert_eq!((state.version(), state.body()), (6, Some(&Wish::from(desk()))));
}
