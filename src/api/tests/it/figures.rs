//! Gates and sums, held against plain SQL over the log.

use std::collections::BTreeMap;

use schema::events::{
    AttemptOutcome, CancelReason, DeadLetterReason, DeliveryEvent, NextStep, SuppressReason,
};
use schema::{DeliveryId, FailureClass, Fault, Proof, Receipt, Sha256, StreamId, Timestamp};
use serde_json::{Value, json};

use crate::inbox::{signed_in, wish};
use crate::support::{ACME, Api};

const SUMS: &str = "
    with planned as (
        select aggregate_id as id, payload ->> 'channel' as channel from events
        where tenant = 'acme' and event_type = 'DeliveryScheduled'
          and coalesce((payload ->> 'resend')::int, 0) = 0
    ), ends as (
        select case e.event_type
                   when 'DeliveryCancelled' then 'cancelled'
                   when 'DeliverySuppressed' then 'suppressed'
                   else coalesce(e.payload #>> '{outcome,receipt,proof}', 'dead_lettered')
               end as column
        from events e join planned p on p.id = e.aggregate_id
        where e.event_type in ('DeliveryCancelled', 'DeliverySuppressed')
           or e.payload #>> '{outcome,kind}' = 'succeeded'
           or e.payload #>> '{outcome,next,kind}' = 'dead_lettered'
    )
    select 'considered', sum((payload ->> 'considered')::bigint)::bigint from events
    where tenant = 'acme' and event_type = 'SlicePlanned'
    union all select 'planned', count(*) from planned
    union all select e.column, count(*) from ends e group by 1";

struct Risk {
    api: Api,
    runs: Vec<BTreeMap<String, DeliveryId>>,
}

/// Two versions, planned for ada, bob, cat and dan, who is retried; eve has no grant.
async fn risk() -> Risk {
    let api = Api::start().await;
    api.audience().await;
    for name in ["ada", "cat", "dan"] {
        wish(&api, name).await;
    }
    api.put("/v1/recipients/eve", json!({ "kind": "person" })).await.ok(201);
    let wish = json!({
        "recipient": "eve", "selector": { "report": "risk" },
        "preferences": { "channels": ["inbox"] }
    });
    api.put("/v1/subscriptions/eve-risk", wish).await.ok(201);
    let mut runs = Vec::new();
    for version in ["v1", "v2"] {
        let told = api.post("/v1/reports", json!({ "report": "risk", "version": version })).await;
        let run = told.ok(201)["distribution"].as_str().unwrap().to_owned();
        let at = told.position();
        let path = format!("/v1/deliveries?distribution={run}&at_least_position={at}");
        let rows = api.get(&path).await.ok(200)["rows"].take();
        let to = |row: &Value| {
            let id = row["delivery"].as_str().unwrap().parse().unwrap();
            (row["recipient"].as_str().unwrap().to_owned(), id)
        };
        runs.push(rows.as_array().unwrap().iter().map(to).collect());
    }
    Risk { api, runs }
}

impl Risk {
    async fn tell(&self, run: usize, to: &str, events: Vec<DeliveryEvent>) {
        let stream = StreamId::delivery(self.runs[run][to]);
        self.api.append(ACME, stream, events.into_iter().map(Into::into).collect()).await;
    }

    /// When the first byte left, so long after receipt.
    async fn after(&self, run: usize, to: &str, ms: i64) -> Timestamp {
        let stream = StreamId::delivery(self.runs[run][to]);
        let events = self.api.ledger.ledger.load_stream(&stream, 0).await.unwrap();
        let schema::LedgerEvent::Delivery(DeliveryEvent::DeliveryScheduled(plan)) =
            &events[0].event
        else {
            panic!("not planned")
        };
        Timestamp::from_unix_micros(plan.received_at.unix_micros() + ms * 1_000)
    }

    async fn sent(&self, run: usize, to: &str, ms: i64) {
        let at = self.after(run, to, ms).await;
        self.tell(run, to, vec![started(1), succeeded(1, at)]).await;
    }

    async fn sums(&self, by: &str) -> Vec<Value> {
        let head = self.api.state.ledger.head().await.unwrap();
        let path = format!("/v1/rollups?by={by}&at_least_position={head}");
        self.api.get(&path).await.ok(200)["rows"].as_array().unwrap().clone()
    }

    async fn gate(&self, name: &str) -> Value {
        let head = self.api.state.ledger.head().await.unwrap();
        let told = self.api.get(&format!("/v1/gates?at_least_position={head}")).await.ok(200);
        let gates = told["gates"].as_array().unwrap();
        gates.iter().find(|gate| gate["name"] == name).unwrap().clone()
    }
}

fn started(attempt: u32) -> DeliveryEvent {
    DeliveryEvent::AttemptStarted { attempt, node: "n1".to_owned(), address_revision: 1 }
}

fn succeeded(attempt: u32, at: Timestamp) -> DeliveryEvent {
    let receipt = Receipt {
        proof: Proof::Delivered,
        status: 200,
        content_sha256: Sha256::of(b"x"),
        content_bytes: 1,
        reply: None,
    };
    let outcome = AttemptOutcome::Succeeded { receipt };
    DeliveryEvent::AttemptEnded { attempt, sent_at: Some(at), elapsed_us: Some(1), outcome }
}

fn failed(class: FailureClass, next: NextStep) -> DeliveryEvent {
    let fault = Fault { class, code: "http.0".to_owned(), reply: None, retry_after_ms: None };
    let outcome = AttemptOutcome::Failed { fault, next };
    DeliveryEvent::AttemptEnded { attempt: 1, sent_at: None, elapsed_us: None, outcome }
}

/// Each way in which a delivery may end, and one that is open.
async fn ended() -> Risk {
    let risk = risk().await;
    risk.sent(0, "ada", 20).await;
    risk.sent(0, "bob", 150).await;
    let given_up = NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable };
    let gone = failed(FailureClass::RecipientPermanent, given_up.clone());
    risk.tell(0, "cat", vec![started(1), gone]).await;
    let at = risk.after(0, "dan", 900).await;
    let again = failed(FailureClass::Transient, NextStep::RetryAt { at });
    risk.tell(0, "dan", vec![started(1), again, started(2), succeeded(2, at)]).await;
    let reason = SuppressReason::Unsubscribed;
    risk.tell(1, "ada", vec![DeliveryEvent::DeliverySuppressed { reason }]).await;
    let reason = CancelReason::Withdrawn;
    risk.tell(1, "bob", vec![DeliveryEvent::DeliveryCancelled { reason }]).await;
    let bad = failed(FailureClass::Content, given_up);
    risk.tell(1, "cat", vec![started(1), bad]).await;
    risk
}

