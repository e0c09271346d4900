//! Rows of deliveries that are folded as a whole: they are only ever added, so they are copied in.

use schema::Format;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::batch::Fresh;
use super::facts::Facts;
use super::{DeliveryOutcome, DeliveryState};
use crate::copy::Copy;

const DELIVERIES: &str = "
    copy deliveries (delivery, tenant, distribution, report, version, recipient, channel,
        destination, address, subscription, subscription_version, grant_id, slice, format,
        resend_of, resend, scheduled_at, received_at, deadline, position, state, outcome, reason,
        attempts, node, fault_class, fault_code, next_attempt_at, first_sent_at, latency_us,
        elapsed_us, closed_at, bounced_at, last_position, answer, left_by)
    from stdin (format binary)";

const TROUBLED: &str = "copy troubled (delivery, tenant, position) from stdin (format binary)";

/// Adds deliveries as they stand in the end.
pub(super) async fn deliveries(conn: &mut PgConnection, rows: &[Fresh<'_>]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = Copy::of(36);
    for row in rows {
        delivery(&mut copy, row).map_err(sqlx::Error::Encode)?;
    }
    copy.send(conn, DELIVERIES).await
}

/// Adds deliveries someone may want to look at.
pub(super) async fn troubled(conn: &mut PgConnection, rows: &[&Facts]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = Copy::of(3);
    for facts in rows {
        trouble(&mut copy, facts).map_err(sqlx::Error::Encode)?;
    }
    copy.send(conn, TROUBLED).await
}

fn delivery(copy: &mut Copy, row: &Fresh<'_>) -> Result<(), BoxDynError> {
    let (facts, plan, change) = (row.facts, row.plan, row.change);
    copy.row();
    copy.field(facts.delivery)?;
    copy.field(facts.tenant.as_str())?;
    copy.field(facts.distribution)?;
    copy.field(plan.report.as_str())?;
    copy.field(plan.version.as_str())?;
    copy.field(plan.recipient.as_str())?;
    copy.field(facts.channel.as_str())?;
    copy.field(facts.destination.as_str())?;
    copy.field(plan.address.as_str())?;
    copy.field(plan.subscription.as_str())?;
    copy.field(i64::from(plan.subscription_version))?;
    copy.field(plan.grant.as_str())?;
    copy.field(i64::from(plan.slice))?;
    copy.field(plan.format.map(Format::as_str))?;
    copy.field(plan.resend_of.map(|id| id.as_uuid()))?;
    copy.field(i64::from(plan.resend))?;
    copy.field(row.scheduled_at.to_chrono())?;
    copy.field(facts.received_at)?;
    copy.field(plan.deadline.to_chrono())?;
    copy.field(facts.position)?;
    copy.field(change.state.unwrap_or(DeliveryState::Scheduled).as_str())?;
    copy.field(change.outcome.map(DeliveryOutcome::as_str))?;
    copy.field(change.reason)?;
    copy.field(change.attempts.unwrap_or(0))?;
    copy.field(change.node.as_deref())?;
    copy.field(change.fault_class)?;
    copy.field(change.fault_code.as_deref())?;
    copy.field(change.next_attempt_at)?;
    copy.field(change.first_sent_at)?;
    copy.field(change.latency_us)?;
    copy.field(change.elapsed_us)?;
    copy.field(change.closed_at)?;
    copy.field(change.bounced_at)?;
    copy.field(change.last_position)?;
    copy.field(change.answer)?;
    copy.field(change.left_by)
}

fn trouble(copy: &mut Copy, facts: &Facts) -> Result<(), BoxDynError> {
    copy.row();
    copy.field(facts.delivery)?;
    copy.field(facts.tenant.as_str())?;
    copy.field(facts.position)
}
