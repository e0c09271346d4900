use anyhow::Result;
use serde_json::{Value, json};
use sqlx::Row;

use super::say;
use super::stage::Stage;
use crate::cli::output::table;

/// What the distributions add up to, as the API has it.
#[derive(Debug, Default)]
pub struct Sums {
    /// Deliveries planned so far.
    pub planned: u64,
    /// Deliveries not closed yet.
    pub open: u64,
    /// Attempts so far.
    pub attempts: u64,
    /// Deliveries given up.
    pub dead_lettered: u64,
    /// Distributions whose sums are recorded as closed.
    pub reconciled: usize,
}

impl Sums {
    /// Reads them by the API.
    pub async fn read(stage: &Stage, distributions: &[String]) -> Result<Self> {
        let mut sums = Self::default();
        for distribution in distributions {
            // One that came by Kafka may not be known yet.
            let Ok(found) = stage.client.get(&format!("/v1/distributions/{distribution}")).await
            else {
                continue;
            };
            let count =
                |path: &str| found.pointer(path).and_then(Value::as_u64).unwrap_or_default();
            sums.planned += count("/planned");
            sums.open += count("/outcomes/open");
            sums.attempts += count("/outcomes/attempts");
            sums.dead_lettered += count("/outcomes/dead_lettered");
            sums.reconciled += usize::from(!found["reconciled_at"].is_null());
        }
        Ok(sums)
    }
}

/// Deliveries by how they ended, per channel, out of the events.
const BY_OUTCOME: &str = "with ended as ( \
     select distinct on (e.aggregate_id) e.aggregate_id, s.payload->>'channel' as channel, \
     case when e.payload->'outcome'->>'kind' = 'succeeded' then e.payload->'outcome'->'receipt'->>'proof' \
     when e.event_type = 'AttemptEnded' then 'dead_lettered' \
     when e.event_type = 'DeliveryCancelled' then 'cancelled' \
     when e.event_type = 'DeliveryExpired' then 'expired' \
     when e.event_type = 'DeliverySuppressed' then 'suppressed' end as outcome, \
     (select count(*) from events a where a.aggregate_type = 'delivery' \
     and a.aggregate_id = e.aggregate_id and a.event_type = 'AttemptStarted') as attempts, \
     (select min((a.payload->>'sent_at')::timestamptz) from events a where a.aggregate_type = 'delivery' \
     and a.aggregate_id = e.aggregate_id and a.event_type = 'AttemptEnded') \
     - (s.payload->>'received_at')::timestamptz as latency \
     from events e join events s on s.aggregate_type = 'delivery' \
     and s.aggregate_id = e.aggregate_id and s.sequence = 1 \
     where e.aggregate_type = 'delivery' and e.sequence > 1 \
     and e.event_type not in ('AttemptStarted', 'EvidenceRecorded', 'EntryMarked', 'DeliveryRescheduled') \
     and s.payload->>'distribution' = any($1) \
     order by e.aggregate_id, e.sequence desc) \
     select channel, outcome, count(*), sum(attempts - 1)::bigint, \
     extract(epoch from percentile_cont(0.5) within group (order by latency))::float8 * 1000, \
     extract(epoch from percentile_cont(0.99) within group (order by latency))::float8 * 1000 \
     from ended group by 1, 2 order by 1, 2";

/// Why considered pairs led to no delivery.
const NOT_PLANNED: &str = "select reason.key, sum(reason.value::bigint)::bigint from events e, \
     json_each_text(e.payload->'not_planned') reason where e.aggregate_type = 'distribution' \
     and e.event_type = 'SlicePlanned' and e.aggregate_id = any($1) group by 1 order by 1";

/// Prints the summary a person understands.
pub async fn print(stage: &Stage, distributions: &[String]) -> Result<()> {
    let rows = sqlx::query(BY_OUTCOME).bind(distributions).fetch_all(&stage.pool).await?;
    let mut cells = Vec::new();
    for row in rows {
        let milliseconds = |at: usize| -> Result<String> {
            let value: Option<f64> = row.try_get(at)?;
            Ok(value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms")))
        };
        cells.push(vec![
            row.try_get::<String, _>(0)?,
            row.try_get::<Option<String>, _>(1)?.unwrap_or_default(),
            row.try_get::<i64, _>(2)?.to_string(),
            row.try_get::<i64, _>(3)?.to_string(),
            milliseconds(4)?,
            milliseconds(5)?,
        ]);
    }
    say("\nHow the deliveries ended (latency: version received to first attempt on the wire)");
    let header = ["channel", "outcome", "deliveries", "retries", "P50", "P99"];
    say(&table(&header, cells).to_string());

    let rows = sqlx::query(NOT_PLANNED).bind(distributions).fetch_all(&stage.pool).await?;
    let mut cells = Vec::new();
    for row in rows {
        cells.push(vec![row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?.to_string()]);
    }
    say("Considered, but not planned, each with its reason on record");
    say(&table(&["reason", "pairs"], cells).to_string());
    Ok(())
}

/// Queries worth pasting. `RUN` stands for a distribution.
const QUERIES: [&str; 3] = [
    r#"{ distribution(id: "RUN") { report version considered planned notPlanned reconciledAt
      outcomes { open delivered accepted deadLettered attempts } } }"#,
    r#"{ deliveries(filter: { outcome: dead_lettered }, first: 5) { totalCount
      edges { node { id recipient attempts faultClass faultCode reason } } } }"#,
    r#"{ deliveries(filter: { outcome: delivered }, first: 1) {
      edges { node { id attempts timeline { position recordedAt type actor summary } } } } }"#,
];

/// Says where to go on from here; each query is tried before it is recommended.
pub async fn where_to_look(stage: &Stage, distributions: &[String]) -> Result<()> {
    let url = stage.client_url();
    say(&format!(
        "\nWhere to look\n  mails       {}\n  GraphiQL    {url}/graphiql\n  REST docs   {url}/docs\n  API key     {}",
        stage.mail_url, stage.key
    ));
    say("\nThree queries to paste into GraphiQL, with this header:");
    say(&format!("  {{ \"Authorization\": \"Bearer {}\" }}", stage.key));
    let first = distributions.first().map_or("", String::as_str);
    for query in QUERIES {
        let query = query.replace("RUN", first);
        stage.client.graphql(&query, json!({})).await?;
        say(&format!("  {query}"));
    }
    Ok(())
}
