//! Questions about groups and what they hold themselves.

use chrono::{DateTime, Utc};
use schema::Addressee;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};

use crate::entity::Entity;
use crate::page::{self, Cursor, Page, PageRequest};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct GroupRow {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub group_id: String,
    /// Its name for people.
    pub title: String,
    /// How many recipients it holds itself.
    pub recipient_count: i64,
    /// How many groups it holds itself.
    pub group_count: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When anything of it last changed.
    pub changed_at: DateTime<Utc>,
    /// When it was retired, if it was.
    pub retired_at: Option<DateTime<Utc>>,
    /// Why.
    pub retire_reason: Option<String>,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// Last sequence of its stream: what If-Match compares.
    pub sequence: i64,
}

impl Entity for GroupRow {
    const LOAD: &'static str = "
        select g.* from groups g
        join unnest($1::text[], $2::text[]) as wanted (tenant, group_id)
            on g.tenant = wanted.tenant and g.group_id = wanted.group_id";
    const STORE: &'static str = "
        insert into groups select * from jsonb_populate_recordset(null::groups, $1::jsonb)
        on conflict (tenant, group_id) do update
        set title = excluded.title, recipient_count = excluded.recipient_count,
            group_count = excluded.group_count, created_at = excluded.created_at,
            changed_at = excluded.changed_at, retired_at = excluded.retired_at,
            retire_reason = excluded.retire_reason, position = excluded.position,
            sequence = excluded.sequence";

    fn key(&self) -> String {
        format!("{}/{}", self.tenant, self.group_id)
    }
}

/// What a member is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum MemberKind {
    /// A group, whose members count as the group's own.
    Group,
    /// A recipient.
    Recipient,
}

impl MemberKind {
    /// What a member is.
    #[must_use]
    pub const fn of(member: &Addressee) -> Self {
        match member {
            Addressee::Recipient(_) => Self::Recipient,
            Addressee::Group(_) => Self::Group,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Recipient => "recipient",
        }
    }
}

/// What a group holds itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct MemberRow {
    /// Whose.
    pub tenant: String,
    /// In which group.
    pub group_id: String,
    /// What it is.
    pub kind: MemberKind,
    /// Its name.
    pub member: String,
    /// Who added it.
    pub added_by: String,
    /// When (last, if it had been removed).
    pub added_at: DateTime<Utc>,
    /// By which event: its place in the list.
    pub position: i64,
}

/// Which groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Only those a `Some(true)` retired, or a `Some(false)` not retired.
    pub retired: Option<bool>,
    /// Only those that hold this recipient themselves.
    pub recipient: Option<String>,
    /// Only those that hold this group themselves.
    pub group: Option<String>,
}

impl GroupFilter {
    /// All of a tenant.
    pub fn of(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), retired: None, recipient: None, group: None }
    }
}

/// Which members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Of which group. Always.
    pub group: String,
    /// Only these.
    pub kind: Option<MemberKind>,
}

macro_rules! groups_where {
    ($tenant:literal, $retired:literal, $recipient:literal, $group:literal) => {
        concat!(
            " tenant = ",
            $tenant,
            " and (",
            $retired,
            "::boolean is null or (retired_at is not null) = ",
            $retired,
            ")
              and (",
            $recipient,
            "::text is null or exists (select from read.group_members m
                where m.tenant = g.tenant and m.group_id = g.group_id
                  and m.kind = 'recipient' and m.member = ",
            $recipient,
            "))
              and (",
            $group,
            "::text is null or exists (select from read.group_members m
                where m.tenant = g.tenant and m.group_id = g.group_id
                  and m.kind = 'group' and m.member = ",
            $group,
            ")) "
        )
    };
}

macro_rules! page_sql {
    ($order:literal) => {
        concat!(
            "select * from read.groups g
             where ($1::bigint is null or position > $1)
               and ($3::bigint is null or position < $3) and",
            groups_where!("$6", "$7", "$8", "$9"),
            "order by position ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str =
    concat!("select count(*) from read.groups g where", groups_where!("$1", "$2", "$3", "$4"));

const BY_IDS: &str = "select * from read.groups where tenant = $1 and group_id = any($2)";

macro_rules! members_sql {
    ($order:literal) => {
        concat!(
            "select * from read.group_members
             where ($1::bigint is null or position > $1)
               and ($3::bigint is null or position < $3)
               and tenant = $6 and group_id = $7
               and ($8::text is null or kind = $8)
             order by position ",
            $order,
            " limit $5"
        )
    };
}

const MEMBER_COUNT: &str = "
    select count(*) from read.group_members
    where tenant = $1 and group_id = $2 and ($3::text is null or kind = $3)";

const HOLDING: &str = "
    select m.* from read.group_members m
    join read.groups g on g.tenant = m.tenant and g.group_id = m.group_id
    where m.tenant = $1 and m.kind = 'recipient' and m.member = any($2) and g.retired_at is null
    order by m.member, m.position limit $3";

/// Groups, ordered by when they were made.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &GroupFilter,
    request: &PageRequest,
) -> Result<Page<GroupRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { page_sql!("asc") } else { page_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.retired)
        .bind(filter.recipient.clone())
        .bind(filter.group.clone());
    page::fetch(pool, query, request, |row: &GroupRow| Cursor::at(row.position)).await
}

/// How many groups the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &GroupFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(filter.retired)
        .bind(&filter.recipient)
        .bind(&filter.group)
        .fetch_one(pool)
        .await
}

/// Groups by name, in no order; unknown ones are absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    groups: &[String],
) -> Result<Vec<GroupRow>, sqlx::Error> {
    sqlx::query_as(BY_IDS).bind(tenant).bind(groups).fetch_all(pool).await
}

/// What a group holds itself, ordered by when it was added.
///
/// # Errors
/// The database's.
pub async fn members(
    pool: &PgPool,
    filter: &MemberFilter,
    request: &PageRequest,
) -> Result<Page<MemberRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { members_sql!("asc") } else { members_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.group.clone())
        .bind(filter.kind);
    page::fetch(pool, query, request, |row: &MemberRow| Cursor::at(row.position)).await
}

/// How many members the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count_members(pool: &PgPool, filter: &MemberFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(MEMBER_COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(&filter.group)
        .bind(filter.kind)
        .fetch_one(pool)
        .await
}

/// The memberships of these recipients in groups that hold them themselves and are not retired, at most `limit` in all:
/// by recipient, then as they were added.
///
/// # Errors
/// The database's.
pub async fn holding(
    pool: &PgPool,
    tenant: &str,
    recipients: &[String],
    limit: u32,
) -> Result<Vec<MemberRow>, sqlx::Error> {
    sqlx::query_as(HOLDING)
        .bind(tenant)
        .bind(recipients)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}
