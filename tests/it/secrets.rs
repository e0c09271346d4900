use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sink::SmtpSink;

use crate::support::{Answer, Api, Cable, Hook, Node, Scene, answer, nobody, until};

const NAME: &str = "Kanaria Vogelsang";
const ADDRESS: &str = "kanarie-adresse@it.example";
const TOKEN: &str = "kanarie-pfad-5f2c";
const CLOSED_TOKEN: &str = "kanarie-stumm-81aa";
const ECHO_TOKEN: &str = "kanarie-echo-3b9e";
const IDEMPOTENCY_KEY: &str = "kanarie-schluessel-77";
const PUBLISH_KEY: &str = "kanarie-ausgabe-41";
const BAD_VALUE: &str = "kanarie-falsch-0d1f";

/// Each is a personal field or a secret, by what it is.
struct Canaries(Vec<(&'static str, String)>);

async fn put_with_key(api: &Api, path: &str, body: &Value) -> Answer {
    let request = api.request(Method::PUT, path).json(body);
    answer(request.header("idempotency-key", IDEMPOTENCY_KEY)).await
}

/// Recipients whose name and addresses are canaries; returns the webhook secrets.
async fn populate(api: &Api, hook: &Hook) -> Vec<String> {
    api.report("risk").await;
    api.recipient("ada", "mail", ADDRESS, "risk").await;
    let profile = json!({ "kind": "person", "name": NAME });
    put_with_key(api, "/v1/recipients/ada", &profile).await.ok();
    let closed = format!("http://{}/{CLOSED_TOKEN}", nobody());
    let mut secrets = Vec::new();
    for (name, url) in [
        ("desk", hook.url(&format!("/in/{TOKEN}"))),
        ("mute", closed),
        ("echo", hook.url(&format!("/echo/{ECHO_TOKEN}"))),
    ] {
        let told = api.recipient(name, "webhook", &url, "risk").await;
        secrets.push(told["secret"].as_str().unwrap().to_owned());
    }
    secrets
}

/// Requests that are refused, each with a canary where it is wrong.
async fn provoke(api: &Api, node: &Node) {
    let path = "/v1/recipients/ada/addresses/other";
    for value in [format!("{BAD_VALUE}\r\n@it.example"), format!("{BAD_VALUE}@"), BAD_VALUE.into()]
    {
        let body = json!({ "channel": "mail", "value": value });
        assert_eq!(api.put(path, &body).await.status, 422);
    }
    let url = format!("http://169.254.169.254/{BAD_VALUE}");
    let body = json!({ "channel": "webhook", "value": url });
    assert_eq!(api.put(path, &body).await.status, 422);
    let body = json!({ "kind": "person", "name": format!("{BAD_VALUE}\u{7}") });
    assert_eq!(api.put("/v1/recipients/eve", &body).await.status, 422);
    let body = json!({ "kind": "person", "name": [BAD_VALUE] });
    assert_eq!(api.put("/v1/recipients/eve", &body).await.status, 422);
    let stranger = Api::of(node, &format!("wb_{BAD_VALUE}"));
    assert_eq!(stranger.get("/v1/recipients").await.status, 401);
    let query = "query($id: ID!) { recipient(id: $id) { nope } }";
    let said = api.graphql(query, &json!({ "id": BAD_VALUE })).await;
    assert!(said["errors"].is_array());
    let other = json!({ "title": "Another", "owner": "desk" });
    assert_eq!(put_with_key(api, "/v1/reports/risk", &other).await.status, 422);
}

impl Canaries {
    fn assert_absent_from(&self, what: &str, text: &str) {
        for (kind, canary) in &self.0 {
            assert!(!text.contains(canary.as_str()), "{kind} stands in {what}");
        }
    }

    async fn assert_absent_from_events(&self, scene: &Scene) {
        let sql = "select count(*) from events where position(lower($1) in \
            lower(payload::text || metadata::text || aggregate_id)) > 0";
        for (kind, canary) in &self.0 {
            assert_eq!(scene.count(sql, canary).await, 0, "{kind} stands in events");
        }
        assert!(scene.count(sql, "risk").await > 0, "the question finds nothing at all");
    }
}

#[tokio::test]
async fn what_is_personal_or_secret_reaches_its_sink_and_neither_log_nor_events() {
    let (relay, hook) = (SmtpSink::start(Duration::ZERO, true).await.unwrap(), Hook::start().await);
    let cable = Cable::to(relay.address.to_string()).await;
    cable.cut();
    let scene = Scene::set()
        .await
        .with("log.level", "trace")
        .with("mail.port", cable.address.port())
        .with("retry.mail.attempt_limit", 100)
        .with("retry.webhook.attempt_limit", 3);
    let key = scene.key().await;
    // Issued before the node starts: a key made by another process is known only once the tail has brought it.
    let operator = scene.key_of("system").await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    let secrets = populate(&api, &hook).await;
    provoke(&api, &node).await;
    let publication = api.request(Method::POST, "/v1/reports");
    let publication = publication.header("idempotency-key", PUBLISH_KEY);
    let body = json!({ "report": "risk", "version": "v1" });
    let told = answer(publication.json(&body)).await.ok();
    let distribution = told["distribution"].as_str().unwrap().to_owned();
    let mail = scene.delivery_to(&distribution, "ada").await;
    let failed = "select count(*) from events where event_type = 'AttemptEnded' \
        and payload->'outcome'->>'kind' = 'failed' and aggregate_id = $1";
    until("the mail has failed", async || (scene.count(failed, &mail).await > 0).then_some(()))
        .await;
    cable.mend();
    scene.reconciled(&distribution).await;

    let mails = relay.records.all();
    let mail = mails.values().next().expect("the mail arrived").body.clone().unwrap();
    let mail = String::from_utf8(mail).unwrap();
    assert!(mail.contains(ADDRESS) && mail.contains(NAME), "{mail}");
    let paths: Vec<String> = hook.received().into_iter().map(|request| request.path).collect();
    for token in [TOKEN, ECHO_TOKEN] {
        assert!(paths.iter().any(|path| path.contains(token)), "{token} is not in {paths:?}");
    }

    let mut canaries = Canaries(vec![
        ("a name", NAME.to_owned()),
        ("a mail address", ADDRESS.to_owned()),
        ("a webhook's path", TOKEN.to_owned()),
        ("the path of a silent webhook", CLOSED_TOKEN.to_owned()),
        ("the path of an echoing webhook", ECHO_TOKEN.to_owned()),
        ("an Idempotency-Key", IDEMPOTENCY_KEY.to_owned()),
        ("a publication's Idempotency-Key", PUBLISH_KEY.to_owned()),
        ("a refused value", BAD_VALUE.to_owned()),
        ("an API key", key.clone()),
        ("an API key's secret", key.splitn(3, '_').last().unwrap().to_owned()),
        ("the master key", scene.setting("vault.master_key").to_owned()),
    ]);
    for secret in secrets {
        canaries.0.push(("a webhook secret", secret.trim_start_matches("whsec_").to_owned()));
    }
    canaries.assert_absent_from_events(&scene).await;
    let metrics = Api::of(&node, &operator).get("/metrics").await.ok();
    canaries.assert_absent_from("the metrics", &metrics.to_string());
    let (_, readiness) = node.readiness().await;
    canaries.assert_absent_from("readiness", &readiness.to_string());
    assert_eq!(node.terminate().await, Some(0));
    let log = std::fs::read_to_string(scene.path().join("n1.log")).unwrap();
    assert!(log.contains("\"DEBUG\"") || log.contains("\"TRACE\""), "the log says too little");
    canaries.assert_absent_from("the log", &log);
    let database = scene.setting("database.url");
    let word = database.split([':', '@']).nth(2).unwrap();
    assert!(!log.contains(word), "the database's password stands in the log");
}
