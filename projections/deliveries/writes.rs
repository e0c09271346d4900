use chrono::{DateTime, Utc};
use schema::Format;
use sqlx::PgConnection;
use uuid::Uuid;

use super::batch::Fresh;
use super::facts::Facts;
use super::standing::Change;
use super::{DeliveryOutcome, DeliveryState};

const INSERT: &str = "
    insert into deliveries (delivery, tenant, distribution, report, version, recipient, channel,
        destination, address, subscription, subscription_version, grant_id, slice, format,
        resend_of, resend, scheduled_at, received_at, deadline, position, state, outcome, reason,
        attempts, node, fault_class, fault_code, next_attempt_at, first_sent_at, latency_us,
        elapsed_us, closed_at, bounced_at, last_position, answer, left_by)
    select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::bigint[],
        $14::text[], $15::uuid[], $16::bigint[], $17::timestamptz[], $18::timestamptz[],
        $19::timestamptz[], $20::bigint[], $21::text[], $22::text[], $23::text[], $24::bigint[],
        $25::text[], $26::text[], $27::text[], $28::timestamptz[], $29::timestamptz[],
        $30::bigint[], $31::bigint[], $32::timestamptz[], $33::timestamptz[], $34::bigint[],
        $35::text[], $36::bigint[])";

const UPDATE: &str = "
    update deliveries d
    set state = coalesce(c.state, d.state), outcome = coalesce(c.outcome, d.outcome),
        reason = coalesce(c.reason, d.reason), attempts = coalesce(c.attempts, d.attempts),
        node = coalesce(c.node, d.node), fault_class = coalesce(c.fault_class, d.fault_class),
        fault_code = coalesce(c.fault_code, d.fault_code),
        next_attempt_at = case when c.state is null then d.next_attempt_at else c.next_attempt_at end,
        left_by = case when d.left_by = 0 or d.first_sent_at is not null then d.left_by
            else c.left_by end,
        first_sent_at = coalesce(d.first_sent_at, c.first_sent_at),
        latency_us = coalesce(d.latency_us, c.latency_us),
        elapsed_us = coalesce(c.elapsed_us, d.elapsed_us),
        closed_at = coalesce(c.closed_at, d.closed_at),
        bounced_at = coalesce(c.bounced_at, d.bounced_at),
        answer = coalesce(c.answer, d.answer),
        last_position = c.last_position
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
        $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::bigint[],
        $12::bigint[], $13::timestamptz[], $14::timestamptz[], $15::bigint[],
        $16::text[], $17::bigint[])
        as c (delivery, state, outcome, reason, attempts, node, fault_class, fault_code,
            next_attempt_at, first_sent_at, latency_us, elapsed_us, closed_at, bounced_at,
            last_position, answer, left_by)
    where d.delivery = c.delivery";

const MARK: &str = "
    insert into troubled (delivery, tenant, position)
    select * from unnest($1::uuid[], $2::text[], $3::bigint[])
    on conflict (delivery) do nothing";

const CLEAR: &str = "delete from troubled where delivery = any($1)";

type Times = Vec<Option<DateTime<Utc>>>;

