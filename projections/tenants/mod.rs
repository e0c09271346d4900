//! Tenants, what operators hold back, calendars, and API keys. Never a secret, nor its hash.

pub mod queries;
#[cfg(test)]
mod tests;
mod writes;

use async_trait::async_trait;
use schema::events::{ApiKeyEvent, PauseScope, TenantEvent};
use schema::{AggregateType, LedgerEvent, RecordedEvent};
use sqlx::PgConnection;

use crate::{Projection, ProjectionError, Table};

/// The projection of tenants, pauses and API keys. Its events are rare: one statement each.
#[derive(Debug)]
pub struct Tenants;

#[async_trait]
impl Projection for Tenants {
    fn name(&self) -> &'static str {
        "tenants"
    }

    fn tables(&self) -> &'static [Table] {
        &[
            Table { name: "tenants", key: &["tenant"] },
            Table { name: "pauses", key: &["tenant", "scope"] },
            Table { name: "api_keys", key: &["tenant", "api_key"] },
            Table { name: "calendars", key: &["tenant", "calendar"] },
        ]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Tenant, AggregateType::ApiKey]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        for event in events {
            match &event.event {
                LedgerEvent::Tenant(change) => tenant(conn, event, change).await?,
                LedgerEvent::ApiKey(change) => api_key(conn, event, change).await?,
                LedgerEvent::Report(_)
                | LedgerEvent::Recipient(_)
                | LedgerEvent::Group(_)
                | LedgerEvent::Subscription(_)
                | LedgerEvent::Distribution(_)
                | LedgerEvent::Delivery(_) => {}
            }
        }
        Ok(())
    }
}

async fn tenant(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    change: &TenantEvent,
) -> Result<(), ProjectionError> {
    match change {
        TenantEvent::TenantCreated { title } => writes::create_tenant(conn, event, title).await?,
        TenantEvent::DispatchPaused { scope, reason } => {
            writes::pause(conn, event, &scope_text(scope), scope, reason).await?;
        }
        TenantEvent::DispatchResumed { scope } => {
            writes::resume(conn, event, &scope_text(scope)).await?;
        }
        TenantEvent::CalendarDefined { calendar, days } => {
            writes::define_calendar(conn, event, calendar, days).await?;
        }
        TenantEvent::CalendarRemoved { calendar } => {
            writes::remove_calendar(conn, event, calendar).await?;
        }
        // An operator's notes on the log itself: they change nothing a tenant sees.
        TenantEvent::EventSkipped { .. } | TenantEvent::LossAccepted { .. } => {}
    }
    Ok(())
}

async fn api_key(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    change: &ApiKeyEvent,
) -> Result<(), ProjectionError> {
    match change {
        ApiKeyEvent::ApiKeyIssued { title, scopes, expires_at, limits, secret_hash: _ } => {
            let scopes = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
            writes::issue(conn, event, title, scopes, *expires_at, limits).await?;
        }
        ApiKeyEvent::ApiKeyRevoked { reason } => {
            if writes::revoke(conn, event, reason).await? == 0 {
                return Err(ProjectionError::row_missing(event));
            }
        }
    }
    Ok(())
}

/// A pause's scope as one text: `all`, `channel/mail`, `destination/<key>`.
fn scope_text(scope: &PauseScope) -> String {
    match scope {
        PauseScope::All => "all".to_owned(),
        PauseScope::Channel { channel } => format!("channel/{channel}"),
        PauseScope::Destination { destination } => format!("destination/{destination}"),
    }
}
