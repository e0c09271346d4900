//! What becomes of a send, by what the other side answers.

use aggregates::delivery::Outcome;
use schema::events::{AttemptOutcome, DeadLetterReason, DeliveryEvent, NextStep};
use schema::{
    ChannelKind, FailureClass, Proof, RecipientId, Sha256, StreamId, WebhookKeys, WebhookPayload,
};
use secrecy::{ExposeSecret, SecretString};
use store::UnsubscribeLink;

use crate::sink::Answer;
use crate::world::{CSV, SECRET, TRACEPARENT, World, names, path, tenant};

fn ended(event: &DeliveryEvent) -> &AttemptOutcome {
    match event {
        DeliveryEvent::AttemptEnded { outcome, .. } => outcome,
        other => panic!("{other:?} is not the end of an attempt"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_answers_200_is_delivered_with_what_was_sent() {
    let world = World::open().await;
    world.webhook("bob").await;
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(names(&events), ["DeliveryScheduled", "AttemptStarted", "AttemptEnded"]);
    let started =
        DeliveryEvent::AttemptStarted { attempt: 1, node: "node-1".into(), address_revision: 1 };
    assert_eq!(events[1], started);
    let AttemptOutcome::Succeeded { receipt } = ended(&events[2]) else {
        panic!("{:?}", events[2])
    };
    let received = world.sink.received(&path("bob"));
    assert_eq!(received.len(), 1);
    assert_eq!((receipt.proof, receipt.status), (Proof::Delivered, 200));
    assert_eq!(receipt.content_sha256, Sha256::of(&received[0].body));
    let bob = RecipientId::try_new("bob").unwrap();
    let place = format!("{}#reply", StreamId::delivery(delivery));
    let reply = receipt.reply.as_ref().unwrap();
    let reply = world.store.vault.unseal(&tenant(), &bob, &place, reply).await.unwrap();
    assert_eq!(reply.expose_secret(), "ok");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_signed_traced_and_can_be_ended() {
    let world = World::open().await;
    world.webhook("bob").await;
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.until_closed(delivery).await;

    let received = &world.sink.received(&path("bob"))[0];
    let mut headers = http::HeaderMap::new();
    for (name, value) in &received.headers {
        let name: http::HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    standardwebhooks::Webhook::new(SECRET).unwrap().verify(&received.body, &headers).unwrap();
    let traceparent = &received.headers["traceparent"];
    assert_eq!(traceparent[..36], TRACEPARENT[..36]);
    assert_ne!(traceparent, TRACEPARENT);
    let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
    let text = body.to_string();
    assert!(text.contains("Market risk"), "{text}");
    assert!(text.contains(&Sha256::of(CSV).to_string()), "{text}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_followed_by_one_that_succeeds_under_the_same_id() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::Status(503), Answer::Status(200)]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    let expected =
        ["DeliveryScheduled", "AttemptStarted", "AttemptEnded", "AttemptStarted", "AttemptEnded"];
    assert_eq!(names(&events), expected);
    let AttemptOutcome::Failed { fault, next: NextStep::RetryAt { .. } } = ended(&events[2]) else {
        panic!("{:?}", events[2])
    };
    assert_eq!((fault.class, fault.code.as_str()), (FailureClass::Transient, "http.503"));
    let received = world.sink.received(&path("bob"));
    let ids: Vec<_> = received.iter().map(|request| &request.headers["webhook-id"]).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(received[0].body, received[1].body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_content_is_dead_lettered_at_once() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::Status(413)]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::DeadLettered);
    let AttemptOutcome::Failed { fault, next } = ended(&events[2]) else {
        panic!("{:?}", events[2])
    };
    assert_eq!(fault.code, "http.413");
    assert_eq!(*next, NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable });
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_given_up_at_their_limit() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), std::iter::repeat_n(Answer::Status(500), 9));
    let running = world.run("node-1");
    let mut plan = world.plan("bob", ChannelKind::Webhook);
    plan.retry.attempt_limit = 3;
    let delivery = world.schedule_plan(plan).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::DeadLettered);
    assert_eq!(world.sink.received(&path("bob")).len(), 3);
    let AttemptOutcome::Failed { next, .. } = ended(&events[6]) else { panic!("{:?}", events[6]) };
    assert_eq!(*next, NextStep::DeadLettered { reason: DeadLetterReason::AttemptsExhausted });
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_gone_is_given_up_at_once() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::Status(410)]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::DeadLettered);
    let AttemptOutcome::Failed { fault, .. } = ended(&events[2]) else { panic!("{:?}", events[2]) };
    // The name by which the reactor knows that the address is to be retired.
    assert_eq!((fault.class, fault.code.as_str()), (FailureClass::RecipientPermanent, "http.410"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_is_kept() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::RetryAfter(429, 1)]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, _) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    let stream = world.stream(delivery).await;
    let waited_us = stream[3].recorded_at.micros_since(stream[2].recorded_at);
    assert!(waited_us >= 990_000, "the second attempt began {waited_us} µs after the first");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_accepted_with_its_file_and_a_way_out() {
    let world = World::open().await;
    world.mailbox("ann").await;
    let running = world.run("node-1");
    let delivery = world.schedule_plan(world.plan("ann", ChannelKind::Mail)).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Accepted);
    let AttemptOutcome::Succeeded { receipt } = ended(&events[2]) else {
        panic!("{:?}", events[2])
    };
    assert_eq!((receipt.proof, receipt.status), (Proof::Accepted, 250));
    let mails = world.relay.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("risk.csv"), "{}", mails[0]);
    let (vault, subscription) = (&world.store.vault, crate::world::subscription("ann"));
    let link = UnsubscribeLink { tenant: tenant(), subscription, member: None };
    let token = vault.unsubscribe_token(&link);
    let headers = mails[0].replace("\n ", "");
    assert!(headers.contains(&format!("<https://reports.example.com/u/{token}>")), "{headers}");
    assert_eq!(vault.read_unsubscribe_token(&token), Some(link.clone()));
    // Of a group's subscription it names who opts out.
    let member = UnsubscribeLink { member: Some("ann".parse().unwrap()), ..link };
    let of_member = vault.unsubscribe_token(&member);
    assert_eq!(vault.read_unsubscribe_token(&of_member), Some(member));
    assert_eq!(vault.read_unsubscribe_token(&format!("x{token}")), None);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_recipient_is_suppressed_and_nothing_is_sent() {
    let world = World::open().await;
    world.webhook("bob").await;
    let bob = RecipientId::try_new("bob").unwrap();
    world.store.vault.erase(&tenant(), &bob).await.unwrap();
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Suppressed);
    assert_eq!(names(&events), ["DeliveryScheduled", "AttemptStarted", "DeliverySuppressed"]);
    assert!(world.sink.received(&path("bob")).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_set_otherwise_is_sent_to_as_it_was_set() {
    let world = World::open().await;
    world.webhook("bob").await;
    let (secret, token) = (SecretString::from(SECRET), SecretString::from("t0ken"));
    let keys = WebhookKeys {
        payload: WebhookPayload::Thin,
        headers: [("authorization".to_owned(), token)].into(),
        ..WebhookKeys::of_secret(secret)
    };
    world.configure("bob", &keys).await;
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.until_closed(delivery).await;
    let received = &world.sink.received(&path("bob"))[0];
    assert_eq!(received.headers["authorization"], "t0ken");
    let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
    assert!(body["data"]["artifacts"][0]["path"].is_string(), "{body}");
    running.stop().await;
}