/// Writes deliveries planned within the batch, as they stand at its end.
pub(super) async fn insert_deliveries(
    conn: &mut PgConnection,
    rows: &[Fresh<'_>],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let facts = |of: fn(&Facts) -> &str| rows.iter().map(|row| of(row.facts)).collect::<Vec<_>>();
    let changes = || rows.iter().map(|row| row.change);
    let state = |change: &Change| change.state.unwrap_or(DeliveryState::Scheduled).as_str();
    sqlx::query(INSERT)
        .bind(rows.iter().map(|row| row.facts.delivery).collect::<Vec<Uuid>>())
        .bind(facts(|facts| &facts.tenant))
        .bind(rows.iter().map(|row| row.facts.distribution).collect::<Vec<Uuid>>())
        .bind(rows.iter().map(|row| row.plan.report.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.version.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.recipient.as_str()).collect::<Vec<_>>())
        .bind(facts(|facts| &facts.channel))
        .bind(facts(|facts| &facts.destination))
        .bind(rows.iter().map(|row| row.plan.address.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.subscription.as_str()).collect::<Vec<_>>())
        .bind(numbers(rows, |row| i64::from(row.plan.subscription_version)))
        .bind(rows.iter().map(|row| row.plan.grant.as_str()).collect::<Vec<_>>())
        .bind(numbers(rows, |row| i64::from(row.plan.slice)))
        .bind(rows.iter().map(|row| row.plan.format.map(Format::as_str)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.plan.resend_of.map(|id| id.as_uuid())).collect::<Vec<_>>())
        .bind(numbers(rows, |row| i64::from(row.plan.resend)))
        .bind(instants(rows, |row| row.scheduled_at.to_chrono()))
        .bind(instants(rows, |row| row.facts.received_at))
        .bind(instants(rows, |row| row.plan.deadline.to_chrono()))
        .bind(numbers(rows, |row| row.facts.position))
        .bind(changes().map(state).collect::<Vec<_>>())
        .bind(changes().map(|c| c.outcome.map(DeliveryOutcome::as_str)).collect::<Vec<_>>())
        .bind(changes().map(|c| c.reason).collect::<Vec<_>>())
        .bind(changes().map(|c| c.attempts.unwrap_or(0)).collect::<Vec<_>>())
        .bind(changes().map(|c| c.node.as_deref()).collect::<Vec<_>>())
        .bind(changes().map(|c| c.fault_class).collect::<Vec<_>>())
        .bind(changes().map(|c| c.fault_code.as_deref()).collect::<Vec<_>>())
        .bind(changes().map(|c| c.next_attempt_at).collect::<Times>())
        .bind(changes().map(|c| c.first_sent_at).collect::<Times>())
        .bind(changes().map(|c| c.latency_us).collect::<Vec<_>>())
        .bind(changes().map(|c| c.elapsed_us).collect::<Vec<_>>())
        .bind(changes().map(|c| c.closed_at).collect::<Times>())
        .bind(changes().map(|c| c.bounced_at).collect::<Times>())
        .bind(changes().map(|c| c.last_position).collect::<Vec<_>>())
        .bind(changes().map(|c| c.answer).collect::<Vec<_>>())
        .bind(changes().map(|c| c.left_by).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes what the batch changed about deliveries planned before it.
pub(super) async fn update_deliveries(
    conn: &mut PgConnection,
    rows: &[(Uuid, &Change)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let changes = || rows.iter().map(|(_, change)| *change);
    sqlx::query(UPDATE)
        .bind(rows.iter().map(|(delivery, _)| *delivery).collect::<Vec<Uuid>>())
        .bind(changes().map(|c| c.state.map(DeliveryState::as_str)).collect::<Vec<_>>())
        .bind(changes().map(|c| c.outcome.map(DeliveryOutcome::as_str)).collect::<Vec<_>>())
        .bind(changes().map(|c| c.reason).collect::<Vec<_>>())
        .bind(changes().map(|c| c.attempts).collect::<Vec<_>>())
        .bind(changes().map(|c| c.node.as_deref()).collect::<Vec<_>>())
        .bind(changes().map(|c| c.fault_class).collect::<Vec<_>>())
        .bind(changes().map(|c| c.fault_code.as_deref()).collect::<Vec<_>>())
        .bind(changes().map(|c| c.next_attempt_at).collect::<Times>())
        .bind(changes().map(|c| c.first_sent_at).collect::<Times>())
        .bind(changes().map(|c| c.latency_us).collect::<Vec<_>>())
        .bind(changes().map(|c| c.elapsed_us).collect::<Vec<_>>())
        .bind(changes().map(|c| c.closed_at).collect::<Times>())
        .bind(changes().map(|c| c.bounced_at).collect::<Times>())
        .bind(changes().map(|c| c.last_position).collect::<Vec<_>>())
        .bind(changes().map(|c| c.answer).collect::<Vec<_>>())
        .bind(changes().map(|c| c.left_by).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Lists deliveries among those someone may want to look at.
pub(super) async fn mark_troubled(
    conn: &mut PgConnection,
    rows: &[&Facts],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(MARK)
        .bind(rows.iter().map(|facts| facts.delivery).collect::<Vec<Uuid>>())
        .bind(rows.iter().map(|facts| facts.tenant.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|facts| facts.position).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes deliveries that got through in the end from that list.
pub(super) async fn clear_troubled(
    conn: &mut PgConnection,
    deliveries: &[Uuid],
) -> Result<(), sqlx::Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sqlx::query(CLEAR).bind(deliveries).execute(conn).await?;
    Ok(())
}

fn numbers(rows: &[Fresh<'_>], of: fn(&Fresh<'_>) -> i64) -> Vec<i64> {
    rows.iter().map(of).collect()
}

fn instants(rows: &[Fresh<'_>], of: fn(&Fresh<'_>) -> DateTime<Utc>) -> Vec<DateTime<Utc>> {
    rows.iter().map(of).collect()
}
