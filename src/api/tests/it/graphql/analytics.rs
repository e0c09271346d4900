//! Questions over many deliveries: what they answer, to whom, and how they are refused.

use schema::events::Scope;
use serde_json::{Value, json};
use simulator::{Shape, Simulator, record};

use super::world::plain;
use crate::support::Api;

/// An API over a history of three tenants, none of it exported, and a key of the first one.
async fn api(scopes: &[Scope]) -> (Api, String) {
    let api = Api::start().await;
    let shape = Shape { recipients: 50, fan_out: 40, ..Shape::default() };
    let owner = &mut api.ledger.owner().await;
    record(owner, Simulator::new(shape).take(3_000)).await.unwrap();
    let key = api.key_of("t0", scopes).await;
    let head = api.ledger.ledger.head().await.unwrap();
    let mut reached = api.state.tail.head();
    reached.wait_for(|at| *at >= head).await.unwrap();
    (api, key)
}

async fn ask(api: &Api, key: &str, inner: &str) -> Value {
    plain(&api.router, key, &format!("{{ analytics {{ {inner} }} }}"), json!({})).await
}

const EVERY_VIEW: &str = "
    auditTrail(first: 3) { position isCut rows { position recordedAt eventType actor recipient } }
    deliveryPerformance(by: [channel, report, hour, destination]) { position isCut rows { channel report hour
        destination closed delivered accepted bounced p50Us p99Us remoteP50Us firstPosition lastPosition } }
    channelEffectiveness { position rows { channel tried reached rate rateLow rateHigh adjustedRate coverage
        attemptsEach closeP50Us } }
    patterns { position rows { weekday hour closed succeeded retried p50Us p99Us } }
    failureClusters { position rows { faultClass destination hour attempts deliveries code codes firstPosition } }
    completeness { position rows { distribution report version considered planned notPlanned open closes position } }
    closedDeliveries(outcome: accepted, first: 2) { position rows { delivery outcome recipient subscription
        subscriptionVersion grantId receivedAt firstSentAt closedAt latencyUs scheduledPosition position } }
    failedAttempts(first: 2) { position rows { delivery attempt result faultClass faultCode next sentAt position } }
    sql(statement: \"select count(*) as n, min(tenant) as tenant from events\") { position rows }";

#[tokio::test(flavor = "multi_thread")]
async fn every_view_answers_with_its_position_and_rows_that_lead_to_events() {
    let (api, key) = api(&[Scope::Read, Scope::Audit]).await;
    let told = ask(&api, &key, EVERY_VIEW).await;
    assert!(told.get("errors").is_none(), "{told:#}");
    let head = api.state.tail.head().borrow().0;
    for (view, answer) in told["data"]["analytics"].as_object().unwrap() {
        assert_eq!(answer["position"], json!(head), "{view}");
        assert!(!answer["rows"].as_array().unwrap().is_empty(), "{view}");
    }
    let told = &told["data"]["analytics"];
    assert_eq!(told["auditTrail"]["isCut"], false, "three were asked for");
    assert_eq!(told["sql"]["rows"][0]["tenant"], "t0");
    let counted: i64 = sqlx::query_scalar("select count(*) from events where tenant = 't0'")
        .fetch_one(api.ledger.ledger.pool())
        .await
        .unwrap();
    assert_eq!(told["sql"]["rows"][0]["n"], json!(counted));
    let closed = &told["closedDeliveries"]["rows"][0];
    let closing: String = sqlx::query_scalar("select aggregate_id from events where position = $1")
        .bind(closed["position"].as_i64())
        .fetch_one(api.ledger.ledger.pool())
        .await
        .unwrap();
    assert_eq!(closed["delivery"], json!(closing), "the row leads to its event");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_own_statements_are_for_who_may_audit() {
    let (api, key) = api(&[Scope::Read]).await;
    let fine = ask(&api, &key, "patterns { position }").await;
    assert!(fine.get("errors").is_none(), "{fine}");
    for closed in ["auditTrail { position }", "sql(statement: \"select 1\") { position }"] {
        let told = ask(&api, &key, closed).await;
        assert_eq!(told["errors"][0]["extensions"]["code"], "FORBIDDEN", "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_asked_is_refused_with_its_rule() {
    let (api, key) = api(&[Scope::Read, Scope::Audit]).await;
    let cases = [
        (
            "sql(statement: \"delete from events\") { position }",
            "sql: must be one select statement",
        ),
        ("sql(statement: \"select * from read_csv('/etc/passwd')\") { position }", "disabled"),
        ("patterns(filter: { from: \"yesterday\" }) { position }", "RFC 3339"),
        ("auditTrail(first: 5000) { position }", "first: \"5000\" must be 1 to 1000"),
    ];
    for (asked, expected) in cases {
        let told = ask(&api, &key, asked).await;
        assert_eq!(told["errors"][0]["extensions"]["code"], "BAD_INPUT", "{told}");
        let message = told["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
}
