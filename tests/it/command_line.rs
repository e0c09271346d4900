use std::time::Duration;

use serde_json::{Value, json};
use sink::{WebhookSink, WebhookSinkConfig};

use crate::support::{Api, Ended, Node, Scene, run, until};

/// A person at a terminal, with a key.
struct Operator<'a> {
    scene: &'a Scene,
    url: String,
    key: String,
}

impl<'a> Operator<'a> {
    fn at(scene: &'a Scene, node: &Node, key: &str) -> Self {
        Self { scene, url: node.url.clone(), key: key.to_owned() }
    }

    async fn run(&self, words: &[&str]) -> Ended {
        let mut command = self.scene.command();
        command.env("WAYBILL_URL", &self.url).env("WAYBILL_KEY", &self.key);
        run(command, words).await
    }

    /// What a command tells a program.
    async fn told(&self, words: &[&str]) -> Value {
        let ended = self.run(&[words, &["--output", "json"]].concat()).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|_| panic!("{words:?}: {}", ended.stdout))
    }

    /// What a command shows a person.
    async fn shown(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        ended.stdout
    }

    /// What a command that fails complains of.
    async fn complaint(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert_eq!(ended.code, Some(1), "{words:?}: {}", ended.stdout);
        ended.stderr
    }

    async fn publish(&self, version: &str, file: &str) -> String {
        let words = ["publish", "risk", version, "--file", file, "--attribute", "region=emea"];
        self.told(&words).await["distribution"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_operator_leads_a_report_through_its_life_by_the_command_line() {
    let scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    let operator = Operator::at(&scene, &node, &key);
    let file = scene.path().join("risk.csv");
    std::fs::write(&file, "desk,var\nrates,12\n").unwrap();
    let file = file.to_str().unwrap();

    operator.shown(&["subscriptions", "pause", "desk", "--reason", "holiday"]).await;
    let paused = operator.publish("v1", file).await;
    scene.reconciled(&paused).await;
    assert!(scene.told(&paused).await.is_empty(), "a paused subscription got something");
    operator.shown(&["subscriptions", "resume", "desk"]).await;
    let sent = operator.publish("v2", file).await;
    scene.reconciled(&sent).await;
    let delivery = scene.delivery_to(&sent, "desk").await;
    let listed = until("it is listed", async || {
        let words = ["deliveries", "list", "--outcome", "delivered"];
        Some(operator.shown(&words).await).filter(|shown| shown.contains("desk"))
    });
    assert_eq!(listed.await.matches("v2").count(), 1);
    let story = operator.shown(&["deliveries", "show", &delivery]).await;
    for event in ["DeliveryScheduled", "AttemptStarted", "AttemptEnded"] {
        assert!(story.contains(event), "{event} is not in {story}");
    }

    let alive = operator.told(&["health"]).await;
    assert_eq!(alive["answer"]["status"], "ok", "{alive}");
    let complaint = operator.complaint(&["health", "--url", "http://127.0.0.1:1"]).await;
    assert!(complaint.contains("does not answer"), "{complaint}");
    let served = operator.told(&["distributions", "served", &sent]).await;
    assert_eq!(served["rows"][0]["delivery"], delivery.as_str(), "{served}");
    let shown = operator.shown(&["distributions", "served", &sent, "--not-reached"]).await;
    assert!(shown.contains("desk") && shown.contains("delivered"), "{shown}");

    let complaint =
        operator.complaint(&["deliveries", "cancel", &delivery, "--reason", "late"]).await;
    assert!(complaint.contains("closed"), "{complaint}");
    let again = operator.told(&["deliveries", "resend", &delivery]).await;
    assert_ne!(again["delivery"], delivery.as_str());
    until("it is sent again", async || (sink.records.taken() == 2).then_some(())).await;
    let failed = operator.told(&["deliveries", "resend-failed", &sent]).await;
    assert_eq!((&failed["found"], &failed["resent"]), (&json!(0), &json!(0)), "{failed}");
    let words = ["deliveries", "resend-failed", &sent, "--outcome", "cancelled"];
    let complaint = operator.complaint(&words).await;
    assert!(complaint.contains("dead_lettered, expired"), "{complaint}");
    operator.shown(&["subscriptions", "unsubscribe", "desk"]).await;
    let complaint = operator.complaint(&["subscriptions", "pause", "desk", "--reason", "x"]).await;
    assert!(complaint.contains("409") || complaint.contains("ended"), "{complaint}");
    let complaint = operator.complaint(&["publish", "nobody-knows", "v1", "--file", file]).await;
    assert!(complaint.contains("nobody-knows"), "{complaint}");
}

#[tokio::test]
async fn the_command_line_reads_the_log_and_looks_after_keys_and_itself() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    Api::of(&node, &key).report("risk").await;
    let operator = Operator::at(&scene, &node, &key);
    let head = operator.told(&["log", "head"]).await["head"].as_i64().unwrap();
    assert_eq!(head, scene.count("select max(position) from events where $1 = $1", "").await);
    let shown = operator.told(&["log", "show", "--kind", "report"]).await;
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(shown[0]["event_type"], "ReportRegistered");
    assert_eq!(shown[0]["metadata"]["tenant"], "acme");
    assert!(operator.shown(&["log", "show"]).await.contains("ReportRegistered"));
    assert_eq!(operator.told(&["queue", "depth"]).await, serde_json::json!([]));

    let doctor = operator.shown(&["doctor"]).await;
    assert!(doctor.contains("log identity") && !doctor.contains("WRONG"), "{doctor}");
    let id = key.split('_').nth(1).unwrap();
    let keys = until("the key is listed", async || {
        let keys = operator.shown(&["keys", "list", "--tenant", "acme"]).await;
        keys.contains(id).then_some(keys)
    });
    let secret = key.rsplit('_').next().unwrap();
    assert!(!keys.await.contains(secret), "a key's secret is listed");
    operator.shown(&["keys", "revoke", "--tenant", "acme", id, "--reason", "lost"]).await;
    until("the revoked key is refused", async || {
        let ended = operator.run(&["subscriptions", "list"]).await;
        (ended.code == Some(1) && ended.stderr.contains("401")).then_some(())
    })
    .await;
    let nobody = scene.waybill(&["subscriptions", "list", "--url", &node.url]).await;
    assert!(nobody.code == Some(1) && nobody.stderr.contains("WAYBILL_KEY"), "{}", nobody.stderr);
}

#[tokio::test]
async fn an_attempt_in_doubt_waits_for_a_person_who_says_what_became_of_it() {
    let scene = Scene::set()
        .await
        .with("webhook.timeout_ms", 800)
        .with("webhook.connect_timeout_ms", 400)
        .with("retry.webhook.doubt_limit", 0);
    let delay = Duration::from_secs(3);
    let sink = WebhookSink::start(WebhookSinkConfig { delay, keep_bodies: false }).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    let distribution = api.publish("risk", "v1").await;
    let doubted = "select count(*) from events where event_type = 'AttemptEnded' \
        and payload->'outcome'->>'kind' = 'in_doubt' \
        and payload->'outcome'->'next'->>'kind' = 'held' and $1 = $1";
    until("it is in doubt", async || (scene.count(doubted, "").await == 1).then_some(())).await;
    let delivery = scene.delivery_to(&distribution, "desk").await;
    let operator = Operator::at(&scene, &node, &key);
    let depth = operator.shown(&["queue", "depth"]).await;
    assert!(depth.contains("held"), "{depth}");
    let words = ["deliveries", "resolve", &delivery, "--attempt", "1", "--resolution", "arrived"];
    operator.shown(&[&words[..], &["--note", "the desk has it"]].concat()).await;
    scene.reconciled(&distribution).await;
    let resolved = "select payload->>'resolution' from events \
        where event_type = 'DoubtResolved' and aggregate_id = $1";
    assert_eq!(scene.texts(resolved, &delivery).await, ["arrived"]);
    assert_eq!(scene.waybill(&["queue", "check"]).await.code, Some(0));
}

#[tokio::test]
async fn an_event_is_left_out_only_for_a_reason() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    let nonsense = "insert into events \
        (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
        values ('recipient', 'acme/odd', 1, 'RecipientTeleported', '1', '{}', \
            '{\"actor\":\"key:k1\",\"tenant\":\"acme\"}') returning position";
    let position: i64 = sqlx::query_scalar(nonsense).fetch_one(&scene.pool).await.unwrap();
    let position = position.to_string();
    let standing = "select count(*) from checkpoints where poison_position = $1::bigint";
    let standing = async || scene.count(standing, &position).await;
    let before = until("its followers stand still", async || {
        Some(standing().await).filter(|count| *count > 0)
    })
    .await;
    let skip = |reason| {
        let words = ["projections", "skip", "recipients", "--position", &position, "--reason"];
        [&words[..], &[reason]].concat()
    };

    let refused = scene.waybill(&skip(" ")).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("reason"), "{}", refused.stderr);
    assert_eq!(standing().await, before);

    let ended = scene.waybill(&skip("it was never registered")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(standing().await, before - 1);
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn subscriptions_go_in_and_out_by_the_line_and_twice_is_once() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", "http://127.0.0.1:9000/x", "risk").await;
    let operator = Operator::at(&scene, &node, &key);
    let file = scene.path().join("wanted.csv");
    let csv =
        "subscription,recipient,report,channels\na,desk,risk,webhook\nb,nobody,risk,webhook\n";
    std::fs::write(&file, csv).unwrap();
    let words = ["subscriptions", "import", file.to_str().unwrap(), "--output", "json"];
    let ended = operator.run(&words).await;
    assert_eq!(ended.code, Some(1), "a bad line: {}", ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["subscribed"], &told["bad"]), (&1.into(), &1.into()));
    assert_eq!(
        (&told["bad_lines"][0]["line"], &told["bad_lines"][0]["value"]),
        (&3.into(), &"nobody".into())
    );
    let told: Value = serde_json::from_str(&operator.run(&words).await.stdout).unwrap();
    assert_eq!((&told["repeated"], &told["subscribed"]), (&1.into(), &0.into()));
    let shown = operator.run(&words[..3]).await.stdout;
    assert!(shown.contains("nobody") && shown.contains("must be a recipient"), "{shown}");
    let lines = until("it is exported", async || {
        let lines = operator.shown(&["subscriptions", "export"]).await;
        lines.contains("\"a\"").then_some(lines)
    });
    let lines = lines.await;
    let copy = scene.path().join("copy.ndjson");
    std::fs::write(&copy, &lines).unwrap();
    let told = operator.told(&["subscriptions", "import", copy.to_str().unwrap(), "--again"]).await;
    assert_eq!((&told["unchanged"], &told["lines"]), (&2.into(), &2.into()));
    let csv = operator.shown(&["subscriptions", "export", "--lines", "csv"]).await;
    assert!(csv.starts_with("subscription,recipient,group,report"), "{csv}");
    let wrong = operator.complaint(&["subscriptions", "import", "wanted.txt"]).await;
    assert!(wrong.contains(".ndjson, .jsonl or .csv"), "{wrong}");
}
