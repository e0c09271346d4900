//! What `/metrics` counts is what the events say: each series beside plain SQL over `events`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sink::{WebhookSink, WebhookSinkConfig};
use sqlx::Row;

use crate::support::{Api, Scene, until};

/// Every series that counts events, with the number of them.
const BY_SQL: &str = "
    select 'waybill_reports_received_total', count(*) from events
    where event_type = 'ReportReceived' having count(*) > 0
    union all
    select 'waybill_deliveries_scheduled_total{channel=\"' || (payload->>'channel') || '\"}', count(*)
    from events where event_type = 'DeliveryScheduled' group by 1
    union all
    select 'waybill_attempts_started_total', count(*) from events
    where event_type = 'AttemptStarted' having count(*) > 0
    union all
    select 'waybill_attempts_ended_total{result=\"' || (payload->'outcome'->>'kind') || '\",class=\"'
        || coalesce(payload->'outcome'->'fault'->>'class', '') || '\"}', count(*)
    from events where event_type = 'AttemptEnded' group by 1
    union all
    select 'waybill_deliveries_closed_total{outcome=\"' || outcome || '\",reason=\"' || reason || '\"}', count(*)
    from (select
        case when event_type = 'AttemptEnded' and payload->'outcome'->>'kind' = 'succeeded'
                 then payload->'outcome'->'receipt'->>'proof'
             when event_type = 'AttemptEnded' and payload->'outcome'->'next'->>'kind' = 'dead_lettered'
                 then 'dead_lettered'
             when event_type = 'DoubtResolved' and payload->'next' is null then 'accepted'
             when event_type = 'DoubtResolved' and payload->'next'->>'kind' = 'dead_lettered'
                 then 'dead_lettered'
             when event_type = 'DeliveryCancelled' then 'cancelled'
             when event_type = 'DeliveryExpired' then 'expired'
             when event_type = 'DeliverySuppressed' then 'suppressed' end as outcome,
        case event_type
            when 'AttemptEnded' then coalesce(payload->'outcome'->'next'->>'reason', '')
            when 'DoubtResolved' then coalesce(payload->'next'->>'reason', '')
            when 'DeliveryCancelled' then payload->'reason'->>'kind'
            when 'DeliverySuppressed' then payload->>'reason'
            else '' end as reason
        from events where aggregate_type = 'delivery') ended
    where outcome is not null group by 1
    union all
    select 'waybill_subscription_changes_total{change=\"' || case event_type
        when 'Subscribed' then 'subscribed' when 'SubscriptionChanged' then 'changed'
        when 'SubscriptionPaused' then 'paused' when 'SubscriptionResumed' then 'resumed'
        else 'unsubscribed' end || '\"}', count(*)
    from events where aggregate_type = 'subscription' group by 1";

const COUNTED: [&str; 6] = [
    "waybill_reports_received_total",
    "waybill_deliveries_scheduled_total",
    "waybill_attempts_started_total",
    "waybill_attempts_ended_total",
    "waybill_deliveries_closed_total",
    "waybill_subscription_changes_total",
];

async fn by_sql(scene: &Scene) -> BTreeMap<String, f64> {
    let rows = sqlx::query(BY_SQL).fetch_all(&scene.pool).await.unwrap();
    rows.into_iter().map(|row| (row.get(0), row.get::<i64, _>(1) as f64)).collect()
}

#[tokio::test]
async fn what_is_counted_is_what_sql_over_events_says() {
    let scene = Scene::set()
        .await
        .with("webhook.timeout_ms", 800)
        .with("webhook.connect_timeout_ms", 400)
        .with("retry.webhook.attempt_limit", 2)
        .with("retry.webhook.doubt_limit", 0);
    let quick = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let delay = Duration::from_secs(3);
    let slow = WebhookSink::start(WebhookSinkConfig { delay, keep_bodies: false }).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    let mail = format!("ada.{}@it.example", std::process::id());
    api.recipient("ada", "mail", &mail, "risk").await;
    for (name, sink, path) in [
        ("good", &quick, "/ok"),
        ("broken", &quick, "/broken"),
        ("lost", &slow, "/ok"),
        ("found", &slow, "/ok"),
        ("off", &slow, "/ok"),
    ] {
        api.recipient(name, "webhook", &sink.url(path), "risk").await;
    }
    let pause = json!({ "reason": "holiday" });
    api.post("/v1/subscriptions/good/pause", &pause).await.ok();
    api.post("/v1/subscriptions/good/resume", &json!({})).await.ok();
    let distribution = api.publish("risk", "v1").await;
    let held = "select count(*) from events where event_type = 'AttemptEnded' \
        and payload->'outcome'->'next'->>'kind' = 'held' and $1 = $1";
    until("three are in doubt", async || (scene.count(held, "").await == 3).then_some(())).await;
    for (name, resolution) in [("lost", "not_arrived"), ("found", "arrived")] {
        let path = format!("/v1/deliveries/{}", scene.delivery_to(&distribution, name).await);
        let found = json!({ "attempt": 1, "resolution": resolution, "note": "asked" });
        api.post(&format!("{path}/resolve"), &found).await.ok();
    }
    let path = format!("/v1/deliveries/{}", scene.delivery_to(&distribution, "off").await);
    api.post(&format!("{path}/cancel"), &json!({ "reason": "late" })).await.ok();
    api.post("/v1/subscriptions/good/unsubscribe", &json!({ "reason": "enough" })).await.ok();
    let held_again = "select count(*) from events where event_type = 'AttemptEnded' \
        and payload->>'attempt' = '2' and payload->'outcome'->>'kind' = 'in_doubt' and $1 = $1";
    until("the lost one is in doubt again", async || {
        (scene.count(held_again, "").await == 1).then_some(())
    })
    .await;
    let path = format!("/v1/deliveries/{}", scene.delivery_to(&distribution, "lost").await);
    let found = json!({ "attempt": 2, "resolution": "not_arrived", "note": "asked" });
    api.post(&format!("{path}/resolve"), &found).await.ok();
    scene.reconciled(&distribution).await;

    let expected = by_sql(&scene).await;
    for ended in [
        "outcome=\"delivered\",reason=\"\"",
        "outcome=\"accepted\",reason=\"\"",
        "outcome=\"cancelled\",reason=\"requested\"",
        "outcome=\"dead_lettered\",reason=\"attempts_exhausted\"",
        "outcome=\"dead_lettered\",reason=\"resolved_not_arrived\"",
    ] {
        assert!(expected.keys().any(|series| series.contains(ended)), "{ended}: {expected:?}");
    }
    let mut counted = node.counts().await;
    counted.retain(|series, _| COUNTED.contains(&series.split('{').next().unwrap()));
    assert_eq!(counted, expected);
}
