//! A subscription of a group, and its members.

use super::*;

/// A member of desk, or no member any more.
fn desk(world: &mut World, event: GroupEvent) {
    world.tell(&StreamId::group(&acme(), &name("desk")), event);
}

fn member(id: &str) -> Addressee {
    Addressee::Recipient(name(id))
}

/// Desk, subscribed to risk, with these members, who can all be reached.
fn with_desk(members: &[&str]) -> World {
    let mut world = World::default();
    desk(&mut world, GroupEvent::GroupCreated { title: "Desk".to_owned() });
    for id in members {
        world.recipient(id, reachable());
        desk(&mut world, GroupEvent::MemberAdded { member: member(id) });
    }
    let own = body("nobody", "risk");
    let (selector, preferences) = (own.selector, own.preferences);
    let body = GroupSubscriptionBody { group: name("desk"), selector, preferences };
    world.subscription("desk-risk", SubscriptionEvent::GroupSubscribed { version: 1, body });
    world
}

#[test]
fn each_member_of_a_subscribed_group_gets_a_delivery_that_names_the_group() {
    let mut world = with_desk(&["ada", "bob"]);
    world.subscribe("ada-own", body("ada", "risk"));
    let plan = world.plan(&risk(), 0, None);
    let told: Vec<_> = plan
        .deliveries
        .iter()
        .map(|(_, plan)| (plan.recipient.as_str(), plan.subscription.as_str(), plan.group.clone()))
        .collect();
    let group = || Some(name("desk"));
    assert_eq!(told, [("ada", "ada-own", None), ("bob", "desk-risk", group())]);
    let same = NotPlanned {
        recipient: name("ada"),
        subscription: name("desk-risk"),
        subscription_version: 1,
        group: group(),
        reason: NotPlannedReason::SameDelivery,
    };
    assert_eq!(plan.slice.decisions, [same]);
}

#[test]
fn members_who_come_and_go_between_slices_leave_the_sums_closed() {
    let mut world = with_desk(&["ada", "bob", "eve"]);
    let version = risk();
    let plan = |world: &World, slice, after: Option<&RecipientId>| {
        let request = SliceRequest { tenant: &acme(), version: &version, slice, after, now: NOW };
        plan_slice(&world.index, &Schedules::default(), request, |_| true)
    };
    let mut state = distribution::Distribution::default();
    let receive = distribution::Command::Receive(Box::new(risk()));
    run::<distribution::Rules>(&mut state, receive).unwrap();
    let first = plan(&world, 0, None);
    assert_eq!(first.slice.through, Some(name("ada")));
    // Ada, planned already, leaves; eve, who is still to come, too; aaron and zoe join.
    for id in ["ada", "eve"] {
        desk(&mut world, GroupEvent::MemberRemoved { member: member(id) });
    }
    for id in ["aaron", "zoe"] {
        world.recipient(id, reachable());
        desk(&mut world, GroupEvent::MemberAdded { member: member(id) });
    }
    let (mut slice, mut planned) = (first, Vec::new());
    loop {
        planned.extend(slice.deliveries.iter().map(|(_, plan)| plan.recipient.to_string()));
        let (number, through) = (slice.slice.slice + 1, slice.slice.through.clone());
        run::<distribution::Rules>(&mut state, distribution::Command::PlanSlice(slice.slice))
            .unwrap();
        let Some(after) = through else { break };
        slice = plan(&world, number, Some(&after));
    }
    assert_eq!(planned, ["ada", "bob", "zoe"]);
    let sums = &state.run().unwrap().sums;
    assert_eq!((sums.considered, sums.planned), (3, 3));
}
