use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};
use projections::groups::{self, GroupRow, MemberRow};
use schema::{Position, TenantId};

use super::Recipient;
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{GroupKey, RecipientKey};
use crate::graphql::scalars::{Count, Instant, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::MemberKind;

/// Recipients under one name, and groups whose members count as its own.
#[derive(Clone, Debug, SimpleObject)]
pub struct Group {
    /// Its name.
    pub id: ID,
    /// Its name for people.
    pub title: String,
    /// How many recipients it holds itself.
    pub recipient_count: Count,
    /// How many groups it holds itself.
    pub group_count: Count,
    /// When it was made.
    pub created_at: Instant,
    /// When anything of it last changed.
    pub changed_at: Instant,
    /// When it was retired, if it was.
    pub retired_at: Option<Instant>,
    /// Why.
    pub retire_reason: Option<String>,
    /// By which event it came.
    pub position: LogPosition,
    /// Last sequence of its stream: what If-Match of the REST API compares.
    pub sequence: Count,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            id: row.group_id.into(),
            title: row.title,
            recipient_count: Count(row.recipient_count),
            group_count: Count(row.group_count),
            created_at: row.created_at.into(),
            changed_at: row.changed_at.into(),
            retired_at: row.retired_at.map(Into::into),
            retire_reason: row.retire_reason,
            position: LogPosition(Position(row.position)),
            sequence: Count(row.sequence),
        }
    }
}

/// What a group holds itself.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Member {
    /// In which group.
    pub group: ID,
    /// What it is.
    pub kind: MemberKind,
    /// Its name.
    pub member: ID,
    /// Who added it.
    pub added_by: String,
    /// When (last, if it had been removed).
    pub added_at: Instant,
    /// By which event.
    pub position: LogPosition,
}

#[ComplexObject]
impl Member {
    /// The group that holds it.
    async fn group_node(&self, ctx: &Context<'_>) -> Result<Option<Group>, Fault> {
        Session::of(ctx)?.rows().load_one(GroupKey(self.group.to_string())).await
    }

    /// The recipient, when it is one.
    async fn recipient_node(&self, ctx: &Context<'_>) -> Result<Option<Recipient>, Fault> {
        match self.kind {
            MemberKind::Group => Ok(None),
            MemberKind::Recipient => {
                Session::of(ctx)?.rows().load_one(RecipientKey(self.member.to_string())).await
            }
        }
    }
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        let kind = match row.kind {
            groups::MemberKind::Group => MemberKind::Group,
            groups::MemberKind::Recipient => MemberKind::Recipient,
        };
        Self {
            group: row.group_id.into(),
            kind,
            member: row.member.into(),
            added_by: row.added_by,
            added_at: row.added_at.into(),
            position: LogPosition(Position(row.position)),
        }
    }
}

/// Which groups.
#[derive(Clone, Debug, Default, InputObject)]
pub struct GroupFilter {
    /// Retired ones, or those that are not.
    pub retired: Option<bool>,
    /// Only those that hold this recipient themselves.
    pub recipient: Option<ID>,
    /// Only those that hold this group themselves.
    pub group: Option<ID>,
}

impl GroupFilter {
    /// The same question of one tenant's read model.
    #[must_use]
    pub fn of(self, tenant: &TenantId) -> groups::GroupFilter {
        groups::GroupFilter {
            tenant: tenant.to_string(),
            retired: self.retired,
            recipient: self.recipient.map(|recipient| recipient.0),
            group: self.group.map(|group| group.0),
        }
    }
}
