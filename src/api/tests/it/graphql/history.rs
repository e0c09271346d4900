//! What was so at a moment, beside what is so now.

use schema::events::Scope;
use serde_json::{Value, json};

use super::world::{World, codes};
use crate::support::ACME;

const PERSONAL: &str = "https://hooks.example.com/in";

struct Auditor {
    world: World,
    key: String,
}

impl Auditor {
    /// Looks at bob, carol who is not entitled, and dave who is paused; `v1` went to bob and failed.
    async fn new() -> Self {
        let world = World::peopled(1).await;
        world.publish("v1").await;
        let id = world.delivery("v1", "bob").await;
        world.given_up(id, "bob").await;
        let key = world.api.key_of(ACME, &[Scope::Read, Scope::Audit]).await;
        Self { world, key }
    }

    async fn told(&self, query: &str) -> Value {
        let (_, mut body) = self.world.ask(&self.key, query, json!({})).await;
        assert_eq!(codes(&body), [""; 0], "{body}");
        assert!(!body.to_string().contains(PERSONAL), "{body}");
        body["data"].take()
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.world.api.state.ledger.pool()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_something_stood_and_what_changed_is_what_the_events_say() {
    let auditor = Auditor::new().await;
    let paused = "select position from events where event_type = 'SubscriptionPaused'";
    let paused = auditor.number(paused).await;
    let as_of = async |position: i64| {
        let query = format!(
            "{{ asOf(kind: subscription, id: \"dave-risk\", moment: {{ position: {position} }}) {{
                kind id position recordedAt state lastChange {{ type position sequence actor }} }} }}"
        );
        auditor.told(&query).await["asOf"].take()
    };
    let before = as_of(paused - 1).await;
    assert_eq!(
        (&before["kind"], &before["position"]),
        (&json!("subscription"), &json!(paused - 1))
    );
    assert_eq!(before["state"]["active"]["version"], 1, "{before}");
    let after = as_of(paused).await;
    assert_eq!(after["state"]["paused"]["version"], 2, "{after}");
    assert_eq!(after["lastChange"]["position"], paused);

    let query = format!(
        "{{ difference(kind: subscription, id: \"dave-risk\", from: {{ position: {} }},
            to: {{ position: {} }}) {{ position toPosition
            fields {{ field before after isSealed }} events {{ type }} }} }}",
        paused - 1,
        auditor.world.head().await.0,
    );
    let told = &auditor.told(&query).await["difference"];
    assert_eq!(told["toPosition"], auditor.world.head().await.0);
    assert_eq!(told["events"], json!([{ "type": "SubscriptionPaused" }]));
    let change = |field: &str, before: Value, after: Value| -> Value {
        json!({ "field": field, "before": before, "after": after, "isSealed": false })
    };
    let expected =
        [change("state", json!("active"), json!("paused")), change("version", json!(1), json!(2))];
    assert_eq!(told["fields"], json!(expected));

    let at = after["recordedAt"].as_str().unwrap();
    let bob =
        format!("{{ asOf(kind: recipient, id: \"bob\", moment: {{ at: \"{at}\" }}) {{ state }} }}");
    let bob = &auditor.told(&bob).await["asOf"]["state"]["active"];
    assert_eq!(bob["profile"]["name"], "sealed");
    assert_eq!(bob["addresses"][0]["endpoint"]["value"], "sealed");
    auditor.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_subscribed_then_comes_in_pages() {
    let auditor = Auditor::new().await;
    let head = auditor.world.head().await.0;
    let page = async |more: &str| {
        let query = format!(
            "{{ subscribedAt(report: \"risk\", moment: {{ position: {head} }}{more}) {{
                position nextAfter subscribers {{ recipient subscription version state grant }} }} }}"
        );
        auditor.told(&query).await["subscribedAt"].take()
    };
    let all = page("").await;
    assert_eq!(all["position"], head);
    let row = |name: &str, version: i64, state: &str, grant: Value| {
        json!({ "recipient": name, "subscription": format!("{name}-risk"), "version": version,
            "state": state, "grant": grant })
    };
    let expected = json!([
        row("bob", 1, "active", json!("all")),
        row("carol", 1, "active", Value::Null),
        row("dave", 2, "paused", json!("risk")),
        row("r000", 1, "active", json!("risk")),
    ]);
    assert_eq!((&all["subscribers"], &all["nextAfter"]), (&expected, &Value::Null));
    let part = page(", first: 2, after: \"bob\"").await;
    assert_eq!(part["subscribers"], json!([expected[1], expected[2]]));
    assert_eq!(part["nextAfter"], "dave");
    auditor.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_names_each_decision_and_what_was_so_when_there_was_none() {
    let auditor = Auditor::new().await;
    let why = async |version: &str, recipient: &str| {
        let query = format!(
            "{{ why(report: \"risk\", version: \"{version}\", recipient: \"{recipient}\") {{
                position distribution sentences
                decisions {{ planned reason subscription subscriptionVersion grant readAt position
                    deliveryNode {{ outcome }} }}
                unconsidered {{ readAt recipient grant subscriptions {{ subscription }} }} }}
              decisions(filter: {{ report: \"risk\", version: \"{version}\", recipient: \"{recipient}\" }}) {{
                edges {{ node {{ planned reason subscription subscriptionVersion grant readAt position
                    deliveryNode {{ outcome }} }} }} }} }}"
        );
        let told = auditor.told(&query).await;
        let edges = told["decisions"]["edges"].as_array().unwrap();
        // The log and the read models know the same decisions.
        let nodes: Vec<Value> = edges.iter().map(|edge| edge["node"].clone()).collect();
        if told["why"] != Value::Null {
            assert_eq!(told["why"]["decisions"], json!(nodes), "{told}");
        }
        told["why"].clone()
    };
    let bob = why("v1", "bob").await;
    let decision = &bob["decisions"][0];
    assert_eq!((&decision["planned"], &decision["grant"]), (&json!(true), &json!("all")));
    assert_eq!(decision["deliveryNode"]["outcome"], "dead_lettered");
    for (recipient, reason) in [("carol", "not_entitled"), ("dave", "paused")] {
        let told = why("v1", recipient).await;
        assert_eq!(told["decisions"][0]["reason"], reason, "{told}");
        assert_eq!(told["unconsidered"], Value::Null);
    }
    let zoe = why("v1", "zoe").await;
    let read_at = &decision["readAt"];
    let nothing =
        json!({ "readAt": read_at, "recipient": "unknown", "grant": null, "subscriptions": [] });
    assert_eq!((&zoe["decisions"], &zoe["unconsidered"]), (&json!([]), &nothing));
    let told = zoe["sentences"][0].as_str().unwrap();
    assert!(told.starts_with("never considered: slice 0 was planned as of position"), "{told}");
    assert_eq!(why("v9", "bob").await, Value::Null);
    auditor.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_cannot_be_asked_about_names_its_rule_and_another_tenant_finds_nothing() {
    let auditor = Auditor::new().await;
    let ask = async |key: &str, query: &str| {
        let (_, body) = auditor.world.ask(key, query, json!({})).await;
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let said = errors.first().map(|error| error["message"].as_str().unwrap().to_owned());
        (codes(&body), said.unwrap_or_default(), body["data"].clone())
    };
    let head = auditor.world.head().await.0;
    let as_of = |moment: &str| {
        format!(
            "{{ asOf(kind: recipient, id: \"bob\", moment: {{ {moment} }}) {{ state position }} }}"
        )
    };
    let ahead = format!("position: {}", head + 1);
    for (moment, rule) in [
        (ahead.as_str(), "where the log now ends"),
        ("position: 0", "where the log now ends"),
        ("at: \"1999-01-01T00:00:00Z\"", "must not lie before the first event"),
        ("at: \"2100-01-01T00:00:00Z\"", "the database's time"),
        ("at: \"1999\"", "must be an RFC 3339 instant"),
        ("", "exactly one field"),
        ("position: 1, at: \"2100-01-01T00:00:00Z\"", "exactly one field"),
    ] {
        let (codes, said, _) = ask(&auditor.key, &as_of(moment)).await;
        assert_eq!(codes, ["BAD_INPUT"], "{moment}: {said}");
        assert!(said.contains(rule), "{moment}: {said}");
    }
    for wrong in [
        "{ asOf(kind: delivery, id: \"x\", moment: { position: 1 }) { state } }",
        "{ subscribedAt(report: \"risk\", moment: { position: 1 }, first: 1001) { position } }",
        "{ difference(kind: recipient, id: \"bob\", from: { position: 3 }, to: { position: 1 }) { position } }",
    ] {
        assert_eq!(ask(&auditor.key, wrong).await.0, ["BAD_INPUT"], "{wrong}");
    }
    let five: String = (0..6)
        .map(|n| {
            format!(
                "a{n}: subscribedAt(report: \"risk\", moment: {{ position: 1 }}) {{ position }} "
            )
        })
        .collect();
    assert_eq!(ask(&auditor.key, &format!("{{ {five} }}")).await.0, ["TOO_COMPLEX"]);

    auditor.world.api.tenant("other").await;
    let stranger = auditor.world.api.key_of("other", &Scope::ALL).await;
    let (_, _, told) = ask(&stranger, &as_of(&format!("position: {head}"))).await;
    assert_eq!(told["asOf"]["state"], "unknown");
    let others = format!(
        "{{ subscribedAt(report: \"risk\", moment: {{ position: {head} }}) {{ subscribers {{ version }} }}
        why(report: \"risk\", version: \"v1\", recipient: \"bob\") {{ position }} }}"
    );
    let (_, _, told) = ask(&stranger, &others).await;
    assert_eq!(told, json!({ "subscribedAt": { "subscribers": [] }, "why": null }));
    auditor.world.end().await;
}
