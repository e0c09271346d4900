use schema::events::SuppressionReason;
use schema::{DeliveryId, Timestamp};

use super::{added, address_retired, changed, given, registered, retired};
use crate::decider::fold;
use crate::recipient::{
    Command, Event, MAX_SOFT_BOUNCES_KEPT, Recipient, Refusal, Rules, SoftBounce, SoftRule,
    Suppression, ToSuppress,
};
use crate::samples::{NOW, delivery_id, name};

const HOUR_MS: u64 = 3_600_000;
const RULE: SoftRule = SoftRule { limit: 3, within_ms: 24 * HOUR_MS, for_ms: HOUR_MS };

fn reachable() -> Vec<Event> {
    vec![registered(), added("work", "a@x", 1)]
}

fn after(mut events: Vec<Event>, more: &[Event]) -> Vec<Event> {
    events.extend_from_slice(more);
    events
}

fn suppress(reason: SuppressionReason, until: Option<Timestamp>) -> Command {
    let (address, delivery) = (name("work"), Some(delivery_id(0)));
    Command::SuppressAddress(ToSuppress { address, revision: 1, reason, until, delivery, now: NOW })
}

fn suppressed(reason: SuppressionReason, until: Option<Timestamp>) -> Event {
    let (address, delivery) = (name("work"), Some(delivery_id(0)));
    Event::AddressSuppressed { address, revision: 1, reason, until, delivery }
}

fn bounce(delivery: DeliveryId, at: Timestamp) -> Command {
    let address = name("work");
    Command::BounceSoftly(SoftBounce { address, revision: 1, delivery, at, rule: RULE })
}

fn bounced(delivery: DeliveryId, at: Timestamp) -> Event {
    Event::AddressBouncedSoftly { address: name("work"), revision: 1, delivery, at }
}

fn lift() -> Command {
    Command::LiftSuppression { address: name("work"), reason: "asked".to_owned() }
}

fn lifted() -> Event {
    Event::SuppressionLifted { address: name("work"), reason: "asked".to_owned() }
}

fn holds(events: &[Event], now: Timestamp) -> Option<Suppression> {
    let Recipient::Active(known) = fold::<Rules>(events) else { unreachable!() };
    known.address(&name("work")).and_then(|address| address.suppression(now))
}

#[test]
fn an_address_is_suppressed_until_its_end() {
    let until = NOW.plus_ms(HOUR_MS);
    let hard = suppressed(SuppressionReason::HardBounce, Some(until));
    given(reachable())
        .when(suppress(SuppressionReason::HardBounce, Some(until)))
        .then(vec![hard.clone()]);
    let events = after(reachable(), &[hard]);
    let just_before = Timestamp::from_unix_micros(until.unix_micros() - 1);
    let expected = Suppression { reason: SuppressionReason::HardBounce, until: Some(until) };
    assert_eq!(holds(&events, just_before), Some(expected));
    assert_eq!(holds(&events, until), None);
}

#[test]
fn a_suppression_that_lasts_as_long_changes_nothing_and_a_longer_one_does() {
    let until = NOW.plus_ms(HOUR_MS);
    let hard = SuppressionReason::HardBounce;
    let events = after(reachable(), &[suppressed(hard, Some(until))]);
    given(events.clone()).when(suppress(hard, Some(until))).then(vec![]);
    given(events.clone()).when(suppress(hard, Some(NOW))).then(vec![]);
    let for_good = suppressed(SuppressionReason::Complaint, None);
    given(events.clone())
        .when(suppress(SuppressionReason::Complaint, None))
        .then(vec![for_good.clone()]);
    given(after(events, &[for_good])).when(suppress(hard, Some(until))).then(vec![]);
}

#[test]
fn an_address_that_leads_elsewhere_by_now_is_neither_suppressed_nor_counted() {
    let events = after(reachable(), &[changed("b@x", 2)]);
    given(events.clone()).when(suppress(SuppressionReason::HardBounce, None)).then(vec![]);
    given(events).when(bounce(delivery_id(0), NOW)).then(vec![]);
    let gone = after(reachable(), &[address_retired("work")]);
    given(gone).when(suppress(SuppressionReason::HardBounce, None)).then(vec![]);
}

