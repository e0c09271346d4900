use serde_json::json;
use sink::{WebhookSink, WebhookSinkConfig};
use tokio_util::sync::CancellationToken;

use crate::support::{Api, Node, OwnServer, Scene, Topics, Whereabouts, report_message, until};

const VERSIONS: &str = "select payload->>'version' from events where event_type = 'ReportReceived' \
    and $1 = $1 order by 1";

async fn count(scene: &Scene, event_type: &str) -> i64 {
    scene.count("select count(*) from events where event_type = $1", event_type).await
}

#[tokio::test]
async fn while_the_broker_is_gone_the_rest_goes_on_and_what_is_said_meanwhile_comes_in_once() {
    let (broker, scene) = futures::join!(OwnServer::start("kafka"), Scene::set());
    let topics = Topics::make(&broker.whereabouts(), 1).await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let scene = topics.read_by(scene);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    topics.send("k", &report_message("v1", None)).await;
    until("the first is in", async || (count(&scene, "ReportReceived").await == 1).then_some(()))
        .await;

    broker.kill().await;
    // Said to a broker that is not there: the sender keeps it until one answers.
    let meanwhile = async {
        topics.send("k", &report_message("v2", None)).await;
        topics.send("k", &report_message("v3", None)).await;
    };
    let the_rest = async {
        scene.reconciled(&api.publish("risk", "by-rest").await).await;
        let part = until("readiness names Kafka", async || {
            node.part("kafka intake").await.filter(|part| part["ok"] == json!(false))
        });
        let part = part.await.to_string();
        assert!(part.contains("no broker can be reached"), "{part}");
        let (status, said) = node.readiness().await;
        assert_eq!((status, &said["degraded"]), (200, &json!(["kafka intake"])), "{said}");
        assert_eq!(count(&scene, "ReportReceived").await, 2);
        broker.start_again().await;
    };
    futures::join!(meanwhile, the_rest);

    until("all are closed", async || {
        (count(&scene, "DistributionReconciled").await == 4).then_some(())
    })
    .await;
    assert_eq!(scene.texts(VERSIONS, "").await, ["by-rest", "v1", "v2", "v3"]);
    assert_eq!(sink.records.taken(), 4);
    until("Kafka is ready", async || {
        node.part("kafka intake").await.filter(|part| part["ok"] == json!(true))
    })
    .await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!((topics.committed().await, topics.rejected_count().await), (3, 0));
}

/// How many messages a node has answered so.
async fn messages(node: &Node, operator: &str, result: &str) -> f64 {
    let said = Api::of(node, operator).get("/metrics").await.ok();
    let lines = said.as_str().unwrap().lines();
    let ours = lines.filter(|line| {
        line.starts_with("waybill_kafka_messages_total{") && line.contains(&format!("\"{result}\""))
    });
    ours.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Sends versions, never far ahead of what is in the ledger, until told to stop; how many.
async fn feed(topics: &Topics, scene: &Scene, stop: &CancellationToken) -> i64 {
    let mut sent = 0;
    while !stop.is_cancelled() {
        let turn = (sent..sent + 50).map(|number| async move {
            let version = format!("v{number:05}");
            topics.send(&version, &report_message(&version, None)).await;
        });
        futures::future::join_all(turn).await;
        sent += 50;
        until("the nodes keep up", async || {
            (count(scene, "ReportReceived").await > sent - 200).then_some(())
        })
        .await;
    }
    sent
}

/// Freezes the node at a moment at which messages of its share are in the ledger and not committed.
async fn freeze_between_append_and_commit(node: &Node, topics: &Topics, scene: &Scene) {
    let appended = "select count(*) from events where event_type = 'ReportReceived' \
        and metadata->>'causation' like 'kafka:' || $1 || '/%'";
    until("appended and not committed", async || {
        node.freeze().await;
        let mut uncommitted = 0;
        for (partition, committed) in topics.committed_each().await.into_iter().enumerate() {
            let place = format!("{}/{partition}", topics.ready);
            uncommitted += usize::from(scene.count(appended, &place).await > committed);
        }
        // Two of four partitions are its own: if three have such messages, one of its own has.
        if uncommitted >= 3 {
            return Some(());
        }
        node.thaw().await;
        None
    })
    .await;
}

#[tokio::test]
async fn a_rebalance_and_a_death_between_append_and_commit_make_each_message_one_distribution() {
    let topics = Topics::make(&Whereabouts::default(), 4).await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let scene = topics
        .read_by(Scene::set().await)
        .with("kafka.in_flight", 2)
        .with("kafka.properties", "{\"session.timeout.ms\"=\"6000\"}")
        .with("log.level", "warn");
    let key = scene.key().await;
    let operator = scene.key_of("system").await;
    let first = scene.serve("n1").await;
    let api = Api::of(&first, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    let stop = CancellationToken::new();
    let rebalance_and_death = async {
        until("the first works", async || {
            (count(&scene, "ReportReceived").await > 0).then_some(())
        })
        .await;
        let second = scene.serve("n2").await;
        until("the second has a share", async || {
            (messages(&second, &operator, "taken").await > 0.0).then_some(())
        })
        .await;
        freeze_between_append_and_commit(&first, &topics, &scene).await;
        let repeated = messages(&second, &operator, "repeated").await;
        first.kill().await;
        until("the second has what was not committed", async || {
            (messages(&second, &operator, "repeated").await > repeated).then_some(())
        })
        .await;
        stop.cancel();
        second
    };
    let (sent, second) = futures::join!(feed(&topics, &scene, &stop), rebalance_and_death);

    until("everything is committed", async || (topics.committed().await == sent).then_some(()))
        .await;
    until("all are closed", async || {
        (count(&scene, "DistributionReconciled").await == sent).then_some(())
    })
    .await;
    let expected: Vec<_> = (0..sent).map(|number| format!("v{number:05}")).collect();
    assert_eq!(scene.texts(VERSIONS, "").await, expected);
    assert_eq!(count(&scene, "DeliveryScheduled").await, sent);
    assert_eq!(sink.records.len() as i64, sent, "each went out");
    let doubts = "select count(*) from events where event_type = 'AttemptEnded' \
        and payload->'outcome'->>'kind' = 'in_doubt' and $1 = $1";
    let twice = sink.records.taken() as i64 - sent;
    assert!(twice <= scene.count(doubts, "").await, "{twice} were sent twice, undoubted");
    assert_eq!(topics.rejected_count().await, 0);
    assert_eq!(second.terminate().await, Some(0));
    topics.remove().await;
}
