//! `--output json`: one JSON document for every answer, one JSON object on standard error for every failure.

use std::fs::File;
use std::time::Duration;

use serde_json::{Value, json};
use sink::{WebhookSink, WebhookSinkConfig};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::{Api, Ended, Scene, run, until};

/// Runs commands as a program would.
struct Program<'a> {
    scene: &'a Scene,
    url: String,
    key: String,
}

impl Program<'_> {
    async fn run(&self, words: &[&str]) -> Ended {
        let mut command = self.scene.command();
        command.env("WAYBILL_URL", &self.url).env("WAYBILL_KEY", &self.key);
        run(command, &[words, &["--output", "json"]].concat()).await
    }

    async fn told(&self, words: &[&str]) -> Value {
        let ended = self.run(words).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.is_empty(), "{words:?}: {}", ended.stderr);
        document(words, &ended.stdout)
    }

    async fn failure(&self, words: &[&str]) -> Value {
        let ended = self.run(words).await;
        assert_eq!(ended.code, Some(1), "{words:?}: {}", ended.stdout);
        assert!(ended.stdout.is_empty(), "{words:?}: {}", ended.stdout);
        let failure = document(words, &ended.stderr);
        assert!(failure["error"].is_string(), "{failure}");
        failure
    }
}

fn document(words: &[&str], text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{words:?} says no JSON: {text:?}"))
}

