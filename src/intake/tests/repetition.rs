use schema::events::DistributionEvent;
use schema::{AttributeValue, ChannelKind, Sha256};
use store::{CommandOutcome, CommandRecord};

use super::support::{World, acme, report, version};
use crate::{IntakeConfig, ReceiveError, ReceiveReport};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_a_thousand_times_at_once_is_one_distribution() {
    let world = World::start(4).await;
    world.subscribe(3, &[ChannelKind::Webhook]).await;
    let second = world.node("two", IntakeConfig::default());

    let calls = (0..1_000).map(|number| {
        let intake = if number % 2 == 0 { world.intake.clone() } else { second.clone() };
        tokio::spawn(async move { intake.receive(report("1")).await.unwrap() })
    });
    let answers = futures::future::join_all(calls).await;

    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
    assert!(answers.iter().all(|answer| answer.distribution == answers[0].distribution));
    assert!(answers.iter().all(|answer| answer.planned == 3 && answer.is_planned));
    assert_eq!(world.distributions().await.len(), 2);
    let events = world.deliveries().await;
    assert_eq!(events.iter().filter(|one| one.is_scheduled()).count(), 3);
    // Permits of calls that came second are back; only what was launched holds any.
    let launched = world.permits.launched.lock().unwrap().len();
    assert_eq!(world.permits.free(), 4 - launched);
}

trait IsScheduled {
    fn is_scheduled(&self) -> bool;
}

impl IsScheduled for schema::events::DeliveryEvent {
    fn is_scheduled(&self) -> bool {
        matches!(self, Self::DeliveryScheduled(_))
    }
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_on_every_node() {
    let world = World::start(0).await;
    world.subscribe(3, &[ChannelKind::Webhook]).await;
    let first = world.intake.receive(report("1")).await.unwrap();
    for intake in [&world.intake, &world.node("two", IntakeConfig::default())] {
        let again = intake.receive(report("1")).await.unwrap();
        assert!(again.repeated);
        assert_eq!(again.distribution, first.distribution);
        assert_eq!((again.considered, again.planned), (3, 3));
        assert!(again.position <= first.position);
    }
}

#[tokio::test]
async fn the_same_version_with_another_digest_is_refused_and_told_the_way() {
    let world = World::start(0).await;
    world.intake.receive(report("1")).await.unwrap();
    for intake in [&world.intake, &world.node("two", IntakeConfig::default())] {
        let refused = intake.receive(changed("1")).await.unwrap_err();
        assert_eq!((refused.reason(), refused.field()), ("digest_differs", Some("version")));
        let told = refused.to_string();
        assert!(told.ends_with("as a new version that names this one in `corrects`"), "{told}");
        assert!(!refused.is_passing());
    }
    assert_eq!(world.distributions().await.len(), 2);
}

#[tokio::test]
async fn a_correction_marks_its_predecessor_in_the_same_transaction() {
    let world = World::start(0).await;
    world.intake.receive(report("1")).await.unwrap();
    let correction = ReceiveReport { corrects: Some(version("1")), ..changed("2") };

    world.intake.receive(correction.clone()).await.unwrap();
    assert!(world.intake.receive(correction).await.unwrap().repeated);

    let events = world.distributions().await;
    let marked = DistributionEvent::VersionCorrected { by: version("2") };
    assert_eq!(events.iter().filter(|event| **event == marked).count(), 1);
    assert_eq!(events.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_corrections_at_once_one_is_taken_and_the_other_is_told_of_it() {
    let world = World::start(0).await;
    world.intake.receive(report("1")).await.unwrap();
    let correct = |name: &'static str| {
        let intake = world.intake.clone();
        let given = ReceiveReport { corrects: Some(version("1")), ..changed(name) };
        async move { intake.receive(given).await }
    };
    let (one, two) = futures::join!(correct("2a"), correct("2b"));
    let refused = [one, two].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].field(), Some("corrects"));
    assert!(refused[0].to_string().starts_with("the version was already corrected by 2"));
    assert_eq!(world.distributions().await.len(), 5);
}

#[tokio::test]
async fn a_command_is_remembered_with_its_outcome_even_when_nothing_new_happened() {
    let world = World::start(0).await;
    world.intake.receive(report("1")).await.unwrap();
    let body_sha256 = Sha256::of(b"body");
    let record = CommandRecord {
        id: "key:publisher/abc".to_owned(),
        body_sha256,
        outcome: r#"{"version":"1"}"#.to_owned(),
    };
    let given = ReceiveReport { command: Some(record.clone()), ..report("1") };

    assert!(world.intake.receive(given.clone()).await.unwrap().repeated);

    let known = world.ledger.command(&acme(), &record.id, &body_sha256).await.unwrap();
    assert_eq!(known, Some(CommandOutcome::Seen { outcome: record.outcome }));
    let again = world.intake.receive(given).await.unwrap_err();
    assert!(matches!(again, ReceiveError::CommandSeen { .. }), "{again}");
}

fn changed(name: &str) -> ReceiveReport {
    let mut given = report(name);
    given.attributes.insert("final".to_owned(), AttributeValue::Bool(true));
    given
}
