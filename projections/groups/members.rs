use std::collections::BTreeMap;

use schema::{Addressee, RecordedEvent};
use sqlx::PgConnection;

use super::owner;
use super::queries::{MemberKind, MemberRow};
use crate::ProjectionError;

const PUT: &str = "
    insert into group_members
    select * from jsonb_populate_recordset(null::group_members, $1::jsonb)
    on conflict (tenant, group_id, kind, member) do update
    set added_by = excluded.added_by, added_at = excluded.added_at, position = excluded.position";

const REMOVE: &str = "
    delete from group_members m
    using unnest($1::text[], $2::text[], $3::text[], $4::text[]) as gone (tenant, group_id, kind, member)
    where m.tenant = gone.tenant and m.group_id = gone.group_id
      and m.kind = gone.kind and m.member = gone.member";

/// Tenant, group, kind and name of a member.
type Key = (String, String, MemberKind, String);

/// What a batch leaves of each member it speaks of. A group may have a hundred thousand: none is read.
#[derive(Default)]
pub(super) struct Changes(BTreeMap<Key, Option<MemberRow>>);

impl Changes {
    pub(super) fn added(&mut self, event: &RecordedEvent, member: &Addressee) {
        let key = key(event, member);
        let (tenant, group_id, kind, name) = key.clone();
        let row = MemberRow {
            tenant,
            group_id,
            kind,
            member: name,
            added_by: event.metadata.actor.to_string(),
            added_at: event.recorded_at.to_chrono(),
            position: event.position.0,
        };
        self.0.insert(key, Some(row));
    }

    pub(super) fn removed(&mut self, event: &RecordedEvent, member: &Addressee) {
        self.0.insert(key(event, member), None);
    }

    pub(super) async fn store(self, conn: &mut PgConnection) -> Result<(), ProjectionError> {
        let (mut put, mut gone) = (Vec::new(), Vec::new());
        for (key, row) in self.0 {
            match row {
                Some(row) => put.push(row),
                None => gone.push(key),
            }
        }
        if !gone.is_empty() {
            remove(conn, gone).await?;
        }
        if !put.is_empty() {
            sqlx::query(PUT).bind(serde_json::to_string(&put)?).execute(conn).await?;
        }
        Ok(())
    }
}

async fn remove(conn: &mut PgConnection, gone: Vec<Key>) -> Result<(), sqlx::Error> {
    let (mut tenants, mut groups, mut kinds, mut members) = (vec![], vec![], vec![], vec![]);
    for (tenant, group, kind, member) in gone {
        tenants.push(tenant);
        groups.push(group);
        kinds.push(kind.as_str());
        members.push(member);
    }
    let query = sqlx::query(REMOVE).bind(tenants).bind(groups).bind(kinds).bind(members);
    query.execute(conn).await.map(drop)
}

fn key(event: &RecordedEvent, member: &Addressee) -> Key {
    let (tenant, group) = owner(event);
    let kind = MemberKind::of(member);
    (tenant.to_owned(), group.to_owned(), kind, member.as_str().to_owned())
}
