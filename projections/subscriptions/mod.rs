//! Subscriptions, as they stand. Their history is their stream in the log.

pub mod queries;
#[cfg(test)]
mod tests;

pub use queries::{SubscriptionFilter, SubscriptionRow, SubscriptionState};

use std::collections::BTreeSet;

use async_trait::async_trait;
use schema::events::SubscriptionEvent;
use schema::{
    Addressee, AggregateType, LedgerEvent, Preferences, RecordedEvent, Selector, Timestamp,
};
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
    if let Some((version, said)) = begun(change) {
        let before = subscriptions.get(&event.stream.aggregate_id);
        if before.is_none() && event.sequence > 1 {
            return Err(ProjectionError::row_missing(event));
        }
        let row = subscribed(event, version, &said, before);
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
        SubscriptionEvent::Subscribed { .. } | SubscriptionEvent::GroupSubscribed { .. } => {}
        SubscriptionEvent::SubscriptionChanged { version, body } => {
            row.version = i64::from(*version);
            set_terms(row, &body.selector, &body.preferences);
        }
        SubscriptionEvent::GroupSubscriptionChanged { version, body } => {
            row.version = i64::from(*version);
            set_terms(row, &body.selector, &body.preferences);
        }
        SubscriptionEvent::MemberOptedOut { version, .. } => {
            row.version = i64::from(*version);
            row.opted_out = row.opted_out.map(|count| count + 1);
        }
        SubscriptionEvent::MemberOptedIn { version, .. } => {
            row.version = i64::from(*version);
            row.opted_out = row.opted_out.map(|count| count - 1);
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

/// What one says that begins.
struct Said<'e> {
    subscriber: Addressee,
    selector: &'e Selector,
    preferences: &'e Preferences,
}

fn begun(change: &SubscriptionEvent) -> Option<(u32, Said<'_>)> {
    match change {
        SubscriptionEvent::Subscribed { version, body } => {
            let subscriber = Addressee::Recipient(body.recipient.clone());
            let (selector, preferences) = (&body.selector, &body.preferences);
            Some((*version, Said { subscriber, selector, preferences }))
        }
        SubscriptionEvent::GroupSubscribed { version, body } => {
            let subscriber = Addressee::Group(body.group.clone());
            let (selector, preferences) = (&body.selector, &body.preferences);
            Some((*version, Said { subscriber, selector, preferences }))
        }
        SubscriptionEvent::SubscriptionChanged { .. }
        | SubscriptionEvent::GroupSubscriptionChanged { .. }
        | SubscriptionEvent::MemberOptedOut { .. }
        | SubscriptionEvent::MemberOptedIn { .. }
        | SubscriptionEvent::SubscriptionPaused { .. }
        | SubscriptionEvent::SubscriptionResumed { .. }
        | SubscriptionEvent::Unsubscribed { .. } => None,
    }
}

/// One that had ended keeps its place in the list and its count of changes.
fn subscribed(
    event: &RecordedEvent,
    version: u32,
    said: &Said<'_>,
    before: Option<&SubscriptionRow>,
) -> SubscriptionRow {
    let (tenant, subscription) = owner(event);
    let at = event.recorded_at.to_chrono();
    SubscriptionRow {
        tenant: tenant.to_owned(),
        subscription: subscription.to_owned(),
        recipient: said.subscriber.recipient().map(ToString::to_string),
        group_id: said.subscriber.group().map(ToString::to_string),
        opted_out: said
            .subscriber
            .group()
            .map(|_| before.and_then(|row| row.opted_out).unwrap_or(0)),
        report: said.selector.report.to_string(),
        selector: Json(said.selector.clone()),
        preferences: Json(said.preferences.clone()),
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

fn set_terms(row: &mut SubscriptionRow, selector: &Selector, preferences: &Preferences) {
    row.report = selector.report.to_string();
    row.selector = Json(selector.clone());
    row.preferences = Json(preferences.clone());
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
