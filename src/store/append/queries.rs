use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, FromRow};

use super::Columns;
use super::columns::{AddressColumns, CommandColumns, EventColumns, PlanningColumns};

/// Where the database put an event.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct EventPlace {
    pub position: i64,
    pub recorded_at: DateTime<Utc>,
}

/// Writes a batch in one transaction and returns the places of its events, in their order. One statement commits by
/// itself; more are bracketed. Commands come first, so that a repeated one is told from a conflict.
pub(super) async fn write(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
) -> sqlx::Result<Vec<EventPlace>> {
    let alone = columns.commands.ids.is_empty()
        && columns.planned.distributions.is_empty()
        && columns.plans_done.is_empty()
        && columns.addresses.tenants.is_empty()
        && columns.addresses_gone.tenants.is_empty();
    if alone {
        return write_events(connection, columns).await;
    }
    let mut transaction = connection.begin().await?;
    match write_all(&mut transaction, columns).await {
        Ok(places) => transaction.commit().await.map(|()| places),
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    }
}

/// Writes a batch inside a transaction of the caller's.
pub(crate) async fn write_all(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
) -> sqlx::Result<Vec<EventPlace>> {
    if !columns.commands.ids.is_empty() {
        put_commands(connection, &columns.commands).await?;
    }
    let places = write_events(connection, columns).await?;
    if !columns.planned.distributions.is_empty() {
        put_planning(connection, &columns.planned).await?;
    }
    if !columns.plans_done.is_empty() {
        sqlx::query("delete from planning_queue where distribution = any($1)")
            .bind(&columns.plans_done)
            .execute(&mut *connection)
            .await?;
    }
    if !columns.addresses.tenants.is_empty() {
        put_addresses(connection, &columns.addresses).await?;
    }
    if !columns.addresses_gone.tenants.is_empty() {
        remove_addresses(connection, &columns.addresses_gone).await?;
    }
    Ok(places)
}

async fn write_events(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
) -> sqlx::Result<Vec<EventPlace>> {
    if !columns.puts.deliveries.is_empty() || !columns.removed.is_empty() {
        return insert_events_and_queue(connection, columns).await;
    }
    if columns.events.sequences.is_empty() {
        return Ok(Vec::new());
    }
    insert_events(connection, &columns.events).await
}

async fn insert_events(
    connection: &mut PgConnection,
    events: &EventColumns<'_>,
) -> sqlx::Result<Vec<EventPlace>> {
    sqlx::query_as(
        "insert into events \
             (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
         select t, i, s, e, v, p::json, m::json \
         from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) \
             as u (t, i, s, e, v, p, m) \
         returning position, recorded_at",
    )
    .bind(&events.aggregate_types)
    .bind(&events.aggregate_ids)
    .bind(&events.sequences)
    .bind(&events.event_types)
    .bind(&events.event_versions)
    .bind(&events.payloads)
    .bind(&events.metadata)
    .fetch_all(connection)
    .await
}

/// Events and what they make of the delivery queue, in one round trip. No row is both put and removed.
async fn insert_events_and_queue(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
) -> sqlx::Result<Vec<EventPlace>> {
    let (events, puts) = (&columns.events, &columns.puts);
    sqlx::query_as(
        "with written as ( \
             insert into events \
                 (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
             select t, i, s, e, v, p::json, m::json \
             from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) \
                 as u (t, i, s, e, v, p, m) \
             returning position, recorded_at \
         ), put as ( \
             insert into delivery_queue as q \
                 (delivery, tenant, distribution, channel, destination, lane, sequence, state, traceparent, due_at) \
             select d, t, r, c, o, l, s, j, p, coalesce(a, clock_timestamp() + m * interval '1 millisecond') \
             from unnest($8::uuid[], $9::text[], $10::uuid[], $11::text[], $12::text[], $13::smallint[], \
                     $14::bigint[], $15::text[], $16::text[], $17::timestamptz[], $18::bigint[]) \
                 as u (d, t, r, c, o, l, s, j, p, a, m) \
             on conflict (delivery) do update set \
                 tenant = excluded.tenant, distribution = excluded.distribution, channel = excluded.channel, \
                 destination = excluded.destination, lane = excluded.lane, sequence = excluded.sequence, \
                 state = excluded.state, traceparent = excluded.traceparent, due_at = excluded.due_at \
         ), removed as ( \
             delete from delivery_queue where delivery = any($19::uuid[]) \
         ) \
         select position, recorded_at from written",
    )
    .bind(&events.aggregate_types)
    .bind(&events.aggregate_ids)
    .bind(&events.sequences)
    .bind(&events.event_types)
    .bind(&events.event_versions)
    .bind(&events.payloads)
    .bind(&events.metadata)
    .bind(&puts.deliveries)
    .bind(&puts.tenants)
    .bind(&puts.distributions)
    .bind(&puts.channels)
    .bind(&puts.destinations)
    .bind(&puts.lanes)
    .bind(&puts.sequences)
    .bind(&puts.states)
    .bind(&puts.traceparents)
    .bind(&puts.due_at)
    .bind(&puts.lease_ms)
    .bind(&columns.removed)
    .fetch_all(connection)
    .await
}

async fn put_commands(
    connection: &mut PgConnection,
    commands: &CommandColumns<'_>,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into command_log (tenant, id, body_sha256, outcome) \
         select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[])",
    )
    .bind(&commands.tenants)
    .bind(&commands.ids)
    .bind(&commands.digests)
    .bind(&commands.outcomes)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_planning(
    connection: &mut PgConnection,
    rows: &PlanningColumns<'_>,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into planning_queue as q (distribution, tenant, slice, after_recipient, due_at) \
         select d, t, s, a, clock_timestamp() + m * interval '1 millisecond' \
         from unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::bigint[]) as u (d, t, s, a, m) \
         on conflict (distribution) do update set tenant = excluded.tenant, slice = excluded.slice, \
             after_recipient = excluded.after_recipient, due_at = excluded.due_at",
    )
    .bind(&rows.distributions)
    .bind(&rows.tenants)
    .bind(&rows.slices)
    .bind(&rows.after)
    .bind(&rows.lease_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_addresses(
    connection: &mut PgConnection,
    rows: &AddressColumns<'_>,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into address_index (tenant, recipient, address, tag) \
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) \
         on conflict (tenant, recipient, address) do update set tag = excluded.tag",
    )
    .bind(&rows.tenants)
    .bind(&rows.recipients)
    .bind(&rows.addresses)
    .bind(&rows.tags)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remove_addresses(
    connection: &mut PgConnection,
    rows: &AddressColumns<'_>,
) -> sqlx::Result<()> {
    sqlx::query(
        "delete from address_index a using unnest($1::text[], $2::text[], $3::text[]) as u (t, r, d) \
         where a.tenant = u.t and a.recipient = u.r and a.address = u.d",
    )
    .bind(&rows.tenants)
    .bind(&rows.recipients)
    .bind(&rows.addresses)
    .execute(connection)
    .await?;
    Ok(())
}
