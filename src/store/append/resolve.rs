use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;

use super::{Columns, Encoded, EventPlace};

/// For each unit of a batch whose commit nobody saw: the places of its events if they are there, byte for byte as
/// they were sent (or its command is, when it has no events); `None` when it was not written.
pub(crate) async fn committed<'u>(
    connection: &mut PgConnection,
    units: impl Iterator<Item = &'u Encoded> + Clone,
) -> sqlx::Result<Vec<Option<Vec<EventPlace>>>> {
    let columns = Columns::of(units.clone());
    let mut found = found_events(connection, &columns).await?;
    let mut answers = Vec::new();
    let mut ordinal = 0_i64;
    for unit in units {
        if unit.payloads.is_empty() {
            let done = command_is_there(connection, unit).await?;
            answers.push(done.then(Vec::new));
            continue;
        }
        let places: Vec<Option<EventPlace>> = (0..unit.payloads.len())
            .map(|_| {
                ordinal += 1;
                found.remove(&ordinal)
            })
            .collect();
        answers.push(places.into_iter().collect());
    }
    Ok(answers)
}

async fn found_events(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
) -> sqlx::Result<HashMap<i64, EventPlace>> {
    let events = &columns.events;
    let rows: Vec<(i64, i64, DateTime<Utc>)> = sqlx::query_as(
        "select u.n, e.position, e.recorded_at \
         from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) with ordinality \
             as u (t, i, s, p, m, n) \
         join events e on e.aggregate_type = u.t and e.aggregate_id = u.i and e.sequence = u.s \
         where e.payload::text = u.p and e.metadata::text = u.m",
    )
    .bind(&events.aggregate_types)
    .bind(&events.aggregate_ids)
    .bind(&events.sequences)
    .bind(&events.payloads)
    .bind(&events.metadata)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(n, position, recorded_at)| (n, EventPlace { position, recorded_at }))
        .collect())
}

async fn command_is_there(connection: &mut PgConnection, unit: &Encoded) -> sqlx::Result<bool> {
    let Some(command) = &unit.unit.command else { return Ok(false) };
    sqlx::query_scalar(
        "select exists(select from command_log \
         where tenant = $1 and id = $2 and body_sha256 = $3 and outcome = $4)",
    )
    .bind(unit.unit.metadata.tenant.as_str())
    .bind(&command.id)
    .bind(command.body_sha256.as_bytes().as_slice())
    .bind(&command.outcome)
    .fetch_one(connection)
    .await
}
