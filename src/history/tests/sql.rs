//! As-of answers at every position of a seeded history, beside plain SQL over `events`.

use schema::{AggregateType, Position};
use serde_json::Value;
use sqlx::PgConnection;

use crate::history::{Answer, Hold, Subscribed, stream_of};
use crate::story::story;
use crate::world::{World, acme};

/// Subscription, version and state as of a position.
const STANDINGS: &str = "select s.aggregate_id, (s.payload->>'version')::bigint, \
    case when s.event_type = 'Unsubscribed' then 'ended' \
    when (select h.event_type from events h where h.aggregate_type = 'subscription' \
        and h.aggregate_id = s.aggregate_id and h.position <= $1 \
        and h.event_type in ('Subscribed', 'SubscriptionPaused', 'SubscriptionResumed') \
        order by h.sequence desc limit 1) = 'SubscriptionPaused' then 'paused' else 'active' end \
    from (select distinct on (aggregate_id) * from events \
        where aggregate_type = 'subscription' and position <= $1 order by aggregate_id, sequence desc) s \
    order by s.aggregate_id";

/// Delivery and outcome (null while open) as of a position.
const OUTCOMES: &str = "select d.aggregate_id, (select coalesce( \
        case when c.payload->'outcome'->>'kind' = 'succeeded' \
        then c.payload->'outcome'->'receipt'->>'proof' end, \
        c.payload->'outcome'->'next'->>'kind') \
        from events c where c.aggregate_type = 'delivery' and c.aggregate_id = d.aggregate_id \
        and c.event_type = 'AttemptEnded' and c.position <= $1 order by c.sequence desc limit 1) \
    from events d where d.aggregate_type = 'delivery' and d.event_type = 'DeliveryScheduled' \
    and d.position <= $1 order by d.aggregate_id";

/// Recipient and subscription that speak of `risk` as of a position.
const SUBSCRIBED: &str = "select b.recipient, b.aggregate_id from ( \
    select distinct on (aggregate_id) aggregate_id, payload->>'recipient' as recipient, \
        payload->'selector'->>'report' as report from events where aggregate_type = 'subscription' \
        and event_type in ('Subscribed', 'SubscriptionChanged') and position <= $1 \
        order by aggregate_id, sequence desc) b \
    join (select distinct on (aggregate_id) aggregate_id, event_type from events \
        where aggregate_type = 'subscription' and position <= $1 order by aggregate_id, sequence desc) l \
    using (aggregate_id) where b.report in ('risk', '*') and l.event_type <> 'Unsubscribed' order by 1, 2";

async fn asked(world: &World, kind: AggregateType, id: &str, at: Position) -> Value {
    let stream = stream_of(&acme(), kind, id).unwrap();
    let moment = world.moment(at).await;
    Answer::of(&world.test.ledger, &acme(), &stream, moment).await.unwrap().state
}

async fn standings_agree(world: &World, sql: &mut PgConnection, at: Position) -> usize {
    let told: Vec<(String, i64, String)> =
        sqlx::query_as(STANDINGS).bind(at.0).fetch_all(sql).await.unwrap();
    for (id, version, name) in &told {
        let state = asked(world, AggregateType::Subscription, id, at).await;
        assert_eq!(state[name]["version"], *version, "{id} at {at} is {state}");
    }
    told.len()
}

async fn outcomes_agree(world: &World, sql: &mut PgConnection, at: Position) -> usize {
    let told: Vec<(String, Option<String>)> =
        sqlx::query_as(OUTCOMES).bind(at.0).fetch_all(sql).await.unwrap();
    for (id, outcome) in &told {
        let state = asked(world, AggregateType::Delivery, id, at).await;
        assert_eq!(state["closed"]["outcome"].as_str(), outcome.as_deref(), "{id} at {at}");
        assert_ne!(state, "unplanned");
    }
    told.len()
}

async fn subscribers_agree(world: &World, sql: &mut PgConnection, at: Position) -> usize {
    let told: Vec<(String, String)> =
        sqlx::query_as(SUBSCRIBED).bind(at.0).fetch_all(sql).await.unwrap();
    let (report, moment) = ("risk".parse().unwrap(), world.moment(at).await);
    let all = (None, usize::MAX);
    let found = Subscribed::of(&world.test.ledger, &acme(), &report, moment, all).await.unwrap();
    let mut names = Vec::new();
    for one in &found.subscribers {
        let id = format!("acme/{}", one.subscription);
        let state = asked(world, AggregateType::Subscription, &id, at).await;
        let name = if one.state == Hold::Paused { "paused" } else { "active" };
        assert_eq!(state[name]["version"], one.version, "{id} at {at}");
        names.push((one.recipient.to_string(), id));
    }
    assert_eq!(names, told, "at {at}");
    told.len()
}

#[tokio::test]
async fn answers_at_every_position_are_what_sql_over_the_events_says() {
    let world = story().await;
    let mut sql = world.test.app().await;
    let mut compared = [0; 3];
    for at in (1..=world.head().await.0).map(Position) {
        compared[0] += standings_agree(&world, &mut sql, at).await;
        compared[1] += outcomes_agree(&world, &mut sql, at).await;
        compared[2] += subscribers_agree(&world, &mut sql, at).await;
    }
    assert!(compared.iter().all(|count| *count > 30), "{compared:?} answers compared");
    let ([subscriptions, deliveries, subscribers], head) = (compared, world.head().await);
    println!(
        "as of each position up to {head}, by Waybill and by SQL over events: {subscriptions} \
         subscriptions, {deliveries} deliveries, {subscribers} subscribers of a report: equal"
    );
}