#[tokio::test]
async fn sums_by_channel_report_distribution_and_tenant_are_those_of_sql_over_events() {
    let risk = ended().await;
    let told: Vec<(String, i64)> =
        sqlx::query_as(SUMS).fetch_all(risk.api.ledger.ledger.pool()).await.unwrap();
    let told: BTreeMap<String, i64> = told.into_iter().collect();
    assert_eq!((told["considered"], told["planned"], told["delivered"]), (10, 8, 3));
    for (by, count) in [("tenant", 1), ("report", 1), ("distribution", 2), ("channel", 3)] {
        let rows = risk.sums(by).await;
        assert_eq!(rows.len(), count, "{by}: {rows:?}");
        let of = |row: &Value, column: &str| row[column].as_i64().unwrap();
        for (column, sum) in &told {
            assert_eq!(rows.iter().map(|row| of(row, column)).sum::<i64>(), *sum, "{by} {column}");
        }
        for row in &rows {
            assert_eq!(of(row, "considered"), of(row, "planned") + of(row, "not_planned"));
            let ends =
                ["delivered", "accepted", "dead_lettered", "cancelled", "expired", "suppressed"];
            let closed: i64 = ends.iter().map(|end| of(row, end)).sum();
            assert_eq!(of(row, "planned"), of(row, "open") + closed, "{by}: {row}");
        }
        assert_eq!(rows.iter().map(|row| of(row, "open")).sum::<i64>(), 1, "{by}");
    }
    let channels = risk.sums("channel").await;
    let keys: Vec<_> = channels.iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["inbox", "none", "webhook"]);
    assert_eq!(channels[1]["not_planned_by_reason"], json!({ "not_entitled": 2 }));
    let wrong = risk.api.get("/v1/rollups?by=colour").await.problem(422);
    assert_eq!(wrong["field"], "by");
}

