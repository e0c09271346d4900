//! Groups in the index: who is a member, who is considered, what a send is asked again.

use schema::events::{
    DeliveryPlan, GroupEvent, GroupSubscriptionBody, SubscriptionEvent, SuppressReason,
};
use schema::{Addressee, GroupId, RecipientId, StreamId};

use super::{ada, denied_of, ids, tell};
use crate::group::Nesting;
use crate::routing::RoutingIndex;
use crate::samples::{acme, body, name, plan};

fn stream(group: &str) -> StreamId {
    StreamId::group(&acme(), &name(group))
}

fn added(member: Addressee) -> GroupEvent {
    GroupEvent::MemberAdded { member }
}

fn person(id: &str) -> Addressee {
    Addressee::Recipient(name(id))
}

fn inner(id: &str) -> Addressee {
    Addressee::Group(name(id))
}

fn group(index: &mut RoutingIndex, id: &str, members: Vec<Addressee>) {
    tell(index, &stream(id), 1, GroupEvent::GroupCreated { title: id.to_owned() });
    for (sequence, member) in (2..).zip(members) {
        tell(index, &stream(id), sequence, added(member));
    }
}

fn of_group(group: &str) -> SubscriptionEvent {
    let own = body("nobody", "risk");
    let (selector, preferences) = (own.selector, own.preferences);
    let body = GroupSubscriptionBody { group: name(group), selector, preferences };
    SubscriptionEvent::GroupSubscribed { version: 1, body }
}

fn subscription(id: &str) -> StreamId {
    StreamId::subscription(&acme(), &name(id))
}

/// Floor holds bob and desk; desk holds ada, cy and, by two nodes at the same moment, floor. Floor is subscribed.
fn floor() -> RoutingIndex {
    let mut index = ada();
    group(&mut index, "floor", vec![person("bob"), inner("desk")]);
    group(&mut index, "desk", vec![person("cy"), person("ada"), inner("floor")]);
    tell(&mut index, &subscription("floor-risk"), 1, of_group("floor"));
    index
}

fn pairs(index: &RoutingIndex) -> Vec<(String, Vec<String>)> {
    let candidates = index.candidates(&acme(), &name("risk"), None);
    let told = candidates.map(|one| {
        let ids = one.subscriptions.iter().map(|(id, _)| id.to_string()).collect();
        (one.recipient.to_string(), ids)
    });
    told.collect()
}

fn pair(recipient: &str, subscriptions: &[&str]) -> (String, Vec<String>) {
    (recipient.to_owned(), subscriptions.iter().map(|id| (*id).to_owned()).collect())
}

#[test]
fn members_are_considered_in_key_order_with_their_own_subscriptions_each_pair_once() {
    let index = floor();
    let (ada, bob) = (pair("ada", &["ada-risk", "floor-risk"]), pair("bob", &["floor-risk"]));
    assert_eq!(pairs(&index), [ada, bob, pair("cy", &["floor-risk"])]);
    assert_eq!(ids(&index, "risk", Some("bob")), ["floor-risk"]);
    assert_eq!(ids(&index, "risk", Some("cy")), [""; 0]);
    assert_eq!(ids(&index, "sales", None), [""; 0]);
}

#[test]
fn who_opted_out_is_not_considered_and_who_left_neither() {
    let mut index = floor();
    let (version, reason) = (2, "one_click".to_owned());
    let out = SubscriptionEvent::MemberOptedOut { version, recipient: name("bob"), reason };
    tell(&mut index, &subscription("floor-risk"), 2, out);
    tell(&mut index, &stream("desk"), 5, GroupEvent::MemberRemoved { member: person("cy") });
    assert_eq!(pairs(&index), [pair("ada", &["ada-risk", "floor-risk"])]);
}

#[test]
fn a_group_that_was_retired_has_no_members_wherever_it_lies() {
    let mut index = floor();
    let retired = || GroupEvent::GroupRetired { reason: "closed".to_owned() };
    tell(&mut index, &stream("desk"), 5, retired());
    assert_eq!(pairs(&index), [pair("ada", &["ada-risk"]), pair("bob", &["floor-risk"])]);
    tell(&mut index, &stream("floor"), 4, retired());
    assert_eq!(pairs(&index), [pair("ada", &["ada-risk"])]);
}

#[test]
fn a_subscription_that_moves_to_another_report_takes_the_group_along() {
    let mut index = floor();
    let mut own = body("nobody", "sales");
    own.preferences.deadline_s = Some(9);
    let (selector, preferences) = (own.selector, own.preferences);
    let body = GroupSubscriptionBody { group: name("floor"), selector, preferences };
    let changed = SubscriptionEvent::GroupSubscriptionChanged { version: 2, body };
    tell(&mut index, &subscription("floor-risk"), 2, changed);
    assert_eq!(pairs(&index), [pair("ada", &["ada-risk"])]);
    assert_eq!(ids(&index, "sales", None), ["floor-risk"; 3]);
}

