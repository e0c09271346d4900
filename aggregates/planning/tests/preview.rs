use std::collections::BTreeMap;

use schema::events::{GroupEvent, GroupSubscriptionBody, NotPlannedReason, SubscriptionEvent};
use schema::{
    Addressee, AttributeValue, ChannelKind, Format, Preferences, RecipientId, ReportSelector,
    Selector, StreamId, SubscriptionId, Timing,
};

use super::super::{Preview, PreviewRequest, Previewed, Would, preview};
use super::{World, ada, reachable, risk};
use crate::run;
use crate::samples::{NOW, acme, body, name};
use crate::subscription::{Command, Rules, Subscription, Wish};

fn wish(subscriber: Addressee) -> Wish {
    let channels = vec![ChannelKind::Mail];
    Wish {
        subscriber,
        selector: Selector { report: ReportSelector::Every, attributes: BTreeMap::new() },
        preferences: Preferences {
            channels,
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    }
}

fn member(id: &str) -> Addressee {
    Addressee::Recipient(name(id))
}

/// A group with these members, who can all be reached.
fn with_group(world: &mut World, group: &str, members: &[&str]) {
    let stream = StreamId::group(&acme(), &name(group));
    world.tell(&stream, GroupEvent::GroupCreated { title: "Desk".to_owned() });
    for id in members {
        world.recipient(id, reachable());
        world.tell(&stream, GroupEvent::MemberAdded { member: member(id) });
    }
}

/// Desk, subscribed to risk.
fn with_desk(members: &[&str]) -> World {
    let mut world = World::default();
    with_group(&mut world, "desk", members);
    let own = body("nobody", "risk");
    let (selector, preferences) = (own.selector, own.preferences);
    let body = GroupSubscriptionBody { group: name("desk"), selector, preferences };
    world.subscription("desk-risk", SubscriptionEvent::GroupSubscribed { version: 1, body });
    world
}

fn begun(wish: Wish) -> Subscription {
    let mut state = Subscription::default();
    run::<Rules>(&mut state, Command::Subscribe(wish)).unwrap();
    state
}

/// What is said of the risk report, behind `after`, of `limit` recipients.
fn part(
    world: &World,
    subscription: &Subscription,
    id: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Preview {
    let id: Option<SubscriptionId> = id.map(name);
    let after: Option<RecipientId> = after.map(name);
    let request = PreviewRequest {
        tenant: &acme(),
        subscription,
        id: id.as_ref(),
        version: &risk(),
        after: after.as_ref(),
        limit,
        now: NOW,
    };
    preview(&world.index, request)
}

fn whole(world: &World, wish: Wish) -> Preview {
    part(world, &begun(wish), None, None, 100)
}

fn names(preview: &Preview) -> Vec<&str> {
    preview.decisions.iter().map(|previewed| previewed.recipient.as_str()).collect()
}

fn only(preview: Preview) -> Result<Would, NotPlannedReason> {
    assert_eq!(preview.decisions.len(), 1);
    preview.decisions.into_iter().next().unwrap().decision
}

#[test]
fn a_matching_version_is_told_with_channel_and_format() {
    let mut wish = wish(member("ada"));
    wish.preferences.channels = vec![ChannelKind::Webhook, ChannelKind::Mail];
    wish.preferences.formats = vec![Format::Xlsx, Format::Pdf];
    let would = Would {
        channel: ChannelKind::Mail,
        format: Some(Format::Pdf),
        same_delivery: None,
        planned: None,
    };
    let told = Previewed { recipient: name("ada"), decision: Ok(would) };
    let expected = Preview { is_match: true, decisions: vec![told], through: None };
    assert_eq!(whole(&ada(), wish), expected);
}

#[test]
fn of_a_version_that_is_not_selected_nobody_is_looked_at() {
    let of_region = |region: &str| {
        let mut wish = wish(member("ada"));
        let values = vec![AttributeValue::Text(region.to_owned())];
        wish.selector.attributes.insert("region".to_owned(), values);
        whole(&ada(), wish)
    };
    assert_eq!(of_region("US"), Preview::default());
    assert!(of_region("EU").is_match);
    let mut other = wish(member("ada"));
    other.selector.report = ReportSelector::Named(name("sales"));
    assert_eq!(whole(&ada(), other), Preview::default());
}

#[test]
fn who_would_get_nothing_is_told_why() {
    let mut on_webhook = wish(member("ada"));
    on_webhook.preferences.channels = vec![ChannelKind::Webhook];
    assert_eq!(only(whole(&ada(), on_webhook)), Err(NotPlannedReason::NoAddress));
    let mut as_workbook = wish(member("ada"));
    as_workbook.preferences.formats = vec![Format::Xlsx];
    assert_eq!(only(whole(&ada(), as_workbook)), Err(NotPlannedReason::NoFormat));
    let unknown = only(whole(&ada(), wish(member("bob"))));
    assert_eq!(unknown, Err(NotPlannedReason::NotEntitled));
}

#[test]
fn what_another_subscription_leads_to_already_is_told_but_not_what_its_own_did() {
    let mut world = ada();
    world.subscribe("s1", body("ada", "risk"));
    let same = |id| {
        let told = part(&world, &begun(wish(member("ada"))), id, None, 9);
        only(told).unwrap().same_delivery
    };
    assert_eq!(same(None), Some(name("s1")));
    assert_eq!(same(Some("s2")), Some(name("s1")));
    assert_eq!(same(Some("s1")), None);
    let mut inbox = wish(member("ada"));
    inbox.preferences.channels = vec![ChannelKind::Inbox];
    assert_eq!(only(whole(&world, inbox)).unwrap().same_delivery, None);
    let world = with_desk(&["ada"]);
    let by_group = only(whole(&world, wish(member("ada")))).unwrap().same_delivery;
    assert_eq!(by_group, Some(name("desk-risk")));
}

#[test]
fn members_come_in_parts_each_once_whatever_groups_they_are_in() {
    let mut world = with_desk(&["ada", "bob", "eve"]);
    with_group(&mut world, "floor", &["dan"]);
    let within = |group: &str, member| {
        (StreamId::group(&acme(), &name(group)), GroupEvent::MemberAdded { member })
    };
    let floor = Addressee::Group(name("floor"));
    for (stream, event) in [within("floor", member("bob")), within("desk", floor)] {
        world.tell(&stream, event);
    }
    let state = begun(wish(Addressee::Group(name("desk"))));
    let first = part(&world, &state, None, None, 2);
    assert_eq!((names(&first), first.through.clone()), (vec!["ada", "bob"], Some(name("bob"))));
    let last = part(&world, &state, None, Some("bob"), 2);
    assert_eq!((names(&last), last.through.clone()), (vec!["dan", "eve"], None));
    let nobody = part(&world, &state, None, Some("eve"), 2);
    assert_eq!((nobody.is_match, names(&nobody), nobody.through.clone()), (true, vec![], None));
}

#[test]
fn who_opted_out_is_no_member_of_it_and_a_pause_holds() {
    let world = with_desk(&["ada", "bob"]);
    let mut state = begun(wish(Addressee::Group(name("desk"))));
    let out = Command::OptOut { recipient: name("ada"), reason: "requested".to_owned() };
    run::<Rules>(&mut state, out).unwrap();
    assert_eq!(names(&part(&world, &state, None, None, 9)), ["bob"]);
    let pause = Command::Pause { until: None, reason: "leave".to_owned(), now: NOW };
    run::<Rules>(&mut state, pause).unwrap();
    let paused = only(part(&world, &state, None, None, 9));
    assert_eq!(paused, Err(NotPlannedReason::Paused));
}

#[test]
fn what_was_previewed_is_what_is_planned_once_it_is_subscribed() {
    let mut world = with_desk(&["ada", "bob"]);
    for (id, events) in [("eve", reachable()), ("zoe", reachable()[..2].to_vec())] {
        world.recipient(id, events);
        let wish = || wish(member(id));
        let told = whole(&world, wish());
        world.subscribe(id, body(id, "*"));
        let plan = world.plan(&risk(), 0, None);
        let planned = plan.deliveries.iter().find(|(_, plan)| plan.recipient.as_str() == id);
        let planned = planned.map(|(_, plan)| (plan.channel, plan.format));
        let refused = plan.slice.decisions.iter().find(|against| against.recipient.as_str() == id);
        let expected = planned.ok_or_else(|| refused.unwrap().reason);
        let previewed = only(told).map(|would| (would.channel, would.format));
        assert_eq!(previewed, expected, "{id}");
        assert_eq!(previewed.is_ok(), id == "eve");
    }
}
