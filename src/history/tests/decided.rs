use schema::Timestamp;
use schema::events::{NotPlannedReason, SubscriptionEvent};

use crate::history::{Hold, Moment, Question, Registration, Subscribed, Verdict, Why};
use crate::story::{delivery, story};
use crate::world::{World, acme};

async fn why(world: &World, version: &str, recipient: &str) -> Option<Why> {
    let (tenant, report) = (acme(), "risk".parse().unwrap());
    let (version, recipient) = (version.parse().unwrap(), recipient.parse().unwrap());
    let question =
        Question { tenant: &tenant, report: &report, version: &version, recipient: &recipient };
    let as_of = world.moment(world.head().await).await;
    Why::of(&world.test.ledger, question, as_of).await.unwrap()
}

#[tokio::test]
async fn each_decision_names_its_grounds() {
    let world = story().await;
    let ada = why(&world, "v1", "ada").await.unwrap();
    let [decision] = &ada.decisions[..] else { panic!("{ada:?}") };
    let Verdict::Planned { delivery: planned, grant, outcome, .. } = &decision.verdict else {
        panic!("{decision:?}")
    };
    assert_eq!((*planned, grant.as_str()), (delivery("v1", "ada", 0), "all"));
    assert_eq!(outcome.unwrap().as_str(), "delivered");
    assert_eq!((decision.subscription.as_str(), decision.subscription_version), ("ada-risk", 1));
    assert!(decision.read_at < decision.decided_by, "{decision:?}");
    assert_eq!(decision.slice, 0);

    for (recipient, version, reason) in
        [("cy", 1, NotPlannedReason::NotEntitled), ("dan", 2, NotPlannedReason::Paused)]
    {
        let told = why(&world, "v1", recipient).await.unwrap();
        let [decision] = &told.decisions[..] else { panic!("{told:?}") };
        assert_eq!(decision.verdict, Verdict::NotPlanned { reason });
        assert_eq!(decision.subscription_version, version);
        assert_eq!(decision.slice, 2);
        assert!(decision.read_at > ada.decisions[0].read_at, "{decision:?}");
        assert_eq!(told.unconsidered, None);
    }
    let bob = why(&world, "v1", "bob").await.unwrap().sentences();
    assert!(bob[0].ends_with("by webhook, dead_lettered"), "{bob:?}");
}

#[tokio::test]
async fn who_was_never_considered_is_told_what_was_so_then() {
    let world = story().await;
    let eve = why(&world, "v1", "eve").await.unwrap();
    let told = eve.unconsidered.clone().unwrap();
    assert_eq!((told.recipient, told.grant.unwrap().as_str()), (Registration::Active, "all"));
    let held = told.subscriptions.iter().map(|one| (one.version, one.selects.as_deref()));
    assert_eq!(held.collect::<Vec<_>>(), [(2, None), (1, Some("sales"))]);
    let read_at = told.read_at;
    let rule = format!(
        "never considered: slice 2 was planned as of position {read_at}; the recipient was registered, \
         entitled by grant all, and had of subscriptions only eve-risk (version 2, ended), \
         eve-sales (version 1, selects sales)"
    );
    assert_eq!(eve.sentences(), [rule]);

    let eve = why(&world, "v2", "eve").await.unwrap();
    let reason = NotPlannedReason::NotEntitled;
    assert_eq!(eve.decisions[0].verdict, Verdict::NotPlanned { reason });
    let zoe = why(&world, "v1", "zoe").await.unwrap().unconsidered.unwrap();
    assert_eq!(
        (zoe.recipient, zoe.grant, zoe.subscriptions),
        (Registration::Unknown, None, vec![])
    );
    assert_eq!(why(&world, "v9", "ada").await, None);
}

#[tokio::test]
async fn subscribers_come_page_by_page_and_pauses_are_judged_by_the_instant() {
    let mut world = story().await;
    let stream = schema::StreamId::subscription(&acme(), &"dan-risk".parse().unwrap());
    let before = world.head().await;
    let until = Timestamp::from_unix_micros(4_000_000_000_000_000);
    let (version, until_then, reason) = (4, Some(until), "away".into());
    let paused = SubscriptionEvent::SubscriptionPaused { version, until: until_then, reason };
    world.tell(&stream, vec![paused]).await;
    let (ledger, report) = (&world.test.ledger, "risk".parse().unwrap());
    let page = async |moment, after: Option<&str>, limit| {
        let after = after.map(|after| after.parse().unwrap());
        let page = (after.as_ref(), limit);
        let told = Subscribed::of(ledger, &acme(), &report, moment, page).await.unwrap();
        let names = told.subscribers.iter().map(|one| (one.recipient.to_string(), one.state));
        (names.collect::<Vec<_>>(), told.next_after.map(|next| next.to_string()))
    };
    let [cy, dan, eve] = ["cy", "dan", "eve"].map(|name| (name.to_owned(), Hold::Active));
    let then = world.moment(before).await;
    let all = vec![cy.clone(), dan.clone(), eve.clone()];
    assert_eq!(page(then, None, 9).await, (all.clone(), None));
    assert_eq!(page(then, None, 2).await, (vec![cy.clone(), dan], Some("dan".to_owned())));
    assert_eq!(page(then, Some("dan"), 2).await, (vec![eve.clone()], None));

    let now = world.moment(world.head().await).await;
    let held_back = vec![cy, ("dan".to_owned(), Hold::Paused), eve];
    assert_eq!(page(now, None, 9).await, (held_back, None));
    let late = Moment { at: until, ..now };
    assert_eq!(page(late, None, 9).await, (all, None), "the pause has run out by then");
}
