//! Subscriptions, as they stand. Their history is their stream in the log.

pub mod queries;
#[cfg(test)]
mod tests;

pub use queries::{SubscriptionFilter, SubscriptionRow, SubscriptionState};

use std::collections::BTreeSet;

use async_trait::async_trait;
use schema::events::{SubscriptionBody, SubscriptionEvent};
use schema::{AggregateType, LedgerEvent, RecordedEvent, Timestamp};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::entity::Draft;
use crate::{Projection, ProjectionError, Table};

/// The projection of subscriptions.
#[derive(Debug)]
pub struct Subscriptions;

#[async_trait]
impl Projection for Subscriptions {
    fn name(&self) -> &'static str {
        "subscriptions"
    }

    fn tables(&self) -> &'static [Table] {
        &[Table { name: "subscriptions", key: &["tenant", "subscription"] }]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Subscription]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let owners: BTreeSet<_> = events.iter().map(|event| owner(event)).collect();
        let mut subscriptions = Draft::<SubscriptionRow>::load(conn, &owners).await?;
        for event in events {
            if let LedgerEvent::Subscription(change) = &event.event {
                fold(&mut subscriptions, event, change)?;
            }
        }
        subscriptions.store(conn).await
    }
}

fn owner(event: &RecordedEvent) -> (&str, &str) {
    (event.metadata.tenant.as_str(), event.stream.local_id())
}

fn fold(
    subscriptions: &mut Draft<SubscriptionRow>,
    event: &RecordedEvent,
    change: &SubscriptionEvent,
) -> Result<(), ProjectionError> {
    if let SubscriptionEvent::Subscribed { version, body } = change {
        let before = subscriptions.get(&event.stream.aggregate_id);
        if before.is_none() && event.sequence > 1 {
            return Err(ProjectionError::row_missing(event));
        }
        let row = subscribed(event, *version, body, before);
        subscriptions.put(row);
        return Ok(());
    }
    let row = subscriptions
        .change(&event.stream.aggregate_id)
        .ok_or_else(|| ProjectionError::row_missing(event))?;
    row.changed_at = event.recorded_at.to_chrono();
    row.sequence = event.sequence;
    row.change_count += 1;
    match change {
        SubscriptionEvent::Subscribed { .. } => {}
        SubscriptionEvent::SubscriptionChanged { version, body } => {
            row.version = i64::from(*version);
            set_body(row, body);
        }
        SubscriptionEvent::SubscriptionPaused { version, until, reason } => {
            row.version = i64::from(*version);
            let until = until.map(Timestamp::to_chrono);
            set_state(row, SubscriptionState::Paused, until, Some(reason));
        }
        SubscriptionEvent::SubscriptionResumed { version } => {
            row.version = i64::from(*version);
            set_state(row, SubscriptionState::Active, None, None);
        }
        SubscriptionEvent::Unsubscribed { version, reason } => {
            row.version = i64::from(*version);
            set_state(row, SubscriptionState::Ended, None, Some(reason));
        }
    }
    Ok(())
}

/// One that had ended keeps its place in the list and its count of changes.
fn subscribed(
    event: &RecordedEvent,
    version: u32,
    body: &SubscriptionBody,
    before: Option<&SubscriptionRow>,
) -> SubscriptionRow {
    let (tenant, subscription) = owner(event);
    let at = event.recorded_at.to_chrono();
    SubscriptionRow {
        tenant: tenant.to_owned(),
        subscription: subscription.to_owned(),
        recipient: body.recipient.to_string(),
        report: body.selector.report.to_string(),
        selector: Json(body.selector.clone()),
        preferences: Json(body.preferences.clone()),
        version: i64::from(version),
        state: SubscriptionState::Active,
        paused_until: None,
        reason: None,
        subscribed_at: at,
        changed_at: at,
        change_count: before.map_or(1, |row| row.change_count + 1),
        position: before.map_or(event.position.0, |row| row.position),
        sequence: event.sequence,
    }
}

fn set_body(row: &mut SubscriptionRow, body: &SubscriptionBody) {
    row.recipient = body.recipient.to_string();
    row.report = body.selector.report.to_string();
    row.selector = Json(body.selector.clone());
    row.preferences = Json(body.preferences.clone());
}

fn set_state(
    row: &mut SubscriptionRow,
    state: SubscriptionState,
    until: Option<chrono::DateTime<chrono::Utc>>,
    reason: Option<&String>,
) {
    row.state = state;
    row.paused_until = until;
    row.reason = reason.cloned();
}
