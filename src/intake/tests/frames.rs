use std::sync::Arc;

use schema::events::{DistributionEvent, ReportEvent, ReportProfile, SubscriptionEvent};
use schema::{
    ChannelKind, ColumnSpec, ColumnType, Format, Frame, LedgerEvent, StreamId, SubscriptionId,
};
use tokio_util::sync::CancellationToken;

use super::support::{World, acme, named, report, until};
use crate::{ReceiveReport, Received};

fn column(name: &str, kind: ColumnType) -> ColumnSpec {
    ColumnSpec { name: name.to_owned(), kind, nullable: false }
}

async fn declare(world: &World, columns: Vec<ColumnSpec>) {
    let profile = ReportProfile {
        title: "Market risk".to_owned(),
        owner: "desk-7".to_owned(),
        deadline_s: 3_600,
        columns,
        self_service: false,
    };
    let event = ReportEvent::ReportChanged(profile).into();
    world.append(StreamId::report(&acme(), &named("risk")), 1, vec![event]).await;
}

async fn framed(world: &World, content: &'static str) -> ReceiveReport {
    let artifacts = vec![world.artifact("risk.csv", content).await];
    ReceiveReport { artifacts, frame: Some("risk.csv".to_owned()), ..report("1") }
}

async fn files(world: &World) -> Vec<Option<Format>> {
    let deliveries = world.deliveries().await;
    let plan = |event| match event {
        schema::events::DeliveryEvent::DeliveryScheduled(plan) => Some(plan.format),
        _ => None,
    };
    deliveries.into_iter().filter_map(plan).collect()
}

/// Changes the first subscription on this channel so that it prefers one format.
async fn prefer(world: &World, format: Format) {
    let events = world.log(&[schema::AggregateType::Subscription]).await;
    let first = events.into_iter().next().unwrap();
    let LedgerEvent::Subscription(SubscriptionEvent::Subscribed { mut body, .. }) = first.event
    else {
        unreachable!()
    };
    body.preferences.formats = vec![format];
    let changed = SubscriptionEvent::SubscriptionChanged { version: 2, body };
    let id: SubscriptionId = first.stream.local_id().parse().unwrap();
    world.append(StreamId::subscription(&acme(), &id), 1, vec![changed.into()]).await;
}

#[tokio::test]
async fn what_is_known_of_a_frame_rides_in_the_event_and_the_plan_waits_for_its_turn() {
    let world = World::start(1).await;
    world.subscribe(1, &[ChannelKind::Webhook]).await;
    prefer(&world, Format::Xlsx).await;
    let columns = vec![column("desk", ColumnType::Text), column("var", ColumnType::Integer)];
    declare(&world, columns.clone()).await;
    let given = framed(&world, "desk,var\nrates,1\nfx,2\n").await;

    let received = world.intake.receive(given.clone()).await.unwrap();

    assert!(!received.is_planned && received.considered == 0, "{received:?}");
    let events = world.distributions().await;
    let [DistributionEvent::ReportReceived(version)] = &events[..] else {
        unreachable!("{events:?}")
    };
    let artifact = "risk.csv".to_owned();
    let frame = Frame { artifact, rows: 2, columns, longest_text: 5 };
    assert_eq!(version.frame, Some(frame.clone()));

    let cancel = CancellationToken::new();
    let planning = tokio::spawn(Arc::clone(&world.intake).plan(cancel.clone()));
    until("it is planned", || async { !files(&world).await.is_empty() }).await;
    assert_eq!(files(&world).await, [Some(Format::Xlsx)]);
    let source = &version.artifacts[0];
    let frames = render::Frames::new(world.artifacts.clone(), 1);
    let rendered = frames.rendered(&acme(), source, &frame, Format::Xlsx).await.unwrap();
    assert!(rendered.is_some(), "no attempt is started before its file is there");
    let others = frames.rendered(&acme(), source, &frame, Format::Parquet).await.unwrap();
    assert!(others.is_none(), "nobody asked for Parquet");
    cancel.cancel();
    planning.await.unwrap();

    let Received { repeated, .. } = world.intake.receive(given).await.unwrap();
    assert!(repeated);
}

#[tokio::test]
async fn the_same_file_as_a_frame_and_as_none_is_not_the_same_version() {
    let world = World::start(0).await;
    let given = framed(&world, "desk\nrates\n").await;
    world.intake.receive(ReceiveReport { frame: None, ..given.clone() }).await.unwrap();
    let error = world.intake.receive(given).await.unwrap_err();
    assert_eq!(error.reason(), "digest_differs");
}

#[tokio::test]
async fn a_frame_that_is_not_as_declared_is_refused_and_not_called_passing() {
    let world = World::start(0).await;
    declare(&world, vec![column("desk", ColumnType::Text), column("var", ColumnType::Integer)])
        .await;
    for (content, told) in [
        (
            "var,desk\n",
            r#"artifacts[0], line 1, column 1: "var" must be "desk", the declared column"#,
        ),
        (
            "desk,var\nrates,1.5\n",
            r#"artifacts[0], line 2, column "var": "1.5" must be a whole number of 64 bits"#,
        ),
    ] {
        let error = world.intake.receive(framed(&world, content).await).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_passing()), (told, false));
        assert_eq!(error.reason(), "invalid");
    }
    let given = framed(&world, "desk,var\n").await;
    let other = ReceiveReport { frame: Some("no.csv".to_owned()), ..given };
    let told = r#"frame: "no.csv" must be the name of one of the artifacts"#;
    assert_eq!(world.intake.receive(other).await.unwrap_err().to_string(), told);
    assert!(world.distributions().await.is_empty());
}