#[tokio::test]
async fn gates_tell_what_they_count_and_what_they_leave_out() {
    let risk = ended().await;
    let success = risk.gate("success").await;
    // Of three that got through and one that was given up for its content.
    assert_eq!((&success["numerator"], &success["denominator"]), (&json!(3), &json!(4)));
    let excluded = json!({
        "suppressed:unsubscribed": 1, "cancelled:withdrawn": 1, "hard_invalid": 1, "not_due": 1,
        "not_planned:not_entitled": 2
    });
    assert_eq!((&success["excluded"], &success["verdict"]), (&excluded, &json!("missed")));

    let p95 = risk.gate("latency_p95").await;
    assert_eq!((&p95["numerator"], &p95["denominator"]), (&json!(1), &json!(2)));
    assert_eq!((&p95["value_ms"], &p95["verdict"]), (&json!(150.0), &json!("missed")));
    assert_eq!(
        p95["excluded"],
        json!({ "not_sent": 5, "retried_by_rule": 1, "planned_for_later": 0 })
    );

    let deadlines = risk.gate("satisfaction_deadlines").await;
    assert_eq!((&deadlines["numerator"], &deadlines["denominator"]), (&json!(3), &json!(5)));

    let silent = risk.gate("satisfaction_answers").await;
    assert_eq!((&silent["denominator"], &silent["verdict"]), (&json!(0), &json!("no_data")));
    let ada = signed_in(&risk.api, "ada").await;
    let path = format!("/v1/inbox/{}/on-time", risk.runs[0]["ada"]);
    let body = Some(json!({ "answer": "on_time" }));
    let post = axum::http::Method::POST;
    risk.api.send(crate::support::request(&ada, post, &path, body, &[])).await.ok(200);
    let said = risk.gate("satisfaction_answers").await;
    assert_eq!((&said["numerator"], &said["denominator"]), (&json!(1), &json!(1)));
    assert_eq!((&said["verdict"], &said["excluded"]["not_answered"]), (&json!("met"), &json!(2)));

    let query = "{ gates { name verdict excluded { class count } } \
        rollups(by: channel) { key planned open notPlannedByReason { class count } } }";
    let told = risk.api.post("/graphql", json!({ "query": query })).await.ok(200);
    assert_eq!(told["data"]["gates"][0]["verdict"], "missed", "{told}");
    assert_eq!(told["data"]["rollups"][1]["key"], "none");
    let backwards = "/v1/gates?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z";
    assert_eq!(risk.api.get(backwards).await.problem(422)["field"], "since");
}

#[tokio::test]
async fn availability_counts_whole_minutes_since_the_first_on_record() {
    let risk = risk().await;
    assert_eq!(risk.gate("availability").await["verdict"], "no_data");
    let owner = risk.api.ledger.ledger.pool();
    for (minutes_ago, node, ready) in
        [(4, "n1", true), (3, "n1", false), (3, "n2", true), (2, "n1", false)]
    {
        sqlx::query(
            "insert into node_minutes values \
             (date_trunc('minute', clock_timestamp() - $1 * interval '1 minute'), $2, $3)",
        )
        .bind(minutes_ago)
        .bind(node)
        .bind(ready)
        .execute(owner)
        .await
        .unwrap();
    }
    let gate = risk.gate("availability").await;
    // Of four: one no node wrote, one in which none was ready. Over a minute's turn there may be one more.
    assert_eq!((&gate["numerator"], &gate["verdict"]), (&json!(2), &json!("missed")));
    assert!([4, 5].contains(&gate["denominator"].as_i64().unwrap()), "{gate}");

    let ledger = &risk.api.ledger.ledger;
    ledger.record_minute("n9", true).await.unwrap();
    ledger.record_minute("n9", false).await.unwrap();
    let ready: Vec<bool> = sqlx::query_scalar("select ready from node_minutes where node = 'n9'")
        .fetch_all(owner)
        .await
        .unwrap();
    assert!(ready.contains(&false));
}
