//! Which columns each table has. A later version adds columns and never changes one: older files then have none of it.

use polars::prelude::{Column, DataFrame, PolarsResult};
use schema::events::{DeliveryPlan, NotPlannedReason};

use super::columns::{count, maybe_count, maybe_text, maybe_time, position, small, text, time};
use crate::facts::{AttemptFact, DeliveryFact, EventRow, EvidenceFact, SliceFact};

pub(super) fn events(rows: &[EventRow]) -> PolarsResult<DataFrame> {
    let of_plan = |name: &str, get: fn(&DeliveryPlan) -> &str| {
        maybe_text(name, rows.iter().map(|row| row.subject.plan.as_deref().map(get)))
    };
    let subject = |get: fn(&EventRow) -> Option<&str>| rows.iter().map(get);
    let columns = vec![
        position("position", rows.iter().map(|row| row.position)),
        time("recorded_at", rows.iter().map(|row| row.recorded_at))?,
        text("aggregate_type", rows.iter().map(|row| row.aggregate_type.as_str())),
        text("aggregate_id", rows.iter().map(|row| row.aggregate_id.as_str())),
        count("sequence", rows.iter().map(|row| row.sequence)),
        text("event_type", rows.iter().map(|row| row.event_type.as_str())),
        text("event_version", rows.iter().map(|row| row.event_version.as_str())),
        text("actor", rows.iter().map(|row| row.actor.as_str())),
        maybe_text("report", subject(|row| row.about(&row.subject.report, |p| p.report.as_str()))),
        maybe_text(
            "version",
            subject(|row| row.about(&row.subject.version, |p| p.version.as_str())),
        ),
        maybe_text(
            "recipient",
            subject(|row| row.about(&row.subject.recipient, |plan| plan.recipient.as_str())),
        ),
        of_plan("channel", |plan| plan.channel.as_str()),
        of_plan("destination", |plan| plan.destination.as_str()),
        of_plan("subscription", |plan| plan.subscription.as_str()),
        text("payload", rows.iter().map(|row| row.payload.as_str())),
        text("metadata", rows.iter().map(|row| row.metadata.as_str())),
    ];
    DataFrame::new(rows.len(), columns)
}

impl EventRow {
    fn about<'r>(
        &'r self,
        own: &'r Option<String>,
        of_plan: fn(&DeliveryPlan) -> &str,
    ) -> Option<&'r str> {
        own.as_deref().or_else(|| self.subject.plan.as_deref().map(of_plan))
    }
}

/// What every row about a delivery is asked by.
fn plan_columns<'r>(
    rows: impl ExactSizeIterator<Item = (&'r str, &'r DeliveryPlan)> + Clone,
) -> Vec<Column> {
    let plan = |get: fn(&DeliveryPlan) -> &str| rows.clone().map(move |(_, plan)| get(plan));
    let runs: Vec<String> = rows.clone().map(|(_, plan)| plan.distribution.to_string()).collect();
    vec![
        text("delivery", rows.clone().map(|(delivery, _)| delivery)),
        text("distribution", runs.iter().map(String::as_str)),
        text("report", plan(|plan| plan.report.as_str())),
        text("version", plan(|plan| plan.version.as_str())),
        text("recipient", plan(|plan| plan.recipient.as_str())),
        text("channel", plan(|plan| plan.channel.as_str())),
        text("destination", plan(|plan| plan.destination.as_str())),
        small("resend", rows.map(|(_, plan)| plan.resend)),
    ]
}

