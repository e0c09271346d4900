use serde_json::json;
use sink::{SmtpSink, WebhookSink, WebhookSinkConfig};
use sqlx::postgres::PgConnectOptions;
use std::time::{Duration, Instant};

use crate::support::{Api, Cable, Scene, env, nobody, until};

/// The URL of a database by way of another address.
fn by_way_of(cable: &Cable, url: &str) -> String {
    let options: PgConnectOptions = url.parse().unwrap();
    let far = format!("{}:{}", options.get_host(), options.get_port());
    url.replace(&far, &cable.address.to_string())
}

#[tokio::test]
async fn without_postgres_nothing_is_acknowledged_and_with_it_again_nothing_is_half_done() {
    let options: PgConnectOptions = env("WAYBILL_DATABASE__URL").parse().unwrap();
    let cable = Cable::to(format!("{}:{}", options.get_host(), options.get_port())).await;
    let mut scene = Scene::set().await;
    for key in ["database.url", "vault.url"] {
        let url = by_way_of(&cable, scene.setting(key));
        scene.put(key, url);
    }
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let mut node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    scene.reconciled(&api.publish("risk", "v1").await).await;

    cable.cut();
    let body = json!({ "report": "risk", "version": "v2" });
    let refused = api.post("/v1/reports", &body).await;
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    refused.problem(503, "unavailable");
    let (status, said) = node.readiness().await;
    assert_eq!(status, 503, "{said}");
    let part = node.part("database").await.unwrap();
    assert_eq!(part["ok"], json!(false), "{part}");
    assert_eq!(sink.records.taken(), 1);

    cable.mend();
    node.await_ready().await;
    let second = until("a report is taken again", async || {
        let answer = api.post("/v1/reports", &body).await;
        (answer.status < 300).then(|| answer.body["distribution"].as_str().unwrap().to_owned())
    })
    .await;
    scene.reconciled(&second).await;
    assert_eq!(scene.told(&second).await.len(), 1);
    assert_eq!(sink.records.taken(), 2);
    let sql = "select count(*) from events where event_type = 'ReportReceived' and $1 = $1";
    assert_eq!(scene.count(sql, "").await, 2);
    assert_eq!(scene.waybill(&["queue", "check"]).await.code, Some(0));
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn where_postgres_hangs_a_report_is_answered_in_time_and_not_acknowledged() {
    let options: PgConnectOptions = env("WAYBILL_DATABASE__URL").parse().unwrap();
    let cable = Cable::to(format!("{}:{}", options.get_host(), options.get_port())).await;
    let mut scene = Scene::set().await.with("api.request_timeout_ms", 6_000);
    let url = by_way_of(&cable, scene.setting("database.url"));
    scene.put("database.url", url);
    let key = scene.key().await;
    let mut node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    let body = json!({ "report": "risk", "version": "v1" });
    let other = json!({ "title": "t", "owner": "o" });

    cable.hold();
    let asked = Instant::now();
    let (publish, put, read) = tokio::join!(
        api.post("/v1/reports", &body),
        api.put("/v1/reports/other", &other),
        api.get("/v1/reports"),
    );
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(9), "answered after {took:?}");
    for refused in [publish, put, read] {
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        refused.problem(503, "unavailable");
    }
    let (status, said) = node.readiness().await;
    assert_eq!(status, 503, "{said}");

    cable.mend();
    node.await_ready().await;
    let taken = until("the same report is taken", async || {
        let answer = api.post("/v1/reports", &body).await;
        (answer.status < 300).then(|| answer.body["distribution"].as_str().unwrap().to_owned())
    })
    .await;
    scene.reconciled(&taken).await;
    let sql = "select count(*) from events where event_type = 'ReportReceived' and $1 = $1";
    assert_eq!(scene.count(sql, "").await, 1);
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn without_a_relay_mails_are_retried_and_arrive_once_it_is_back() {
    let relay = SmtpSink::start(Duration::ZERO, false).await.unwrap();
    let cable = Cable::to(relay.address.to_string()).await;
    cable.cut();
    let scene = Scene::set().await.with("mail.port", cable.address.port());
    let scene = scene.with("retry.mail.attempt_limit", 100);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("ada", "mail", "ada@it.example", "risk").await;
    let distribution = api.publish("risk", "v1").await;
    let failed = "select count(*) from events where event_type = 'AttemptEnded' \
        and payload->'outcome'->'next'->>'kind' = 'retry_at' \
        and aggregate_id in (select aggregate_id from events where payload->>'distribution' = $1)";
    until("it was tried in vain", async || {
        (scene.count(failed, &distribution).await >= 2).then_some(())
    })
    .await;
    assert!(relay.records.is_empty());
    cable.mend();
    scene.reconciled(&distribution).await;
    assert_eq!(relay.records.taken(), 1);
    let told = scene.told(&distribution).await;
    assert!(told[0].succeeded == 1 && told[0].started >= 3, "{told:?}");
}

#[tokio::test]
async fn without_kafka_reports_come_in_and_go_out_and_readiness_names_it() {
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let scene = Scene::set()
        .await
        .with("kafka.brokers", nobody())
        .with("kafka.topics", "[{topic=\"reports.ready\",tenant=\"acme\"}]");
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    scene.reconciled(&api.publish("risk", "v1").await).await;
    assert_eq!(sink.records.taken(), 1);
    until("readiness names Kafka", async || {
        let (status, said) = node.readiness().await;
        assert_eq!(status, 200, "{said}");
        let degraded = said["degraded"].as_array().unwrap();
        degraded.contains(&json!("kafka intake")).then_some(())
    })
    .await;
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn a_postgres_that_hangs_is_told_as_such_in_time_and_nothing_is_half_done() {
    let options: PgConnectOptions = env("WAYBILL_DATABASE__URL").parse().unwrap();
    let cable = Cable::to(format!("{}:{}", options.get_host(), options.get_port())).await;
    // Longer than a query waits for a connection, shorter than a person waits.
    let mut scene = Scene::set().await.with("api.request_timeout_ms", 7_000);
    for key in ["database.url", "vault.url"] {
        let url = by_way_of(&cable, scene.setting(key));
        scene.put(key, url);
    }
    let key = scene.key().await;
    let mut node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "mail", "desk@it.example", "risk").await;
    let changes = "select count(*) from events where aggregate_type = 'subscription' and $1 = $1";
    let before = scene.count(changes, "").await;
    let body = json!({
        "recipient": "desk",
        "selector": { "report": "risk", "attributes": { "region": ["emea"] } },
        "preferences": { "channels": ["mail"] },
    });

    cable.hold();
    let change = api.put("/v1/subscriptions/desk", &body);
    let query = "{ subscriptions(first: 5) { totalCount } }";
    let nothing = json!({});
    let asked = api.graphql(query, &nothing);
    let both = async { futures::join!(change, asked) };
    let both = tokio::time::timeout(Duration::from_secs(20), both).await;
    let (refused, said) = both.expect("someone hangs");
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    refused.problem(503, "unavailable");
    assert_eq!(said["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{said}");
    let (status, said) = node.readiness().await;
    assert_eq!(status, 503, "{said}");

    cable.mend();
    node.await_ready().await;
    until("it is taken again", async || {
        (api.put("/v1/subscriptions/desk", &body).await.status < 300).then_some(())
    })
    .await;
    assert_eq!(scene.count(changes, "").await, before + 1);
    assert_eq!(node.terminate().await, Some(0));
}
