use schema::events::{DeliveryEvent, Evidence};
use schema::{FailureClass, Fault, Position};

use crate::history::{Line, Replay, Subject, stream_of};
use crate::story::{delivery, paused, run_of, story};
use crate::world::{World, acme};

async fn lines(world: &World, subject: Subject) -> Vec<Line> {
    let tenant = acme();
    let mut replay = Replay::new(&world.test.ledger, &tenant, subject, world.head().await);
    let mut lines = Vec::new();
    while let Some(page) = replay.next().await.unwrap() {
        lines.extend(page);
    }
    assert!(lines.is_sorted_by(|a, b| a.position < b.position), "{lines:#?}");
    for line in &lines {
        assert!(!line.sentence.contains("hides"), "sealed: {line:?}");
    }
    lines
}

fn short(lines: &[Line]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line.stream.as_str(), line.event_type)).collect()
}

#[tokio::test]
async fn a_recipients_history_holds_its_deliveries_where_they_happened() {
    let world = story().await;
    let told = lines(&world, Subject::Recipient("bob".parse().unwrap())).await;
    let first = format!("delivery:{}", delivery("v1", "bob", 0));
    let again = format!("delivery:{}", delivery("v1", "bob", 1));
    let (bob, subscription) = ("recipient:acme/bob", "subscription:acme/bob-all");
    let expected = [
        (bob, "RecipientRegistered"),
        (bob, "AddressAdded"),
        (bob, "EntitlementGranted"),
        (subscription, "Subscribed"),
        (&first, "DeliveryScheduled"),
        (&first, "AttemptStarted"),
        (&first, "AttemptEnded"),
        (&first, "EvidenceRecorded"),
        (&again, "DeliveryScheduled"),
        (&again, "AttemptStarted"),
        (&again, "AttemptEnded"),
        (subscription, "Unsubscribed"),
    ];
    assert_eq!(short(&told), expected);
    assert_eq!(told[3].sentence, "version 1: bob subscribed to every report by webhook");

    let dan = lines(&world, Subject::Recipient("dan".parse().unwrap())).await;
    let run = format!("distribution:{}", run_of("v1"));
    let planned: Vec<_> = dan.iter().filter(|line| line.stream == run).collect();
    let [line] = &planned[..] else { panic!("{dan:#?}") };
    let why =
        "not planned for dan by subscription dan-risk (version 2): the subscription was paused";
    assert_eq!(line.sentence, why);
}

#[tokio::test]
async fn a_delivery_that_goes_on_pages_later_is_told_where_it_goes_on() {
    let mut world = story().await;
    let eve = stream_of(&acme(), "subscription".parse().unwrap(), "eve-sales").unwrap();
    let ada = stream_of(&acme(), "subscription".parse().unwrap(), "ada-risk").unwrap();
    let first =
        stream_of(&acme(), "delivery".parse().unwrap(), &delivery("v1", "ada", 0).to_string());
    let first = first.unwrap();
    let mut version = 2;
    for _ in 0..3 {
        let pauses = (0..150).map(|n| paused(version + n)).collect();
        world.tell(&eve, pauses).await;
        let fault = Fault {
            class: FailureClass::RecipientPermanent,
            code: "smtp.5.1.1".into(),
            reply: None,
            retry_after_ms: None,
        };
        let evidence = Evidence::Bounced { fault };
        world.tell(&first, vec![DeliveryEvent::EvidenceRecorded { evidence }]).await;
        world.tell(&ada, vec![paused(version)]).await;
        version += 150;
    }
    let told = lines(&world, Subject::Recipient("ada".parse().unwrap())).await;
    let first = first.to_string();
    let (bounced, paused) = ((first.as_str(), "EvidenceRecorded"), "SubscriptionPaused");
    let end = [bounced, ("subscription:acme/ada-risk", paused)].repeat(3);
    assert_eq!(short(&told)[told.len() - 6..], end);
    assert_eq!(short(&told).iter().filter(|line| line.0 == first).count(), 6);
}

#[tokio::test]
async fn a_reports_history_holds_its_versions_and_who_may_and_would_have_it() {
    let world = story().await;
    let told = lines(&world, Subject::Report("risk".parse().unwrap())).await;
    let told: Vec<_> =
        short(&told).into_iter().filter(|(stream, _)| !stream.contains("bob")).collect();
    let runs = [run_of("v1"), run_of("v2")].map(|run| format!("distribution:{run}"));
    let expected = [
        ("report:acme/risk", "ReportRegistered"),
        ("recipient:acme/ada", "EntitlementGranted"),
        ("recipient:acme/dan", "EntitlementGranted"),
        ("recipient:acme/eve", "EntitlementGranted"),
        ("subscription:acme/ada-risk", "Subscribed"),
        ("subscription:acme/cy-risk", "Subscribed"),
        ("subscription:acme/dan-risk", "Subscribed"),
        ("subscription:acme/eve-risk", "Subscribed"),
        ("subscription:acme/dan-risk", "SubscriptionPaused"),
        ("subscription:acme/eve-risk", "Unsubscribed"),
        (&runs[0], "ReportReceived"),
        (&runs[0], "SlicePlanned"),
        (&runs[0], "SlicePlanned"),
        (&runs[0], "SlicePlanned"),
        ("subscription:acme/ada-risk", "SubscriptionChanged"),
        ("subscription:acme/dan-risk", "SubscriptionResumed"),
        ("subscription:acme/eve-risk", "Subscribed"),
        ("recipient:acme/eve", "EntitlementRevoked"),
        (&runs[1], "ReportReceived"),
        (&runs[1], "SlicePlanned"),
        (&runs[1], "SlicePlanned"),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_streams_history_is_its_own_and_no_other_tenants() {
    let world = story().await;
    let kind = "subscription".parse().unwrap();
    for id in ["dan-risk", "acme/dan-risk"] {
        let told = lines(&world, Subject::Stream(stream_of(&acme(), kind, id).unwrap())).await;
        let sentences: Vec<_> = told.iter().map(|line| line.sentence.as_str()).collect();
        let expected = [
            "version 1: dan subscribed to risk by webhook",
            "version 2: paused until resumed: away",
            "version 3: resumed",
        ];
        assert_eq!(sentences, expected);
    }
    let stream = stream_of(&acme(), kind, "dan-risk").unwrap();
    let (other, ledger) = ("other".parse().unwrap(), &world.test.ledger);
    let through = Position(i64::MAX);
    assert_eq!(
        Replay::new(ledger, &other, Subject::Stream(stream), through).next().await.unwrap(),
        None
    );
    let bob = Subject::Recipient("bob".parse().unwrap());
    assert_eq!(Replay::new(ledger, &other, bob, through).next().await.unwrap(), None);
}
