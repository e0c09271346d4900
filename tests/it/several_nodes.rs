use std::time::Duration;

use futures::{StreamExt, stream};
use sink::{WebhookSink, WebhookSinkConfig};
use sqlx::Row;

use crate::support::{Api, Scene, until};

/// Deliveries of one distribution.
const SIZE: usize = 1_000;
/// Recipients set up at once.
const IN_FLIGHT: usize = 16;

async fn populate(api: &Api, sink: &WebhookSink, size: usize) {
    api.report("risk").await;
    stream::iter(0..size)
        .for_each_concurrent(IN_FLIGHT, async |n| {
            let url = sink.url(&format!("/ok/{n}"));
            api.recipient(&format!("r{n:04}"), "webhook", &url, "risk").await;
        })
        .await;
}

/// Attempts begun for a distribution, by node.
async fn shares(scene: &Scene, distribution: &str) -> Vec<(String, i64)> {
    let sql = "select a.payload->>'node', count(*) from events a join events s \
        on s.aggregate_type = 'delivery' and s.aggregate_id = a.aggregate_id and s.sequence = 1 \
        where a.aggregate_type = 'delivery' and a.event_type = 'AttemptStarted' \
        and s.payload->>'distribution' = $1 group by 1 order by 1";
    let rows = sqlx::query(sql).bind(distribution).fetch_all(&scene.pool).await.unwrap();
    rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn two_nodes_share_a_distribution_and_the_death_of_one_loses_nothing() {
    const PERMITS: i64 = 8;
    let mut scene = Scene::set().await;
    for key in ["permits", "tenant_permits", "mail_permits", "webhook_permits"] {
        scene.put(&format!("dispatch.{key}"), PERMITS);
    }
    scene.put("dispatch.destination_permits", PERMITS);
    scene.put("log.level", "warn");
    let delay = Duration::from_millis(10);
    let sink = WebhookSink::start(WebhookSinkConfig { delay, keep_bodies: false }).await.unwrap();
    let key = scene.key().await;
    let first = scene.serve("n1").await;
    let api = Api::of(&first, &key);
    populate(&api, &sink, SIZE).await;
    let second = scene.serve("n2").await;

    let distribution = api.publish("risk", "shared").await;
    scene.reconciled(&distribution).await;
    assert_eq!(scene.agree(&distribution, SIZE, &sink.records.all()).await, 0, "none in doubt");
    let shares = shares(&scene, &distribution).await;
    assert_eq!(shares.len(), 2, "{shares:?}");
    for (node, attempts) in &shares {
        assert!(*attempts >= 300, "{node} made too few of the attempts: {shares:?}");
    }

    sink.records.clear();
    let distribution = api.publish("risk", "killed").await;
    until("a third has arrived", async || (sink.records.len() >= SIZE / 3).then_some(())).await;
    first.kill().await;
    let at_kill = sink.records.len();
    assert!(at_kill < SIZE, "killed too late");
    scene.reconciled(&distribution).await;
    let in_doubt = scene.agree(&distribution, SIZE, &sink.records.all()).await;
    assert!(in_doubt <= PERMITS, "{in_doubt} in doubt, of a node with {PERMITS} permits");
    assert_eq!(second.terminate().await, Some(0));
}

#[tokio::test]
async fn a_node_asked_to_stop_while_it_sends_leaves_nothing_in_doubt_and_another_ends_the_rest() {
    const PLANNED: usize = 200;
    let mut scene = Scene::set().await;
    for key in ["permits", "tenant_permits", "mail_permits", "webhook_permits"] {
        scene.put(&format!("dispatch.{key}"), 8);
    }
    scene.put("dispatch.destination_permits", 8);
    let delay = Duration::from_millis(100);
    let sink = WebhookSink::start(WebhookSinkConfig { delay, keep_bodies: false }).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    populate(&api, &sink, PLANNED).await;
    let distribution = api.publish("risk", "v1").await;
    until("some have arrived", async || (sink.records.len() >= 30).then_some(())).await;
    assert_eq!(node.terminate().await, Some(0));

    let told = scene.told(&distribution).await;
    assert!(sink.records.len() < PLANNED, "it was asked too late");
    let open = told.iter().filter(|one| one.succeeded == 0).count();
    assert!(open > 0, "nothing was left for the successor");
    for one in &told {
        assert_eq!(one.started, one.ended, "{one:?} was left under way");
        assert_eq!(one.in_doubt, 0, "{one:?} is in doubt");
    }
    let successor = scene.serve("n2").await;
    scene.reconciled(&distribution).await;
    assert_eq!(scene.agree(&distribution, PLANNED, &sink.records.all()).await, 0);
    assert_eq!(successor.terminate().await, Some(0));
}
