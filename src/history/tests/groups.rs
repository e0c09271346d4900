//! What the past says of groups: who was subscribed by one, on what grounds a version came, and why not.

use schema::events::{GroupEvent, GroupSubscriptionBody, NotPlannedReason, SubscriptionEvent};
use schema::{Addressee, StreamId};

use crate::history::{Line, Question, Replay, Subject, Subscribed, Verdict, Why, stream_of};
use crate::story::story;
use crate::world::{World, acme, body};

fn group(name: &str) -> StreamId {
    StreamId::group(&acme(), &name.parse().unwrap())
}

fn person(name: &str) -> Addressee {
    Addressee::Recipient(name.parse().unwrap())
}

fn floor_risk() -> StreamId {
    StreamId::subscription(&acme(), &"floor-risk".parse().unwrap())
}

/// Behind the story: floor holds bob and desk, desk holds ada and cy. Floor subscribes to risk, v3 comes in, ada leaves
/// the desk, bob opts out, and v4 comes in.
async fn with_groups() -> World {
    let mut world = story().await;
    let made = |title: &str| GroupEvent::GroupCreated { title: title.to_owned() };
    let added = |member| GroupEvent::MemberAdded { member };
    let desk = vec![made("Desk"), added(person("ada")), added(person("cy"))];
    world.tell(&group("desk"), desk).await;
    let inner = Addressee::Group("desk".parse().unwrap());
    let floor = vec![made("Floor"), added(person("bob")), added(inner)];
    world.tell(&group("floor"), floor).await;
    let own = body("nobody", "risk");
    let (selector, preferences) = (own.selector, own.preferences);
    let body = GroupSubscriptionBody { group: "floor".parse().unwrap(), selector, preferences };
    let subscribed = SubscriptionEvent::GroupSubscribed { version: 1, body };
    world.tell(&floor_risk(), vec![subscribed]).await;
    world.publish("v3").await;
    let left = GroupEvent::MemberRemoved { member: person("ada") };
    world.tell(&group("desk"), vec![left]).await;
    let (version, reason) = (2, "one_click".to_owned());
    let out =
        SubscriptionEvent::MemberOptedOut { version, recipient: "bob".parse().unwrap(), reason };
    world.tell(&floor_risk(), vec![out]).await;
    world.publish("v4").await;
    world
}

async fn why(world: &World, version: &str, recipient: &str) -> Why {
    let (tenant, report) = (acme(), "risk".parse().unwrap());
    let (version, recipient) = (version.parse().unwrap(), recipient.parse().unwrap());
    let question =
        Question { tenant: &tenant, report: &report, version: &version, recipient: &recipient };
    let as_of = world.moment(world.head().await).await;
    Why::of(&world.test.ledger, question, as_of).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_decision_names_the_group_by_which_it_came() {
    let world = with_groups().await;
    let ada = why(&world, "v3", "ada").await;
    let [decision] = &ada.decisions[..] else { panic!("{ada:?}") };
    assert!(matches!(decision.verdict, Verdict::Planned { .. }), "{decision:?}");
    assert_eq!(decision.group, Some("floor".parse().unwrap()));
    let said = &ada.sentences()[0];
    let grounds =
        "planned by subscription floor-risk (version 1) as a member of group floor under grant all";
    assert!(said.starts_with(grounds), "{said}");
    let cy = why(&world, "v3", "cy").await;
    let reason = NotPlannedReason::NotEntitled;
    let by_floor = cy.decisions.iter().find(|one| one.subscription.as_str() == "floor-risk");
    assert_eq!(by_floor.unwrap().verdict, Verdict::NotPlanned { reason });
    assert_eq!(by_floor.unwrap().group, Some("floor".parse().unwrap()));
}

#[tokio::test]
async fn who_left_or_opted_out_is_told_so_with_what_was_left() {
    let world = with_groups().await;
    let ada = why(&world, "v4", "ada").await;
    let held = ada.unconsidered.unwrap().subscriptions;
    assert_eq!(held.iter().map(|one| one.subscription.as_str()).collect::<Vec<_>>(), ["ada-risk"]);
    let bob = why(&world, "v4", "bob").await;
    let said = &bob.sentences()[0];
    assert!(said.ends_with("floor-risk (version 2 as a member of group floor, ended)"), "{said}");
}

#[tokio::test]
async fn who_was_subscribed_lists_members_as_they_were() {
    let world = with_groups().await;
    let (ledger, report) = (&world.test.ledger, "risk".parse().unwrap());
    let by_floor = async |moment| {
        let all = (None, usize::MAX);
        let told = Subscribed::of(ledger, &acme(), &report, moment, all).await.unwrap();
        let of_floor = told.subscribers.into_iter().filter(|one| one.group.is_some());
        of_floor.map(|one| one.recipient.to_string()).collect::<Vec<_>>()
    };
    let left = ledger.load_stream(&group("desk"), 3).await.unwrap();
    let before = schema::Position(left[0].position.0 - 1);
    assert_eq!(by_floor(world.moment(before).await).await, ["ada", "bob", "cy"]);
    assert_eq!(by_floor(world.moment(world.head().await).await).await, ["cy"]);
}

async fn lines(world: &World, subject: Subject) -> Vec<Line> {
    let tenant = acme();
    let mut replay = Replay::new(&world.test.ledger, &tenant, subject, world.head().await);
    let mut lines = Vec::new();
    while let Some(page) = replay.next().await.unwrap() {
        lines.extend(page);
    }
    lines
}

fn told<'l>(lines: &'l [Line], of: &str) -> Vec<&'l str> {
    let of = lines.iter().filter(|line| line.stream.contains(of));
    of.map(|line| line.sentence.as_str()).collect()
}

#[tokio::test]
async fn a_recipients_history_holds_what_made_it_a_member_and_what_its_groups_are_subscribed_to() {
    let world = with_groups().await;
    let ada = lines(&world, Subject::Recipient("ada".parse().unwrap())).await;
    let desk = ["ada became a member", "ada is no member any more"];
    assert_eq!(told(&ada, "group:acme/desk"), desk);
    assert_eq!(told(&ada, "group:acme/floor"), ["members of group desk became members"]);
    let subscribed = "version 1: members of group floor subscribed to risk by webhook";
    assert_eq!(told(&ada, "floor-risk"), [subscribed]);
    let bob = lines(&world, Subject::Recipient("bob".parse().unwrap())).await;
    let out = "version 2: bob wants none of it: one_click";
    assert_eq!(told(&bob, "floor-risk"), [subscribed, out]);
    let risk = lines(&world, Subject::Report("risk".parse().unwrap())).await;
    assert_eq!(told(&risk, "floor-risk"), [subscribed, out]);
    let stream = stream_of(&acme(), "group".parse().unwrap(), "desk").unwrap();
    assert_eq!(lines(&world, Subject::Stream(stream)).await.len(), 4);
}
