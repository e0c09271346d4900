//! Groups with what they hold themselves, as they stand. Who was a member when is told by the log.

mod members;
pub mod queries;
#[cfg(test)]
mod tests;

pub use queries::{GroupFilter, GroupRow, MemberFilter, MemberKind, MemberRow};

use std::collections::BTreeSet;

use async_trait::async_trait;
use schema::events::GroupEvent;
use schema::{Addressee, AggregateType, LedgerEvent, RecordedEvent};
use sqlx::PgConnection;

use self::members::Changes;
use crate::entity::Draft;
use crate::{Projection, ProjectionError, Table};

/// The projection of groups and their members.
#[derive(Debug)]
pub struct Groups;

#[async_trait]
impl Projection for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn tables(&self) -> &'static [Table] {
        &[
            Table { name: "groups", key: &["tenant", "group_id"] },
            Table { name: "group_members", key: &["tenant", "group_id", "kind", "member"] },
        ]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Group]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let owners: BTreeSet<_> = events.iter().map(|event| owner(event)).collect();
        let mut groups = Draft::<GroupRow>::load(conn, &owners).await?;
        let mut members = Changes::default();
        for event in events {
            if let LedgerEvent::Group(change) = &event.event {
                fold(&mut groups, &mut members, event, change)?;
            }
        }
        groups.store(conn).await?;
        members.store(conn).await
    }
}

fn owner(event: &RecordedEvent) -> (&str, &str) {
    (event.metadata.tenant.as_str(), event.stream.local_id())
}

fn fold(
    groups: &mut Draft<GroupRow>,
    members: &mut Changes,
    event: &RecordedEvent,
    change: &GroupEvent,
) -> Result<(), ProjectionError> {
    if let GroupEvent::GroupCreated { title } = change {
        groups.put(created(event, title));
        return Ok(());
    }
    let row = groups
        .change(&event.stream.aggregate_id)
        .ok_or_else(|| ProjectionError::row_missing(event))?;
    row.sequence = event.sequence;
    row.changed_at = event.recorded_at.to_chrono();
    match change {
        GroupEvent::GroupCreated { .. } => {}
        GroupEvent::GroupChanged { title } => title.clone_into(&mut row.title),
        GroupEvent::MemberAdded { member } => {
            *count(row, member) += 1;
            members.added(event, member);
        }
        GroupEvent::MemberRemoved { member } => {
            *count(row, member) -= 1;
            members.removed(event, member);
        }
        GroupEvent::GroupRetired { reason } => {
            row.retired_at = Some(event.recorded_at.to_chrono());
            row.retire_reason = Some(reason.clone());
        }
    }
    Ok(())
}

const fn count<'r>(row: &'r mut GroupRow, member: &Addressee) -> &'r mut i64 {
    match member {
        Addressee::Recipient(_) => &mut row.recipient_count,
        Addressee::Group(_) => &mut row.group_count,
    }
}

fn created(event: &RecordedEvent, title: &str) -> GroupRow {
    let (tenant, group) = owner(event);
    let at = event.recorded_at.to_chrono();
    GroupRow {
        tenant: tenant.to_owned(),
        group_id: group.to_owned(),
        title: title.to_owned(),
        recipient_count: 0,
        group_count: 0,
        created_at: at,
        changed_at: at,
        retired_at: None,
        retire_reason: None,
        position: event.position.0,
        sequence: event.sequence,
    }
}