#[tokio::test]
async fn every_command_answers_with_one_document() {
    let scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    let program = Program { scene: &scene, url: node.url.clone(), key };

    assert_eq!(program.told(&["migrate"]).await["migrated"], json!(true));
    assert!(program.told(&["doctor"]).await.is_array());
    let made = program.told(&["keys", "create-tenant", "other", "--title", "Other"]).await;
    assert_eq!(made, json!({ "tenant": "other" }));
    let words = ["keys", "issue", "--tenant", "acme", "--title", "old", "--scopes", "read"];
    let old = program.told(&[&words[..], &["--expires-at", "2026-01-01T00:00:00Z"]].concat()).await;
    let id = old["key"].as_str().unwrap().split('_').nth(1).unwrap().to_owned();
    let state_of = async |id: &str| {
        let keys = program.told(&["keys", "list", "--tenant", "acme"]).await;
        let found = keys.as_array().unwrap().iter().find(|key| key["key"] == id).cloned();
        found.map(|key| key["state"].clone())
    };
    let state = until("the key is listed", async || state_of(&id).await).await;
    assert_eq!(state, "expired");
    let words = ["keys", "revoke", "--tenant", "acme", &id, "--reason", "lost"];
    let revoked = json!({ "tenant": "acme", "key": id, "state": "revoked" });
    assert_eq!(program.told(&words).await, revoked);

    let words = ["subscriptions", "add", "more", "--recipient", "desk", "--report", "risk"];
    let words = [&words[..], &["--channels", "webhook"]].concat();
    assert!(program.told(&words).await["position"].is_number());
    program.told(&["subscriptions", "list"]).await;
    program.told(&["subscriptions", "show", "more"]).await;
    program.told(&["subscriptions", "pause", "more", "--reason", "holiday"]).await;
    program.told(&["subscriptions", "resume", "more"]).await;
    program.told(&["subscriptions", "unsubscribe", "more"]).await;
    let published = program.told(&["publish", "risk", "v1"]).await;
    let distribution = published["distribution"].as_str().unwrap().to_owned();
    scene.reconciled(&distribution).await;
    let delivery = scene.delivery_to(&distribution, "desk").await;
    until("the delivery is listed", async || {
        let listed = program.told(&["deliveries", "list"]).await;
        (!listed["rows"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    assert_eq!(program.told(&["deliveries", "show", &delivery]).await["id"], delivery.as_str());
    program.told(&["deliveries", "resend", &delivery]).await;

    let refused = program.failure(&["deliveries", "cancel", &delivery, "--reason", "late"]).await;
    assert_eq!(refused["answer"]["status"], 409, "{refused}");
    assert_eq!(refused["answer"]["code"], "refused", "{refused}");
    let words = ["deliveries", "resolve", &delivery, "--attempt", "1", "--resolution", "arrived"];
    program.failure(&[&words[..], &["--note", "seen"]].concat()).await;
    assert!(node.terminate().await == Some(0));
    database_commands(&program).await;
}

async fn database_commands(program: &Program<'_>) {
    let head = program.told(&["log", "head"]).await["head"].as_i64().unwrap();
    assert!(program.told(&["log", "show"]).await.is_array());
    assert_eq!(program.told(&["queue", "check"]).await["equal"], json!(true));
    assert_eq!(program.told(&["queue", "rebuild"]).await["equal"], json!(true));
    assert!(program.told(&["queue", "depth"]).await.is_array());
    assert!(program.told(&["projections", "status"]).await.is_array());
    assert_eq!(program.told(&["projections", "rebuild", "--all"]).await["equal"], json!(true));
    rebuilding(program).await;
    looking_back(program, head).await;
    analysing(program, head).await;
    let spoil = "update checkpoints set position = $1 - 1, event_hash = null, \
        poison_position = $1, poison_error = 'spoilt' where name = 'reports'";
    let mut owner = program.scene.connect("WAYBILL_DATABASE__OWNER_URL").await;
    sqlx::query(spoil).bind(head).execute(&mut owner).await.unwrap();
    let at = head.to_string();
    let words = ["projections", "skip", "reports", "--position", &at, "--reason", "spoilt"];
    let skipped = json!({ "follower": "reports", "skipped": head, "reason": "spoilt" });
    assert_eq!(program.told(&words).await, skipped);
    program.failure(&words).await;
}

/// A read model rebuilt beside the live one, put in its place, taken back, and the other one dropped.
async fn rebuilding(program: &Program<'_>) {
    let of_deliveries = async || {
        let all = program.told(&["projections", "list"]).await;
        let all = all.as_array().unwrap().clone();
        assert_eq!(all.len(), 8, "{all:?}");
        all.into_iter().find(|one| one["name"] == "deliveries").unwrap()["rebuild"].clone()
    };
    assert_eq!(of_deliveries().await["stage"], json!("equal"));
    let words =
        ["projections", "rebuild", "deliveries", "--hold", "--reference", "--rate", "50000"];
    let told = program.told(&words).await;
    assert_eq!(told["equal"], json!(true), "{told}");
    let report = &told["reports"][0];
    assert_eq!(report["reference"]["digest"], report["reference"]["rebuilt_digest"]);
    let ready = of_deliveries().await;
    assert_eq!((&ready["stage"], &ready["error"]), (&json!("ready"), &json!(null)));
    let switched = program.told(&["projections", "switch", "deliveries"]).await;
    assert_eq!(switched["stage"], json!("switched"));
    assert_eq!(switched["kept"]["position"], switched["position"]);
    let back = program.told(&["projections", "rollback", "deliveries"]).await;
    assert_eq!(back["stage"], json!("rolled_back"));
    let dropped = program.told(&["projections", "drop-old", "deliveries"]).await;
    assert_eq!(dropped["kept"], json!(null));
    for again in ["switch", "rollback", "drop-old"] {
        let refused = program.failure(&["projections", again, "deliveries"]).await;
        assert!(refused["error"].as_str().unwrap().contains("of deliveries"), "{refused}");
    }
}

/// The sums proven, the export looked at, the standing questions asked: of a log of which nothing is exported.
async fn analysing(program: &Program<'_>, head: i64) {
    let proof = program.told(&["distributions", "reconcile"]).await;
    assert_eq!(
        (&proof["position"], &proof["mismatch_count"], &proof["open"]),
        (&json!(head), &json!(0), &json!(0)),
        "{proof}"
    );
    let status = program.told(&["export", "status"]).await;
    assert_eq!((&status["through"], &status["head"]), (&json!(0), &json!(head)));
    let verified = program.told(&["export", "verify"]).await;
    assert_eq!((&verified["files"], &verified["findings"]), (&json!(0), &json!([])));
    assert_eq!(program.told(&["export", "mend"]).await, json!({ "mended": [] }));

    let show = ["analytics", "show", "delivery-performance", "--tenant", "acme"];
    let answer = program.told(&show).await;
    assert_eq!(answer["position"], json!(head), "{answer}");
    let row = &answer["rows"][0];
    assert_eq!(
        (&row["report"], &row["closed"], &row["delivered"]),
        (&json!("risk"), &json!(1), &json!(1))
    );
    let query = ["analytics", "query", "select count(*) as n from events", "--tenant"];
    let of = async |tenant| {
        program.told(&[&query[..], &[tenant]].concat()).await["rows"][0]["n"].clone()
    };
    assert!(of("acme").await.as_i64() > of("other").await.as_i64());
    let copies = ["analytics", "query", "copy events to 'x'", "--tenant", "acme"];
    assert!(program.failure(&copies).await.to_string().contains("select"));
    let file = |format| program.scene.path().join("trail").with_extension(format);
    let mut rows = Vec::new();
    for format in ["csv", "xlsx", "parquet"] {
        let file = file(format).display().to_string();
        let export = ["analytics", "export", "audit-trail", "--tenant", "acme", "--file", &file];
        let export = [&export[..], &["--format", format]].concat();
        let written = program.told(&export).await;
        assert_eq!(written["position"], json!(head));
        rows.push(written["rows"].as_u64().unwrap());
        assert!(program.failure(&export).await.to_string().contains("exists"));
    }
    let lines = std::fs::read_to_string(file("csv")).unwrap().lines().count() as u64;
    assert_eq!(rows, [lines - 1; 3]);
    assert!(std::fs::read(file("parquet")).unwrap().ends_with(b"PAR1"));
    assert!(std::fs::read(file("xlsx")).unwrap().starts_with(b"PK"));
    let svg = file("svg").display().to_string();
    let plot = ["analytics", "plot", "patterns", "--tenant", "acme", "--file", &svg];
    assert_eq!(program.told(&plot).await["position"], json!(head));
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg"));
}

/// What the ledger knew at a moment.
async fn looking_back(program: &Program<'_>, head: i64) {
    let (last, words) = (head.to_string(), ["audit", "as-of", "--tenant", "acme"]);
    let about = |more: &[&'static str]| [&words[..], more].concat();
    let at_head = [&about(&["recipient", "desk", "--position"])[..], &[&last]].concat();
    let answer = program.told(&at_head).await;
    assert_eq!((&answer["kind"], &answer["position"]), (&json!("recipient"), &json!(head)));
    assert!(answer["last_change"]["position"].as_i64().unwrap() < head, "{answer}");
    assert!(answer["state"].to_string().contains("\"sealed\""), "{answer}");
    assert!(!answer.to_string().contains("\"box\""), "{answer}");
    let first = program.told(&about(&["recipient", "desk", "--position", "1"])).await;
    assert_eq!(first["last_change"], json!(null), "{first}");
    let taken = answer["recorded_at"].as_str().unwrap();
    let at = [&about(&["recipient", "desk", "--at"])[..], &[taken]].concat();
    assert_eq!(program.told(&at).await, answer);
    let ahead = about(&["recipient", "desk", "--at", "2100-01-01T00:00:00Z"]);
    let said = program.failure(&ahead).await.to_string();
    assert!(said.contains("the database's time"), "{said}");
    let early = about(&["recipient", "desk", "--at", "2000-01-01T00:00:00Z"]);
    let said = program.failure(&early).await.to_string();
    assert!(said.contains("must not lie before the first event"), "{said}");
    let beyond = program.failure(&about(&["recipient", "desk", "--position", "999999"])).await;
    let rule = format!("must be 1 to {head}, where the log now ends");
    assert!(beyond.to_string().contains(&rule), "{beyond}");
    compared(program, &last).await;
    decided(program, &last).await;
    replayed(program, head).await;
}

async fn compared(program: &Program<'_>, head: &str) {
    let words = ["audit", "difference", "recipient", "desk", "--tenant", "acme", "--from", "1"];
    let told = program.told(&words).await;
    assert_eq!(told["to"]["position"].to_string(), head);
    let fields = told["fields"].as_array().unwrap();
    let state = json!({
        "field": "state", "before": "unknown", "after": "active", "is_sealed": false
    });
    assert!(fields.contains(&state), "{told}");
    assert!(
        !told["events"].as_array().unwrap().is_empty() && !told.to_string().contains("\"box\"")
    );
    let none = program.told(&[&words[..], &["--to", "1"]].concat()).await;
    assert_eq!((&none["fields"], &none["events"]), (&json!([]), &json!([])));
    let back = ["audit", "difference", "recipient", "desk", "--tenant", "acme"];
    let back = program.failure(&[&back[..], &["--from", head, "--to", "1"]].concat()).await;
    assert!(back.to_string().contains("must not lie behind the later moment"), "{back}");
}

async fn decided(program: &Program<'_>, head: &str) {
    let words = ["audit", "subscribed", "risk", "--tenant", "acme", "--position", head];
    let told = program.told(&words).await;
    assert_eq!(told["position"].to_string(), head);
    let subscribers = told["subscribers"].as_array().unwrap();
    let names: Vec<_> = subscribers.iter().map(|one| &one["subscription"]).collect();
    assert_eq!(names, [&json!("desk")], "{told}");
    assert_eq!(subscribers[0]["state"], "active");
    let words = ["audit", "why", "--tenant", "acme", "--report", "risk", "--version", "v1"];
    let why = async |who| program.told(&[&words[..], &["--recipient", who]].concat()).await;
    let told = why("desk").await;
    let decision = &told["decisions"][0];
    assert_eq!(
        (&decision["verdict"], &decision["outcome"]),
        (&json!("planned"), &json!("delivered"))
    );
    assert!(decision["read_at"].as_i64() < decision["decided_by"].as_i64(), "{told}");
    let told = why("nobody").await;
    assert_eq!(told["unconsidered"]["recipient"], "unknown", "{told}");
}

async fn replayed(program: &Program<'_>, head: i64) {
    let words = ["audit", "replay", "--tenant", "acme"];
    let about = |more: &[&'static str]| [&words[..], more].concat();
    let told = program.told(&about(&["--recipient", "desk"])).await;
    assert_eq!(told["position"], head);
    let events = told["events"].as_array().unwrap();
    let count = |name: &str| events.iter().filter(|event| event["event_type"] == name).count();
    let kinds = ["RecipientRegistered", "Subscribed", "DeliveryScheduled", "AttemptEnded"];
    assert_eq!(kinds.map(count), [1, 2, 2, 2], "{told:#}");
    let empty = program.told(&about(&["--stream", "subscription:nobody"])).await;
    assert_eq!(empty["events"], json!([]));
    let ended = program.scene.waybill(&about(&["--report", "risk"])).await;
    assert!(
        ended.code == Some(0) && ended.stdout.contains(": risk v1 came in"),
        "{}",
        ended.stdout
    );
    let ended = program.scene.waybill(&about(&["--stream", "subscription:more"])).await;
    assert!(
        ended.stdout.contains("  version 1: desk subscribed to risk by webhook\n"),
        "{}",
        ended.stdout
    );
    let odd = program.failure(&about(&["--stream", "more"])).await;
    assert!(odd.to_string().contains("must be KIND:ID"), "{odd}");
}

#[tokio::test]
async fn every_failure_is_one_object_with_the_facts_of_the_sentence() {
    let scene = Scene::set().await;
    let nobody = "http://127.0.0.1:1".to_owned();
    let program = Program { scene: &scene, url: nobody, key: "wb_1234_secret".to_owned() };
    let failure = program.failure(&["publish", "risk", "v1"]).await;
    let why = failure["error"].as_str().unwrap();
    assert!(why.contains("is `waybill serve` running?"), "{why}");

    let mut command = scene.command();
    command.env("WAYBILL_LOG__LEVEL", "loud").env("WAYBILL_DATABASE__READERS", "1");
    let ended = run(command, &["doctor", "--output", "json"]).await;
    assert_eq!(ended.code, Some(1));
    let failure = document(&["doctor"], &ended.stderr);
    let wrong = [
        "database.readers: \"1\" must be 2 to 100",
        "log.level: \"loud\" must be error, warn, info, debug or trace",
    ];
    assert_eq!(failure["wrong"], json!(wrong));

    for words in [&["--output", "json", "keys", "lst"][..], &["keys", "lst", "--output=json"]] {
        let ended = scene.waybill(words).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stdout);
        let failure = document(words, &ended.stderr);
        assert!(failure["error"].as_str().unwrap().contains("lst"), "{failure}");
    }
    let plain = scene.waybill(&["keys", "lst"]).await;
    assert!(plain.code == Some(2) && plain.stderr.contains("lst"), "{}", plain.stderr);
}

/// Bytes in memory of a process.
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_file_is_read_as_it_is_sent_however_large_it_is() {
    const SIZE_BYTES: u64 = 512 << 20;
    let scene = Scene::set().await;
    let file = scene.path().join("large.bin");
    File::create(&file).unwrap().set_len(SIZE_BYTES).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut command = scene.command();
    command.env("WAYBILL_URL", format!("http://{}", listener.local_addr().unwrap()));
    command.env("WAYBILL_KEY", "wb_1234_secret");
    command.args(["publish", "risk", "v1", "--file", file.to_str().unwrap()]);
    let mut child = command.spawn().unwrap();
    let accepted = tokio::time::timeout(Duration::from_secs(60), listener.accept()).await;
    let (mut server, _) = accepted.unwrap().unwrap();
    // 64 MiB of it have come, and more waits to be sent.
    let mut seen = vec![0; 1 << 20];
    for _ in 0..64 {
        server.read_exact(&mut seen).await.unwrap();
    }
    let resident = resident_bytes(child.id().unwrap());
    child.kill().await.unwrap();
    assert!(resident < SIZE_BYTES / 4, "{resident} bytes in memory for a file of {SIZE_BYTES}");
}
