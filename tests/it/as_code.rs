//! Subscriptions as a document: planned, applied, changed elsewhere, planned again.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{Api, Ended, Node, Scene, run, until};

/// An owner with a document and a key.
struct Owner<'a> {
    scene: &'a Scene,
    node: &'a Node,
    key: String,
    file: PathBuf,
}

impl Owner<'_> {
    fn writes(&self, entries: &[(&str, &str, &str)]) {
        let mut text = "owner: desk\nsubscriptions:\n".to_owned();
        for (name, recipient, report) in entries {
            let rest = "    channels: [webhook]\n";
            write!(text, "  {name}:\n    recipient: {recipient}\n    report: {report}\n{rest}")
                .unwrap();
        }
        std::fs::write(&self.file, text).unwrap();
    }

    async fn run(&self, words: &[&str]) -> Ended {
        let mut command = self.scene.command();
        command.env("WAYBILL_URL", &self.node.url).env("WAYBILL_KEY", &self.key);
        let file = self.file.to_str().unwrap();
        run(command, &[words, &["-f", file]].concat()).await
    }

    async fn told(&self, words: &[&str], code: i32) -> Value {
        let ended = self.run(&[words, &["--output", "json"]].concat()).await;
        assert_eq!(ended.code, Some(code), "{words:?}: {} {}", ended.stdout, ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    async fn planned(&self) -> Value {
        self.told(&["plan"], 0).await
    }

    async fn shown(&self, words: &[&str]) -> String {
        self.run(words).await.stdout
    }
}

fn signs(plan: &Value) -> Vec<String> {
    let told = |step: &Value| {
        format!("{}{}", step["sign"].as_str().unwrap(), step["subscription"].as_str().unwrap())
    };
    plan["steps"].as_array().unwrap().iter().map(told).collect()
}

async fn ready(scene: &Scene) -> (Node, Api, String) {
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    for name in ["ada", "bob"] {
        api.recipient(name, "webhook", "http://127.0.0.1:9000/x", "risk").await;
    }
    (node, api, key)
}

#[tokio::test]
async fn a_document_is_planned_applied_and_nothing_is_left_to_do() {
    let scene = Scene::set().await;
    let (node, api, key) = ready(&scene).await;
    let file = scene.path().join("wanted.yaml");
    let owner = Owner { scene: &scene, node: &node, key, file };
    owner.writes(&[("ada", "ada", "risk"), ("bob", "bob", "\"*\"")]);
    assert_eq!(signs(&owner.planned().await), ["+desk.ada", "+desk.bob"]);
    assert_eq!(owner.told(&["apply"], 0).await["applied"], 2);
    let plan = owner.planned().await;
    assert_eq!((&plan["unchanged"], signs(&plan)), (&json!(2), vec![]));
    assert_eq!(owner.told(&["apply"], 0).await["applied"], 0);

    // Elsewhere a field the document names is changed, and one that it does not name.
    let changed = json!({
        "recipient": "ada", "selector": { "report": "*" },
        "preferences": { "channels": ["webhook"], "formats": ["pdf"] }
    });
    api.put("/v1/subscriptions/desk.ada", &changed).await.ok();
    let plan = owner.planned().await;
    assert_eq!(signs(&plan), ["~desk.ada"]);
    assert_eq!(plan["drift"][0]["subscription"], "desk.ada");
    let fields = &plan["steps"][0]["fields"];
    let expected = json!([{ "field": "selector.report", "before": "*", "after": "risk" }]);
    assert_eq!(fields, &expected);
    let shown = owner.shown(&["plan"]).await;
    assert!(shown.contains("~ desk.ada\n    selector.report: \"*\" -> \"risk\""), "{shown}");
    assert!(shown.contains("! desk.ada: changed elsewhere since the last apply"), "{shown}");
    owner.told(&["apply"], 0).await;
    let left = api.get("/v1/subscriptions/desk.ada").await.ok();
    assert_eq!(left["preferences"]["formats"], json!(["pdf"]), "what is not named stays");

    owner.writes(&[("ada", "ada", "risk")]);
    assert_eq!(signs(&owner.planned().await), ["-desk.bob"]);
    owner.told(&["apply"], 0).await;
    let plan = owner.planned().await;
    assert_eq!((signs(&plan), &plan["drift"]), (vec![], &json!([])));
    let own = api.get("/v1/subscriptions/bob").await.ok();
    assert_eq!(own["state"], "active", "another's is not touched");
}

#[tokio::test]
async fn what_changed_since_the_plan_and_what_is_not_there_is_refused_and_named() {
    let scene = Scene::set().await;
    let (node, api, key) = ready(&scene).await;
    let file = scene.path().join("wanted.yaml");
    let owner = Owner { scene: &scene, node: &node, key, file };
    owner.writes(&[("ada", "ada", "risk"), ("bob", "bob", "risk"), ("eve", "nobody", "risk")]);
    let agreed = scene.path().join("plan.json");
    let plan = owner.told(&["plan"], 1).await;
    assert_eq!(signs(&plan), ["+desk.ada", "+desk.bob", "+desk.eve"]);
    std::fs::write(&agreed, plan.to_string()).unwrap();
    let wish = json!({
        "recipient": "ada", "selector": { "report": "*" }, "preferences": { "channels": ["mail"] }
    });
    api.put("/v1/subscriptions/desk.ada", &wish).await.ok();
    let words = ["apply", "--plan-file", agreed.to_str().unwrap()];
    let done = owner.told(&words, 1).await;
    assert_eq!(done["applied"], 1);
    let refused = &done["refused"];
    assert_eq!(refused[0]["subscription"], "desk.ada");
    assert!(refused[0]["detail"].as_str().unwrap().contains("changed since the plan"));
    assert_eq!((&refused[1]["line"], &refused[1]["column"]), (&json!(12), &json!(5)));
    assert!(refused[1]["detail"].as_str().unwrap().contains("nobody"), "{refused}");
    let shown = owner.shown(&["apply"]).await;
    assert!(shown.contains("wanted.yaml:12:5"), "{shown}");
    std::fs::write(&owner.file, "owner: desk\nsubscriptions: &a\n  x: *a\n").unwrap();
    let ended = owner.run(&["plan"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("wanted.yaml:3:"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_plan_refuses_what_names_nothing_by_line_and_column() {
    let scene = Scene::set().await;
    let (node, api, key) = ready(&scene).await;
    api.put("/v1/groups/floor", &json!({ "title": "Floor" })).await.ok();
    let file = scene.path().join("wanted.yaml");
    let owner = Owner { scene: &scene, node: &node, key, file };
    let text = "owner: desk\nsubscriptions:\n  \
        floor: { group: floor, report: risk, channels: [webhook] }\n  \
        gone: { group: gone, report: '*', channels: [webhook] }\n  \
        eve: { recipient: eve, report: none, channels: [webhook] }\n";
    std::fs::write(&owner.file, text).unwrap();
    let plan = owner.told(&["plan"], 1).await;
    assert_eq!(signs(&plan), ["+desk.eve", "+desk.floor", "+desk.gone"]);
    let refused = |name: &str, line, column, what: &str| {
        let detail = format!("there is no {what}, or it was retired");
        json!({ "subscription": name, "line": line, "column": column, "detail": detail })
    };
    let expected = [
        refused("desk.eve", 5, 21, "recipient eve"),
        refused("desk.eve", 5, 34, "report none"),
        refused("desk.gone", 4, 18, "group gone"),
    ];
    assert_eq!(plan["refused"], json!(expected));
    let shown = owner.shown(&["plan"]).await;
    assert!(shown.contains("would be refused: desk.gone ("), "{shown}");
    assert!(shown.contains("wanted.yaml:4:18): there is no group gone"), "{shown}");
    // What is there is subscribed all the same, a group like a recipient.
    assert_eq!(owner.told(&["apply"], 1).await["applied"], 1);
    let held = until("the group's subscription can be read", async || {
        let answer = api.get("/v1/subscriptions/desk.floor").await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    assert_eq!((&held["group"], &held["state"]), (&json!("floor"), &json!("active")));
    api.request(reqwest::Method::DELETE, "/v1/groups/floor").send().await.unwrap();
    let changed = text.replace("report: risk", "report: '*'");
    std::fs::write(&owner.file, changed).unwrap();
    let plan = owner.told(&["plan"], 1).await;
    assert_eq!(plan["refused"][2]["detail"], "there is no group floor, or it was retired");
}

/// Subscriptions of the large document: 300, or as many as `WAYBILL_TEST_MANY` says.
#[expect(clippy::disallowed_methods, reason = "who runs the test says how large the document is")]
fn many() -> usize {
    std::env::var("WAYBILL_TEST_MANY").map_or(300, |text| text.parse().unwrap())
}

#[tokio::test]
async fn a_large_document_is_applied_and_what_drifted_is_found_among_all() {
    let scene = Scene::set().await;
    let (node, api, key) = ready(&scene).await;
    let names: Vec<String> = (0..many()).map(|n| format!("r{n:05}")).collect();
    let registered = stream::iter(&names).map(async |name| {
        api.put(&format!("/v1/recipients/{name}"), &json!({ "kind": "person" })).await.ok()
    });
    registered.buffer_unordered(32).for_each(async |_| ()).await;
    let file = scene.path().join("wanted.yaml");
    let owner = Owner { scene: &scene, node: &node, key, file };
    let entries: Vec<_> = names.iter().map(|name| (&**name, &**name, "risk")).collect();
    owner.writes(&entries);

    let mut seconds = Vec::new();
    let mut begun = Instant::now();
    let mut lap = |what: &str| {
        seconds.push(format!("{what} {:.1} s", begun.elapsed().as_secs_f64()));
        begun = Instant::now();
    };
    assert_eq!(signs(&owner.planned().await).len(), names.len());
    lap("plan");
    assert_eq!(owner.told(&["apply"], 0).await["applied"], names.len());
    lap("apply");
    let plan = owner.planned().await;
    assert_eq!((&plan["unchanged"], signs(&plan)), (&json!(names.len()), vec![]));
    lap("plan again, nothing to do");

    let drifted: Vec<&String> = names.iter().step_by(names.len() / 7).take(7).collect();
    for name in &drifted {
        let changed = json!({
            "recipient": name, "selector": { "report": "*" },
            "preferences": { "channels": ["webhook"] }
        });
        api.put(&format!("/v1/subscriptions/desk.{name}"), &changed).await.ok();
    }
    lap("7 changed by REST");
    let plan = owner.planned().await;
    lap("plan again");
    let expected: Vec<_> = drifted.iter().map(|name| format!("~desk.{name}")).collect();
    assert_eq!(signs(&plan), expected);
    let told = plan["drift"].as_array().unwrap().iter().map(|drift| &drift["subscription"]);
    assert!(told.eq(drifted.iter().map(|name| format!("desk.{name}")).collect::<Vec<_>>().iter()));
    assert_eq!(owner.told(&["apply"], 0).await["applied"], 7);
    lap("apply of 7");
    #[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
    {
        println!("{} subscriptions as code: {}", names.len(), seconds.join(", "));
    }
}
