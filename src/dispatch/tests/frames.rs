//! A delivery that takes a rendered file with it: what becomes of it when that cannot be made or is lost.

use std::path::PathBuf;

use aggregates::delivery::Outcome;
use schema::events::{AttemptOutcome, DeliveryEvent};
use schema::{ChannelKind, DeliveryId, FailureClass, Format, Sha256};

use crate::world::{World, frame_of, path, tenant};

async fn scheduled(world: &World, run: schema::DistributionId, format: Format) -> DeliveryId {
    let mut plan = world.plan("bob", ChannelKind::Webhook);
    plan.distribution = run;
    plan.format = Some(format);
    world.schedule_plan(plan).await
}

fn faults(events: &[DeliveryEvent]) -> Vec<(FailureClass, String)> {
    let fault = |event: &DeliveryEvent| match event {
        DeliveryEvent::AttemptEnded { outcome: AttemptOutcome::Failed { fault, .. }, .. } => {
            Some((fault.class, fault.code.clone()))
        }
        _ => None,
    };
    events.iter().filter_map(fault).collect()
}

fn place(world: &World, sha256: Sha256) -> PathBuf {
    let name = sha256.to_string();
    let dir = world.directory().join(tenant().as_str());
    dir.join(&name[..2]).join(&name[2..4]).join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_planning_did_not_render_is_rendered_for_the_send() {
    let world = World::open().await;
    world.webhook("bob").await;
    let (run, _) = world.framed("framed", "n\n1\n2\n").await;
    let running = world.run("node-1");
    let delivery = scheduled(&world, run, Format::Csv).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!((outcome, faults(&events)), (Outcome::Delivered, vec![]));
    let received = world.sink.received(&path("bob"));
    let said: serde_json::Value = serde_json::from_slice(&received[0].body).unwrap();
    let file = &said["data"]["artifacts"][0];
    assert_eq!(file["name"], "frame.csv");
    assert_eq!(file["sha256"], Sha256::of(b"n\r\n1\r\n2\r\n").to_string());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendered_file_that_is_damaged_is_rendered_anew_for_the_next_attempt() {
    let world = World::open().await;
    world.webhook("bob").await;
    let (run, source) = world.framed("framed", "n\n1\n2\n").await;
    let frames = render::Frames::new(world.artifacts.as_ref().clone(), 1);
    let frame = frame_of(&source);
    let stored = frames.render(&tenant(), &source, &frame, Format::Parquet).await.unwrap();
    let size = usize::try_from(stored.size_bytes).unwrap();
    std::fs::write(place(&world, stored.sha256), vec![0; size]).unwrap();
    let running = world.run("node-1");
    let delivery = scheduled(&world, run, Format::Parquet).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(faults(&events), [(FailureClass::Transient, "render.file_damaged".to_owned())]);
    let mended = std::fs::read(place(&world, stored.sha256)).unwrap();
    assert_eq!(Sha256::of(&mended), stored.sha256);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_frame_fails_each_attempt_by_name_until_it_is_mended() {
    const WHOLE: &str = "n\n1\n2\n";
    let world = World::open().await;
    world.webhook("bob").await;
    let (run, source) = world.framed("framed", WHOLE).await;
    std::fs::write(place(&world, source.sha256), "n\n1\n3\n").unwrap();
    let running = world.run("node-1");
    let delivery = scheduled(&world, run, Format::Xlsx).await;

    world.until(delivery, "failure", |events| !faults(events).is_empty()).await;
    world.artifacts.put_bytes(&tenant(), WHOLE.into(), None).await.unwrap();
    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    let fault = (FailureClass::Config, "render.frame_unreadable".to_owned());
    assert!(faults(&events).iter().all(|one| *one == fault), "{events:?}");
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_that_outlasts_the_attempt_goes_on_and_serves_the_next() {
    let world = World::open().await;
    world.webhook("bob").await;
    let (run, _) = world.framed("framed", "n\n1\n2\n").await;
    // The lease has no room for anything but the send.
    let running = world.run_with("node-1", |config| config.lease_margin_ms = 1_000);
    let delivery = scheduled(&world, run, Format::Xlsx).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    let under_way = (FailureClass::Transient, "render.under_way".to_owned());
    assert!(!faults(&events).is_empty());
    assert!(faults(&events).iter().all(|one| *one == under_way), "{events:?}");
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}
