//! Recipients with their addresses and entitlements. Names and addresses stay sealed, as the events have them.

pub mod queries;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::{AddressRow, EntitlementRow, RecipientRow};

use std::collections::BTreeSet;

use async_trait::async_trait;
use schema::events::{RecipientEvent, RecipientKind, RecipientProfile, RetireReason};
use schema::{AggregateType, LedgerEvent, RecordedEvent};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::entity::Draft;
use crate::{Projection, ProjectionError, Table};

/// The projection of recipients, addresses and entitlements.
#[derive(Debug)]
pub struct Recipients;

#[async_trait]
impl Projection for Recipients {
    fn name(&self) -> &'static str {
        "recipients"
    }

    fn tables(&self) -> &'static [Table] {
        &[
            Table { name: "recipients", key: &["tenant", "recipient"] },
            Table { name: "addresses", key: &["tenant", "recipient", "address"] },
            Table { name: "entitlements", key: &["tenant", "recipient", "grant_id"] },
        ]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Recipient]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let owners: BTreeSet<_> = events.iter().map(|event| owner(event)).collect();
        let mut drafts = Drafts {
            recipients: Draft::load(conn, &owners).await?,
            addresses: Draft::load(conn, &owners).await?,
            entitlements: Draft::load(conn, &owners).await?,
        };
        for event in events {
            if let LedgerEvent::Recipient(change) = &event.event {
                drafts.fold(event, change)?;
            }
        }
        drafts.recipients.store(conn).await?;
        drafts.addresses.store(conn).await?;
        drafts.entitlements.store(conn).await
    }
}

fn owner(event: &RecordedEvent) -> (&str, &str) {
    (event.metadata.tenant.as_str(), event.stream.local_id())
}

struct Drafts {
    recipients: Draft<RecipientRow>,
    addresses: Draft<AddressRow>,
    entitlements: Draft<EntitlementRow>,
}

impl Drafts {
    fn fold(
        &mut self,
        event: &RecordedEvent,
        change: &RecipientEvent,
    ) -> Result<(), ProjectionError> {
        if let RecipientEvent::RecipientRegistered(profile) = change {
            self.recipients.put(registered(event, profile));
            return Ok(());
        }
        self.recipient(event)?.sequence = event.sequence;
        match change {
            RecipientEvent::RecipientRegistered(_) => {}
            RecipientEvent::RecipientChanged(profile) => {
                let row = self.recipient(event)?;
                set_profile(row, profile);
                row.changed_at = event.recorded_at.to_chrono();
            }
            RecipientEvent::RecipientRetired { reason } => {
                let row = self.recipient(event)?;
                row.retired_at = Some(event.recorded_at.to_chrono());
                row.retire_reason = Some(reason.clone());
            }
            RecipientEvent::AddressAdded { .. }
            | RecipientEvent::AddressChanged { .. }
            | RecipientEvent::AddressRetired { .. } => self.fold_address(event, change)?,
            // Told by the recipient's own stream: a row would only say it later.
            RecipientEvent::AddressBouncedSoftly { .. }
            | RecipientEvent::AddressSuppressed { .. }
            | RecipientEvent::SuppressionLifted { .. }
            | RecipientEvent::WebhookConfigured { .. } => {}
            RecipientEvent::EntitlementGranted { .. }
            | RecipientEvent::EntitlementRevoked { .. } => self.fold_grant(event, change)?,
        }
        Ok(())
    }

    fn fold_address(
        &mut self,
        event: &RecordedEvent,
        change: &RecipientEvent,
    ) -> Result<(), ProjectionError> {
        let at = event.recorded_at.to_chrono();
        let missing = || ProjectionError::row_missing(event);
        if let RecipientEvent::AddressAdded { address, channel, value, destination, revision } =
            change
        {
            let (tenant, recipient) = owner(event);
            self.addresses.put(AddressRow {
                tenant: tenant.to_owned(),
                recipient: recipient.to_owned(),
                address: address.to_string(),
                channel: channel.to_string(),
                value: Json(value.clone()),
                destination: destination.to_string(),
                revision: i64::from(*revision),
                added_at: at,
                changed_at: at,
                retired_at: None,
                retire_reason: None,
                position: event.position.0,
            });
        }
        if let RecipientEvent::AddressChanged { address, value, destination, revision } = change {
            let row =
                self.addresses.change(&within(event, address.as_str())).ok_or_else(missing)?;
            row.value = Json(value.clone());
            row.destination = destination.to_string();
            row.revision = i64::from(*revision);
            row.changed_at = at;
        }
        if let RecipientEvent::AddressRetired { address, reason } = change {
            let row =
                self.addresses.change(&within(event, address.as_str())).ok_or_else(missing)?;
            row.retired_at = Some(at);
            row.retire_reason = Some(retire_reason(*reason).to_owned());
        }
        Ok(())
    }

    fn fold_grant(
        &mut self,
        event: &RecordedEvent,
        change: &RecipientEvent,
    ) -> Result<(), ProjectionError> {
        let at = event.recorded_at.to_chrono();
        if let RecipientEvent::EntitlementGranted { grant, report, until } = change {
            let (tenant, recipient) = owner(event);
            self.entitlements.put(EntitlementRow {
                tenant: tenant.to_owned(),
                recipient: recipient.to_owned(),
                grant_id: grant.to_string(),
                report: report.to_string(),
                until: until.map(schema::Timestamp::to_chrono),
                granted_by: event.metadata.actor.to_string(),
                granted_at: at,
                revoked_by: None,
                revoked_at: None,
                revoke_reason: None,
                position: event.position.0,
            });
        }
        if let RecipientEvent::EntitlementRevoked { grant, reason } = change {
            let row = self
                .entitlements
                .change(&within(event, grant.as_str()))
                .ok_or_else(|| ProjectionError::row_missing(event))?;
            row.revoked_by = Some(event.metadata.actor.to_string());
            row.revoked_at = Some(at);
            row.revoke_reason = Some(reason.clone());
        }
        Ok(())
    }

    fn recipient(&mut self, event: &RecordedEvent) -> Result<&mut RecipientRow, ProjectionError> {
        self.recipients
            .change(&event.stream.aggregate_id)
            .ok_or_else(|| ProjectionError::row_missing(event))
    }
}

fn within(event: &RecordedEvent, name: &str) -> String {
    format!("{}/{name}", event.stream.aggregate_id)
}

fn registered(event: &RecordedEvent, profile: &RecipientProfile) -> RecipientRow {
    let (tenant, recipient) = owner(event);
    let mut row = RecipientRow {
        tenant: tenant.to_owned(),
        recipient: recipient.to_owned(),
        kind: String::new(),
        name: None,
        locale: String::new(),
        zone: String::new(),
        registered_at: event.recorded_at.to_chrono(),
        changed_at: event.recorded_at.to_chrono(),
        retired_at: None,
        retire_reason: None,
        position: event.position.0,
        sequence: event.sequence,
    };
    set_profile(&mut row, profile);
    row
}

fn set_profile(row: &mut RecipientRow, profile: &RecipientProfile) {
    kind(profile.kind).clone_into(&mut row.kind);
    row.name = profile.name.clone().map(Json);
    row.locale.clone_from(&profile.locale);
    row.zone = profile.zone.to_string();
}

const fn kind(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::Person => "person",
        RecipientKind::Team => "team",
        RecipientKind::System => "system",
    }
}

const fn retire_reason(reason: RetireReason) -> &'static str {
    match reason {
        RetireReason::Requested => "requested",
        RetireReason::Gone => "gone",
    }
}