#[test]
fn a_change_of_the_address_ends_its_suppression_and_so_does_a_new_beginning() {
    let events = after(reachable(), &[suppressed(SuppressionReason::Complaint, None)]);
    assert!(holds(&events, NOW).is_some());
    assert_eq!(holds(&after(events.clone(), &[changed("b@x", 2)]), NOW), None);
    let again = [address_retired("work"), added("work", "b@x", 2)];
    assert_eq!(holds(&after(events, &again), NOW), None);
}

#[test]
fn what_is_not_there_is_not_suppressed() {
    let complaint = || suppress(SuppressionReason::Complaint, None);
    let refusal = || Refusal::NoSuchAddress { address: name("work") };
    given(vec![registered()]).when(complaint()).refused(refusal());
    given(vec![registered()]).when(bounce(delivery_id(0), NOW)).refused(refusal());
    given(vec![registered()]).when(lift()).refused(refusal());
    given(vec![]).when(complaint()).refused(Refusal::NotRegistered);
    given(vec![registered(), retired()]).when(complaint()).refused(Refusal::Retired);
}

#[test]
fn soft_bounces_are_counted_and_the_last_of_several_suppresses() {
    let at = |hours: u64| NOW.plus_ms(hours * HOUR_MS);
    let two = [bounced(delivery_id(0), at(0)), bounced(delivery_id(1), at(1))];
    given(reachable()).when(bounce(delivery_id(0), at(0))).then(vec![two[0].clone()]);
    let events = after(reachable(), &two);
    given(events.clone()).when(bounce(delivery_id(1), at(2))).then(vec![]);
    let (reason, until) = (SuppressionReason::RepeatedSoft, Some(at(3)));
    let (address, delivery) = (name("work"), Some(delivery_id(2)));
    let third = vec![
        bounced(delivery_id(2), at(2)),
        Event::AddressSuppressed { address, revision: 1, reason, until, delivery },
    ];
    given(events.clone()).when(bounce(delivery_id(2), at(2))).then(third.clone());
    // One more changes nothing while it is suppressed; when that has run out, counting begins anew.
    let events = after(events, &third);
    given(events.clone()).when(bounce(delivery_id(3), at(2))).then(vec![]);
    let fourth = vec![bounced(delivery_id(3), at(3))];
    given(events).when(bounce(delivery_id(3), at(3))).then(fourth);
}

#[test]
fn soft_bounces_of_long_ago_do_not_count() {
    let old = [bounced(delivery_id(0), NOW), bounced(delivery_id(1), NOW)];
    let at = NOW.plus_ms(RULE.within_ms);
    given(after(reachable(), &old))
        .when(bounce(delivery_id(2), at))
        .then(vec![bounced(delivery_id(2), at)]);
}

#[test]
fn soft_bounces_kept_are_bounded() {
    let many: Vec<_> = (0..30).map(|n| bounced(delivery_id(n), NOW)).collect();
    let Recipient::Active(known) = fold::<Rules>(&after(reachable(), &many)) else {
        unreachable!()
    };
    let kept = known.address(&name("work")).and_then(|address| address.returns.clone());
    assert_eq!(kept.map(|returns| returns.soft_bounces.len()), Some(MAX_SOFT_BOUNCES_KEPT));
}

#[test]
fn a_suppression_is_lifted_once_and_needs_a_reason() {
    let events = after(reachable(), &[suppressed(SuppressionReason::Complaint, None)]);
    given(events.clone()).when(lift()).then(vec![lifted()]);
    assert_eq!(holds(&after(events.clone(), &[lifted()]), NOW), None);
    given(after(events.clone(), &[lifted()])).when(lift()).then(vec![]);
    given(reachable()).when(lift()).then(vec![]);
    let silent = Command::LiftSuppression { address: name("work"), reason: String::new() };
    let refusal = crate::form::reason("").map_err(Refusal::Invalid).unwrap_err();
    given(events).when(silent).refused(refusal);
}
