#![expect(clippy::unwrap_used, reason = "test names are well-formed")]

mod returns;
mod webhook;

use schema::events::{RecipientProfile, RetireReason};
use schema::{ChannelKind, Invalid, Timestamp};

use super::{
    Command, Event, MAX_ADDRESS_NAMES, MAX_ADDRESSES, MAX_GRANTS, Recipient, Refusal, Rules,
};
use crate::decider::fold;
use crate::given::{Given, given as given_events};
use crate::samples::{NOW, name, profile, sealed};

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn registered() -> Event {
    Event::RecipientRegistered(profile())
}

fn in_berlin() -> RecipientProfile {
    RecipientProfile { zone: name("Europe/Berlin"), ..profile() }
}

fn add(address: &str, value: &str) -> Command {
    Command::AddAddress {
        address: name(address),
        channel: ChannelKind::Mail,
        value: sealed(value),
        destination: name("d1"),
    }
}

fn added(address: &str, value: &str, revision: u32) -> Event {
    Event::AddressAdded {
        address: name(address),
        channel: ChannelKind::Mail,
        value: sealed(value),
        destination: name("d1"),
        revision,
    }
}

fn change(value: &str) -> Command {
    Command::ChangeAddress { address: name("work"), value: sealed(value), destination: name("d1") }
}

fn changed(value: &str, revision: u32) -> Event {
    let (value, destination) = (sealed(value), name("d1"));
    Event::AddressChanged { address: name("work"), value, destination, revision }
}

fn retire_address() -> Command {
    Command::RetireAddress { address: name("work"), reason: RetireReason::Gone }
}

fn address_retired(address: &str) -> Event {
    Event::AddressRetired { address: name(address), reason: RetireReason::Gone }
}

fn grant(id: &str, until: Option<Timestamp>) -> Command {
    Command::Grant { grant: name(id), report: "risk".to_owned().try_into().unwrap(), until }
}

fn granted(id: &str, until: Option<Timestamp>) -> Event {
    let report = "risk".to_owned().try_into().unwrap();
    Event::EntitlementGranted { grant: name(id), report, until }
}

fn revoke() -> Command {
    Command::Revoke { grant: name("desk"), reason: "left".to_owned() }
}

fn revoked() -> Event {
    Event::EntitlementRevoked { grant: name("desk"), reason: "left".to_owned() }
}

fn retire() -> Command {
    Command::Retire { reason: "left".to_owned() }
}

fn retired() -> Event {
    Event::RecipientRetired { reason: "left".to_owned() }
}

#[test]
fn a_recipient_is_registered() {
    given(vec![]).when(Command::Register(profile())).then(vec![registered()]);
}

#[test]
fn registering_twice_changes_nothing_whatever_the_ciphertext() {
    let mut again = profile();
    if let Some(name) = &mut again.name {
        name.ciphertext = "another nonce".to_owned();
    }
    given(vec![registered()]).when(Command::Register(again)).then(vec![]);
}

#[test]
fn a_recipient_is_not_registered_over_another() {
    given(vec![registered()])
        .when(Command::Register(in_berlin()))
        .refused(Refusal::AlreadyRegistered);
    given(vec![registered(), retired()])
        .when(Command::Register(profile()))
        .refused(Refusal::Retired);
}

#[test]
fn a_locale_is_a_language_tag() {
    let odd = RecipientProfile { locale: "en_GB".to_owned(), ..profile() };
    let rule = "must be a BCP 47 language tag such as de or en-GB";
    let refusal = Refusal::Invalid(Invalid::new("locale", "en_GB", rule));
    given(vec![]).when(Command::Register(odd)).refused(refusal);
}

#[test]
fn a_recipient_is_changed_as_a_whole() {
    given(vec![registered()])
        .when(Command::Change(in_berlin()))
        .then(vec![Event::RecipientChanged(in_berlin())]);
}

#[test]
fn changing_a_recipient_to_what_it_is_changes_nothing() {
    given(vec![registered()]).when(Command::Change(profile())).then(vec![]);
}

#[test]
fn an_unknown_recipient_is_not_changed() {
    given(vec![]).when(Command::Change(profile())).refused(Refusal::NotRegistered);
}

#[test]
fn an_address_is_added() {
    given(vec![registered()]).when(add("work", "a@x")).then(vec![added("work", "a@x", 1)]);
}

#[test]
fn adding_an_address_twice_changes_nothing() {
    given(vec![registered(), added("work", "a@x", 1)]).when(add("work", "a@x")).then(vec![]);
}

#[test]
fn an_address_is_not_added_over_another() {
    given(vec![registered(), added("work", "a@x", 1)])
        .when(add("work", "b@x"))
        .refused(Refusal::AddressTaken { address: name("work"), channel: ChannelKind::Mail });
}

#[test]
fn a_retired_name_is_used_again_and_counts_on() {
    given(vec![registered(), added("work", "a@x", 1), address_retired("work")])
        .when(add("work", "a@x"))
        .then(vec![added("work", "a@x", 2)]);
}