pub(super) fn deliveries(rows: &[DeliveryFact]) -> PolarsResult<DataFrame> {
    let mut columns = plan_columns(rows.iter().map(|row| (&*row.delivery, &*row.plan)));
    let micros = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    let latency =
        |row: &DeliveryFact| row.first_sent_at.map(|sent| sent.micros_since(row.plan.received_at));
    columns.extend([
        text("subscription", rows.iter().map(|row| row.plan.subscription.as_str())),
        small("subscription_version", rows.iter().map(|row| row.plan.subscription_version)),
        text("grant_id", rows.iter().map(|row| row.plan.grant.as_str())),
        text("outcome", rows.iter().map(|row| row.outcome)),
        maybe_text("reason", rows.iter().map(|row| row.reason)),
        small("attempts", rows.iter().map(|row| row.attempts)),
        small("doubts", rows.iter().map(|row| row.doubts)),
        maybe_text("fault_class", rows.iter().map(|row| row.fault.as_ref().map(|fault| fault.0))),
        maybe_text(
            "fault_code",
            rows.iter().map(|row| row.fault.as_ref().map(|fault| fault.1.as_str())),
        ),
        time("received_at", rows.iter().map(|row| row.plan.received_at))?,
        time("deadline", rows.iter().map(|row| row.plan.deadline))?,
        time("scheduled_at", rows.iter().map(|row| row.scheduled_at))?,
        maybe_time("first_sent_at", rows.iter().map(|row| row.first_sent_at))?,
        time("closed_at", rows.iter().map(|row| row.closed_at))?,
        maybe_count("latency_us", rows.iter().map(latency)),
        maybe_count("elapsed_us", rows.iter().map(|row| micros(row.elapsed_us))),
        count("close_us", rows.iter().map(|row| row.closed_at.micros_since(row.plan.received_at))),
        maybe_count("content_bytes", rows.iter().map(|row| micros(row.content_bytes))),
        position("scheduled_position", rows.iter().map(|row| row.scheduled_position)),
        position("position", rows.iter().map(|row| row.position)),
    ]);
    DataFrame::new(rows.len(), columns)
}

pub(super) fn attempts(rows: &[AttemptFact]) -> PolarsResult<DataFrame> {
    let mut columns = plan_columns(rows.iter().map(|row| (&*row.delivery, &*row.plan)));
    let micros = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    columns.extend([
        small("attempt", rows.iter().map(|row| row.attempt)),
        text("result", rows.iter().map(|row| row.result)),
        text("fault_class", rows.iter().map(|row| row.class)),
        text("fault_code", rows.iter().map(|row| row.code.as_str())),
        text("next", rows.iter().map(|row| row.next)),
        maybe_time("sent_at", rows.iter().map(|row| row.sent_at))?,
        maybe_count("elapsed_us", rows.iter().map(|row| micros(row.elapsed_us))),
        time("recorded_at", rows.iter().map(|row| row.recorded_at))?,
        position("position", rows.iter().map(|row| row.position)),
    ]);
    DataFrame::new(rows.len(), columns)
}

pub(super) fn evidence(rows: &[EvidenceFact]) -> PolarsResult<DataFrame> {
    let mut columns = plan_columns(rows.iter().map(|row| (&*row.delivery, &*row.plan)));
    columns.extend([
        text("kind", rows.iter().map(|row| row.kind)),
        maybe_text("fault_class", rows.iter().map(|row| row.fault.as_ref().map(|fault| fault.0))),
        maybe_text(
            "fault_code",
            rows.iter().map(|row| row.fault.as_ref().map(|fault| fault.1.as_str())),
        ),
        maybe_text("outcome", rows.iter().map(|row| row.outcome)),
        maybe_time("closed_at", rows.iter().map(|row| row.closed_at))?,
        time("recorded_at", rows.iter().map(|row| row.recorded_at))?,
        position("position", rows.iter().map(|row| row.position)),
    ]);
    DataFrame::new(rows.len(), columns)
}

pub(super) fn slices(rows: &[SliceFact]) -> PolarsResult<DataFrame> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut columns = vec![
        text("distribution", rows.iter().map(|row| row.distribution.as_str())),
        text("report", rows.iter().map(|row| row.report.as_str())),
        text("version", rows.iter().map(|row| row.version.as_str())),
        small("slice", rows.iter().map(|row| row.slice)),
        small("is_last", rows.iter().map(|row| row.is_last.into())),
        count("considered", rows.iter().map(|row| number(row.sums.considered))),
        count("planned", rows.iter().map(|row| number(row.sums.planned))),
    ];
    columns.extend(NotPlannedReason::ALL.map(|reason| {
        let of = |row: &SliceFact| row.sums.not_planned.get(&reason).copied().unwrap_or_default();
        count(&format!("not_{}", reason.as_str()), rows.iter().map(|row| number(of(row))))
    }));
    columns.extend([
        time("recorded_at", rows.iter().map(|row| row.recorded_at))?,
        position("position", rows.iter().map(|row| row.position)),
    ]);
    DataFrame::new(rows.len(), columns)
}
