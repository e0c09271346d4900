use analytics::{
    AuditTrail, By, ChannelEffectiveness, Completeness, DeliveryList, DeliveryPerformance,
    FailureClusters, FailureList, Filter, Patterns,
};
use schema::Position;

use crate::support::{desk, plainly, rows};

const OUTCOMES: &str = "
    count(*) filter (where outcome = 'delivered') as delivered,
    count(*) filter (where outcome = 'accepted') as accepted,
    count(*) filter (where outcome = 'dead_lettered') as dead_lettered,
    count(*) filter (where outcome = 'cancelled') as cancelled,
    count(*) filter (where outcome = 'expired') as expired,
    count(*) filter (where outcome = 'suppressed') as suppressed";

#[tokio::test(flavor = "multi_thread")]
async fn every_view_says_what_plain_sql_over_the_events_says() {
    let desk = desk(20_000).await;
    let tenant = "t0";
    let mut plain = desk.plain(tenant).await;

    let performance = format!(
        "select channel, report, date_trunc('hour', closed_at) as hour, count(*) as closed, {OUTCOMES},
                count(*) filter (where came_back and outcome = 'accepted') as bounced,
                sum(attempts)::bigint as attempts, count(latency_us) as sent,
                percentile_disc(0.5) within group (order by latency_us) as p50_us,
                percentile_disc(0.95) within group (order by latency_us) as p95_us,
                percentile_disc(0.99) within group (order by latency_us) as p99_us,
                max(latency_us) as max_us,
                percentile_disc(0.5) within group (order by elapsed_us) as remote_p50_us,
                percentile_disc(0.95) within group (order by elapsed_us) as remote_p95_us,
                percentile_disc(0.99) within group (order by elapsed_us) as remote_p99_us,
                min(position) as first_position, max(position) as last_position
         from deliveries group by 1, 2, 3 order by channel collate \"C\", report collate \"C\", hour, closed desc"
    );
    let by = vec![By::Channel, By::Report, By::Hour];
    let asked = DeliveryPerformance { by, limit: 10_000, ..DeliveryPerformance::default() };
    let found = desk.ask(tenant, asked).await;
    assert_eq!(found.position, desk.head);
    same("delivery performance", &found.rows, &rows(&mut plain, &performance).await);

    let effectiveness = "
        with rated as (
            select channel, report,
                   count(*) filter (where outcome in ('delivered', 'accepted') and not came_back) as reached,
                   count(*) filter (where outcome in ('delivered', 'accepted', 'dead_lettered', 'expired')) as tried
            from deliveries group by 1, 2
        ), mix as (select report, sum(tried)::float8 as weight from rated group by 1
        ), adjusted as (
            select channel, sum(weight * reached / tried) / sum(weight) as adjusted_rate,
                   sum(weight) / (select sum(weight) from mix) as coverage
            from rated join mix using (report) where tried > 0 group by 1
        ), sums as (
            select channel, count(*) as closed,
                   count(*) filter (where outcome in ('delivered', 'accepted', 'dead_lettered', 'expired')) as tried,
                   count(*) filter (where outcome = 'delivered') as delivered,
                   count(*) filter (where outcome = 'accepted') as accepted,
                   count(*) filter (where came_back) as bounced,
                   count(*) filter (where outcome in ('delivered', 'accepted') and not came_back) as reached,
                   sum(attempts)::float8 / count(*) as attempts_each,
                   percentile_disc(0.5) within group (order by close_us)
                       filter (where outcome in ('delivered', 'accepted')) as close_p50_us,
                   percentile_disc(0.95) within group (order by close_us)
                       filter (where outcome in ('delivered', 'accepted')) as close_p95_us
            from deliveries group by 1
        ), p as (
            select *, reached::float8 / tried as rate, 1.959963984540054::float8 as z, tried::float8 as n from sums
        )
        select channel, closed, tried, delivered, accepted, bounced, reached, rate,
               (rate + z * z / (2 * n) - z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))) / (1 + z * z / n)
                   as rate_low,
               (rate + z * z / (2 * n) + z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))) / (1 + z * z / n)
                   as rate_high,
               adjusted_rate, coverage, attempts_each, close_p50_us, close_p95_us
        from p join adjusted using (channel) order by channel";
    let found = desk.ask(tenant, ChannelEffectiveness::default()).await;
    same("channel effectiveness", &found.rows, &rows(&mut plain, effectiveness).await);

    let patterns = "
        select extract(isodow from received_at) as weekday, extract(hour from received_at) as hour, count(*) as closed,
               count(*) filter (where outcome in ('delivered', 'accepted')) as succeeded,
               count(*) filter (where attempts > 1) as retried,
               percentile_disc(0.5) within group (order by latency_us) as p50_us,
               percentile_disc(0.99) within group (order by latency_us) as p99_us
        from deliveries group by 1, 2 order by 1, 2";
    let found = desk.ask(tenant, Patterns::default()).await;
    same("patterns", &found.rows, &rows(&mut plain, patterns).await);

    let clusters = "
        select class as fault_class, destination, date_trunc('hour', recorded_at) as hour, count(*) as attempts,
               count(distinct delivery) as deliveries, count(*) filter (where next = 'dead_lettered') as dead_lettered,
               min(code collate \"C\") as code, count(distinct code) as codes,
               min(position) as first_position, max(position) as last_position
        from ended join plans using (delivery) where kind <> 'succeeded'
        group by 1, 2, 3 order by attempts desc, class collate \"C\", destination collate \"C\", hour limit 40";
    let asked = FailureClusters { limit: 40, ..FailureClusters::default() };
    same(
        "failure clusters",
        &desk.ask(tenant, asked).await.rows,
        &rows(&mut plain, clusters).await,
    );

    let reasons =
        schema::events::NotPlannedReason::ALL.map(schema::events::NotPlannedReason::as_str);
    let not = reasons.map(|name| {
        format!("coalesce(sum((payload -> 'not_planned' ->> '{name}')::bigint), 0)::bigint as not_{name}")
    });
    let names = reasons.map(|name| format!("not_{name}")).join(", ");
    let all = reasons.map(|name| format!("not_{name}")).join(" + ");
    let completeness = format!(
        "with received as (
             select aggregate_id as distribution, payload ->> 'report' as report, payload ->> 'version' as version
             from mine where event_type = 'ReportReceived'
         ), slices as (
             select aggregate_id as distribution, sum((payload ->> 'considered')::bigint)::bigint as considered,
                    sum((payload ->> 'planned')::bigint)::bigint as planned, min(position) as position,
                    bool_or(payload ->> 'through' is null) as is_planned, {not}
             from mine where event_type = 'SlicePlanned' group by 1
         ), ends as (select distribution, count(*) as closed, {OUTCOMES} from deliveries group by 1)
         select distribution, report, version, is_planned, considered, planned, {names}, {all} as not_planned,
                coalesce(delivered, 0) as delivered, coalesce(accepted, 0) as accepted,
                coalesce(dead_lettered, 0) as dead_lettered, coalesce(cancelled, 0) as cancelled,
                coalesce(expired, 0) as expired, coalesce(suppressed, 0) as suppressed,
                planned - coalesce(closed, 0) as open, position,
                is_planned and planned = coalesce(closed, 0) and considered = planned + {all} as closes
         from received join slices using (distribution) left join ends using (distribution) order by position desc",
        not = not.join(", "),
    );
    let asked = Completeness { limit: 10_000, ..Completeness::default() };
    let found = desk.ask(tenant, asked).await;
    same("completeness", &found.rows, &rows(&mut plain, &completeness).await);
    assert!(found.rows.iter().any(|row| row["closes"] == false), "some are open");

    let trail = "
        select position, recorded_at at time zone 'UTC' as recorded_at, aggregate_type, aggregate_id, sequence,
               event_type, event_version, metadata ->> 'actor' as actor
        from mine where position > 500 order by position limit 200";
    let asked = AuditTrail { after: Position(500), limit: 200, ..AuditTrail::default() };
    let mut found = desk.ask(tenant, asked).await.rows;
    for row in &mut found {
        let row = row.as_object_mut().unwrap();
        row.retain(|name, _| {
            !["report", "version", "recipient", "channel", "destination"].contains(&name.as_str())
        });
    }
    same("audit trail", &found, &rows(&mut plain, trail).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_lead_to_their_deliveries_attempts_and_events() {
    let desk = desk(20_000).await;
    let tenant = "t0";
    let mut plain = desk.plain(tenant).await;
    let filter = Filter { channel: Some("mail".to_owned()), ..Filter::default() };
    let outcome = Some("dead_lettered".to_owned());
    let asked =
        DeliveryList { filter: filter.clone(), outcome, limit: 10_000, ..Default::default() };
    let found = desk.ask(tenant, asked).await;
    let expected = rows(
        &mut plain,
        "select delivery, position from deliveries where channel = 'mail' and outcome = 'dead_lettered'
         order by position",
    )
    .await;
    assert!(!expected.is_empty());
    let found: Vec<_> = found.rows.iter().map(|row| (&row["delivery"], &row["position"])).collect();
    let expected: Vec<_> =
        expected.iter().map(|row| (&row["delivery"], &row["position"])).collect();
    assert_eq!(found, expected);

    let asked = FailureList {
        filter,
        class: Some("throttled".to_owned()),
        limit: 10_000,
        ..Default::default()
    };
    let found = desk.ask(tenant, asked).await;
    let expected = rows(
        &mut plain,
        "select position from ended join plans using (delivery) where class = 'throttled' and channel = 'mail'
         order by position",
    )
    .await;
    assert!(!expected.is_empty());
    let positions = |rows: &[serde_json::Value]| -> Vec<_> {
        rows.iter().map(|row| row["position"].clone()).collect()
    };
    assert_eq!(positions(&found.rows), positions(&expected));

    // By recipient: its own events, its subscription's, those of its deliveries.
    let filter = Filter { recipient: Some("r4".to_owned()), ..Filter::default() };
    let asked = AuditTrail { filter, limit: 10_000, ..AuditTrail::default() };
    let found = desk.ask(tenant, asked).await;
    let expected = rows(
        &mut plain,
        "select position from mine where aggregate_id in ('t0/r4', 't0/s4')
            or aggregate_id in (select delivery from plans where recipient = 'r4') order by position",
    )
    .await;
    assert!(expected.len() > 10);
    assert_eq!(positions(&found.rows), positions(&expected));
}

fn same(what: &str, found: &[serde_json::Value], expected: &[serde_json::Value]) {
    let (found, expected) = (plainly(found), plainly(expected));
    assert!(!expected.is_empty(), "{what}: nothing to compare");
    println!("{what}: {} rows, the first by DuckDB and by SQL over events:", found.len());
    println!("  {}\n  {}", found[0], expected[0]);
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "{what}, row {at}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}