#[test]
fn a_send_to_a_member_needs_the_membership_still() {
    let of_floor =
        DeliveryPlan { subscription: name("floor-risk"), group: Some(name("floor")), ..plan() };
    let mut index = floor();
    assert_eq!(denied_of(&index, &of_floor), None);
    let (version, reason) = (2, "one_click".to_owned());
    let out = SubscriptionEvent::MemberOptedOut { version, recipient: name("ada"), reason };
    tell(&mut index, &subscription("floor-risk"), 2, out);
    assert_eq!(denied_of(&index, &of_floor), Some(SuppressReason::Unsubscribed));
    let back = SubscriptionEvent::MemberOptedIn { version: 3, recipient: name("ada") };
    tell(&mut index, &subscription("floor-risk"), 3, back);
    assert_eq!(denied_of(&index, &of_floor), None);
    tell(&mut index, &stream("desk"), 5, GroupEvent::MemberRemoved { member: person("ada") });
    assert_eq!(denied_of(&index, &of_floor), Some(SuppressReason::NotMember));
    assert_eq!(denied_of(&index, &plan()), None);
}

#[test]
fn how_groups_lie_in_each_other_is_known() {
    let mut index = RoutingIndex::new();
    group(&mut index, "a", vec![inner("b")]);
    group(&mut index, "b", vec![inner("c"), person("ada")]);
    group(&mut index, "c", vec![]);
    group(&mut index, "x", vec![]);
    let nesting = |group: &str, member: &str| index.nesting(&acme(), &name(group), &name(member));
    let round = ["a", "b", "c"].map(name::<GroupId>).to_vec();
    assert_eq!(nesting("c", "a"), Nesting { way_back: round, above: 3, below: 3 });
    assert_eq!(nesting("c", "x"), Nesting { way_back: vec![], above: 3, below: 1 });
    assert_eq!(nesting("x", "x").way_back, [name::<GroupId>("x")]);
    let ada: RecipientId = name("ada");
    assert_eq!(index.groups_of(&acme(), &ada), [&name::<GroupId>("a"), &name("b")]);
    assert!(index.is_member(&acme(), &name("a"), &ada));
    assert!(!index.is_member(&acme(), &name("c"), &ada));
    assert!(!index.is_member(&name("apex"), &name("a"), &ada));
}

/// What a slice costs must not go by how many lie before it.
#[test]
fn a_hundred_thousand_members_cost_the_subscription_one_row() {
    let mut index = RoutingIndex::new();
    tell(&mut index, &stream("all"), 1, GroupEvent::GroupCreated { title: "all".to_owned() });
    for n in 0..100_000 {
        tell(&mut index, &stream("all"), n + 2, added(person(&format!("r{n:06}"))));
    }
    tell(&mut index, &subscription("all-risk"), 1, of_group("all"));
    let routes = &index.tenants[&acme()].of_report[&name("risk")];
    assert_eq!((routes.recipients.len(), routes.groups.len()), (0, 1));
    let after = name("r049999");
    let next = index.candidates(&acme(), &name("risk"), Some(&after)).next();
    assert_eq!(next.map(|one| one.recipient.to_string()), Some("r050000".to_owned()));
}

#[test]
fn a_recipient_has_its_own_subscriptions_and_those_of_its_groups_also_when_it_opted_out() {
    let mut index = floor();
    let out = SubscriptionEvent::MemberOptedOut {
        version: 2,
        recipient: name("ada"),
        reason: "one_click".to_owned(),
    };
    tell(&mut index, &subscription("floor-risk"), 2, out);
    let ada = name("ada");
    let own: Vec<_> = index.own(&acme(), &ada).into_iter().map(|own| (own.id, own.group)).collect();
    let (first, floor, group) = (name("ada-risk"), name("floor-risk"), name("floor"));
    assert_eq!(own, vec![(&first, None), (&floor, Some(&group))]);
    assert!(index.own(&acme(), &name("nobody")).is_empty());
    let end = SubscriptionEvent::Unsubscribed { version: 2, reason: "x".to_owned() };
    tell(&mut index, &subscription("ada-risk"), 2, end);
    assert_eq!(index.own(&acme(), &ada).len(), 1, "what has ended is none");
}

#[test]
fn a_group_lies_within_itself_and_within_those_that_hold_it() {
    let mut index = floor();
    group(&mut index, "roof", vec![inner("floor")]);
    let within = |outer: &str, inner: &str| index.is_within(&acme(), &name(outer), &name(inner));
    assert!(within("roof", "desk") && within("floor", "floor"));
    assert!(!within("desk", "roof") && !within("nowhere", "desk"));
}