#[test]
fn addresses_are_bounded() {
    let mut events = vec![registered()];
    events.extend((0..MAX_ADDRESSES).map(|n| added(&format!("a{n}"), "a@x", 1)));
    given(events)
        .when(add("work", "a@x"))
        .refused(Refusal::TooManyAddresses { address_count: MAX_ADDRESSES });
}

#[test]
fn names_of_addresses_are_bounded() {
    let mut events = vec![registered()];
    for n in 0..MAX_ADDRESS_NAMES {
        events.push(added(&format!("a{n}"), "a@x", 1));
        events.push(address_retired(&format!("a{n}")));
    }
    given(events.clone())
        .when(add("work", "a@x"))
        .refused(Refusal::TooManyAddressNames { name_count: MAX_ADDRESS_NAMES });
    given(events).when(add("a0", "a@x")).then(vec![added("a0", "a@x", 2)]);
}

#[test]
fn an_address_is_changed() {
    given(vec![registered(), added("work", "a@x", 1)])
        .when(change("b@x"))
        .then(vec![changed("b@x", 2)]);
}

#[test]
fn changing_an_address_to_what_it_is_changes_nothing() {
    given(vec![registered(), added("work", "a@x", 1), changed("b@x", 2)])
        .when(change("b@x"))
        .then(vec![]);
}

#[test]
fn an_address_that_is_not_in_use_is_not_changed() {
    let refusal = || Refusal::NoSuchAddress { address: name("work") };
    given(vec![registered()]).when(change("b@x")).refused(refusal());
    given(vec![registered(), added("work", "a@x", 1), address_retired("work")])
        .when(change("b@x"))
        .refused(refusal());
}

#[test]
fn an_address_is_retired() {
    given(vec![registered(), added("work", "a@x", 1)])
        .when(retire_address())
        .then(vec![address_retired("work")]);
}

#[test]
fn retiring_an_address_twice_changes_nothing() {
    given(vec![registered(), added("work", "a@x", 1), address_retired("work")])
        .when(retire_address())
        .then(vec![]);
}

#[test]
fn an_unknown_address_is_not_retired() {
    given(vec![registered()])
        .when(retire_address())
        .refused(Refusal::NoSuchAddress { address: name("work") });
}

#[test]
fn an_entitlement_is_granted() {
    given(vec![registered()]).when(grant("desk", None)).then(vec![granted("desk", None)]);
}

#[test]
fn granting_twice_changes_nothing_but_another_end_does() {
    let events = vec![registered(), granted("desk", None)];
    given(events.clone()).when(grant("desk", None)).then(vec![]);
    given(events).when(grant("desk", Some(NOW))).then(vec![granted("desk", Some(NOW))]);
}

#[test]
fn grants_are_bounded() {
    let mut events = vec![registered()];
    events.extend((0..MAX_GRANTS).map(|n| granted(&format!("g{n}"), None)));
    given(events)
        .when(grant("desk", None))
        .refused(Refusal::TooManyGrants { grant_count: MAX_GRANTS });
}

#[test]
fn a_grant_holds_until_its_end() {
    let state = fold::<Rules>(&[registered(), granted("desk", Some(NOW))]);
    let Recipient::Active(known) = state else { unreachable!() };
    let before = Timestamp::from_unix_micros(NOW.unix_micros() - 1);
    assert!(known.entitlement(&name("risk"), before).is_some());
    assert!(known.entitlement(&name("risk"), NOW).is_none());
    assert!(known.entitlement(&name("sales"), before).is_none());
}

#[test]
fn an_entitlement_is_revoked() {
    given(vec![registered(), granted("desk", None)]).when(revoke()).then(vec![revoked()]);
}

#[test]
fn revoking_twice_changes_nothing() {
    given(vec![registered(), granted("desk", None), revoked()]).when(revoke()).then(vec![]);
}

#[test]
fn a_grant_that_never_was_is_not_revoked() {
    given(vec![registered()]).when(revoke()).refused(Refusal::NoSuchGrant { grant: name("desk") });
}

#[test]
fn a_recipient_is_retired() {
    given(vec![registered()]).when(retire()).then(vec![retired()]);
}

#[test]
fn retiring_twice_changes_nothing() {
    given(vec![registered(), retired()]).when(retire()).then(vec![]);
}

#[test]
fn an_unknown_recipient_is_not_retired() {
    given(vec![]).when(retire()).refused(Refusal::NotRegistered);
}

#[test]
fn a_retired_recipient_is_left_alone() {
    let commands =
        [Command::Change(profile()), add("work", "a@x"), change("b@x"), retire_address(), revoke()];
    for command in commands {
        given(vec![registered(), retired()]).when(command).refused(Refusal::Retired);
    }
    given(vec![registered(), retired()]).when(grant("desk", None)).refused(Refusal::Retired);
}
