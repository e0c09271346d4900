use aggregates::{fold, subscription};
use schema::events::{RecipientEvent, SubscriptionEvent};
use schema::{AggregateType, ChannelKind, Position, StreamId, Timestamp};

use crate::history::{Answer, AsOf, Difference, stream_of};
use crate::world::{World, acme, body, sealed};

fn life() -> Vec<SubscriptionEvent> {
    vec![
        SubscriptionEvent::Subscribed { version: 1, body: body("ada", "risk") },
        SubscriptionEvent::SubscriptionPaused { version: 2, until: None, reason: "away".into() },
        SubscriptionEvent::SubscriptionResumed { version: 3 },
        SubscriptionEvent::Unsubscribed { version: 4, reason: "done".into() },
    ]
}

#[tokio::test]
async fn each_position_and_its_instant_answer_with_the_fold_of_what_lies_before() {
    let mut world = World::new().await;
    let stream = StreamId::subscription(&acme(), &"ada-risk".parse().unwrap());
    let mut taken = Vec::new();
    for event in life() {
        taken.extend(world.tell(&stream, vec![event]).await);
    }
    let (ledger, head) = (&world.test.ledger, world.head().await);
    for (index, event) in taken.iter().enumerate() {
        let at = AsOf::Instant(event.recorded_at).resolve(ledger, head).await.unwrap();
        assert_eq!((at.position, at.recorded_at), (event.position, event.recorded_at));
        let told = Answer::of(ledger, &acme(), &stream, at).await.unwrap();
        let expected = fold::<subscription::Rules>(&life()[..=index]);
        assert_eq!(told.state, serde_json::to_value(expected).unwrap());
        assert_eq!(told.last_change.unwrap().position, event.position);
        let other = "other".parse().unwrap();
        let told = Answer::of(ledger, &other, &stream, at).await.unwrap();
        assert_eq!((told.state, told.last_change), ("unknown".into(), None));
    }
    let ahead = Position(head.0 + 1);
    let told = AsOf::Position(ahead).resolve(ledger, head).await.unwrap_err();
    let rule = format!("position: \"{ahead}\" must be 1 to {head}, where the log now ends");
    assert_eq!(told.to_string(), rule);
    let early = AsOf::Instant(Timestamp::from_unix_micros(0));
    let told = early.resolve(ledger, head).await.unwrap_err();
    assert!(told.to_string().starts_with("at: \"1970-01-01"), "{told}");
    let ahead = AsOf::Instant(Timestamp::from_unix_micros(4_000_000_000_000_000));
    let told = ahead.resolve(ledger, head).await.unwrap_err().to_string();
    let rule = "at: \"2096-10-02T07:06:40.000000Z\" must not lie behind 20";
    assert!(told.starts_with(rule) && told.ends_with(", the database's time"), "{told}");
    let ahead = AsOf::Instant(Timestamp::from_unix_micros(4_000_000_000_000_000));
    let told = ahead.resolve(ledger, head).await.unwrap_err().to_string();
    let rule = "at: \"2096-10-02T07:06:40.000000Z\" must not lie behind 20";
    assert!(told.starts_with(rule) && told.ends_with(", the database's time"), "{told}");
}

#[tokio::test]
async fn a_difference_names_what_changed_and_by_which_events_and_tells_nothing_sealed() {
    let mut world = World::new().await;
    let stream = stream_of(&acme(), AggregateType::Recipient, "ada").unwrap();
    let value = |clear, nonce| (sealed(clear, nonce), "d1".parse().unwrap());
    let added = |name: &str| {
        let (value, destination) = value("a@x", "1");
        let (address, channel) = (name.parse().unwrap(), ChannelKind::Mail);
        RecipientEvent::AddressAdded { address, channel, value, destination, revision: 1 }
    };
    let changed = |clear, revision| {
        let ((value, destination), address) = (value(clear, "2"), "work".parse().unwrap());
        RecipientEvent::AddressChanged { address, value, destination, revision }
    };
    let profile = schema::events::RecipientProfile {
        kind: schema::events::RecipientKind::Person,
        name: Some(sealed("Ada", "1")),
        locale: "en".into(),
        zone: "UTC".parse().unwrap(),
    };
    let renamed = schema::events::RecipientProfile { locale: "de".into(), ..profile.clone() };
    let begun = vec![RecipientEvent::RecipientRegistered(profile), added("work"), added("home")];
    let begun = world.tell(&stream, begun).await;
    let more = vec![
        changed("b@x", 2),
        changed("a@x", 3),
        RecipientEvent::RecipientChanged(renamed),
        changed("c@x", 4),
    ];
    let more = world.tell(&stream, more).await;
    let between = async |from: Position, to: Position| {
        let span = (world.moment(from).await, world.moment(to).await);
        let told = Difference::of(&world.test.ledger, &acme(), &stream, span).await;
        told.map(|told| (told.fields, told.events.len()))
    };
    let from = begun[2].position;
    let (fields, events) = between(from, more[1].position).await.unwrap();
    let names: Vec<_> = fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!((names, events), (vec!["addresses.work.revision"], 2), "the same value again");

    let (fields, events) = between(from, more[3].position).await.unwrap();
    let names: Vec<_> =
        fields.iter().map(|field| (field.field.as_str(), field.is_sealed)).collect();
    let value = ("addresses.work.endpoint.value", true);
    let expected = [value, ("addresses.work.revision", false), ("profile.locale", false)];
    assert_eq!((names, events), (expected.to_vec(), 4));
    assert_eq!(fields[0].after, Some("sealed".into()));
    assert_eq!(between(from, from).await.unwrap(), (vec![], 0));
    let told = between(more[0].position, from).await.unwrap_err().to_string();
    let rule = format!("must not lie behind the later moment, position {from}");
    assert_eq!(told, format!("from: \"{}\" {rule}", more[0].position));
}
