//! Questions about inboxes. Whether an entry is put off, and whether it is still shown, is asked as of an instant.

use chrono::{DateTime, Utc};
use schema::Severity;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::InboxRow;
use crate::page::{self, Cursor, Page, PageRequest};

/// Which entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxFilter {
    /// Whose tenant. Always.
    pub tenant: String,
    /// Whose inbox. Always.
    pub recipient: String,
    /// The instant at which entries are put off or not.
    pub now: DateTime<Utc>,
    /// Only what came at or after: older entries are not shown.
    pub since: DateTime<Utc>,
    /// Only what was not read, or only what was.
    pub unread: Option<bool>,
    /// Only what matters so much.
    pub severity: Option<Severity>,
    /// Only what is put off, or only what is not.
    pub snoozed: Option<bool>,
}

impl InboxFilter {
    /// A recipient's whole inbox, as of `now`, back to `since`.
    pub fn of(
        tenant: impl Into<String>,
        recipient: impl Into<String>,
        now: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Self {
        let (tenant, recipient) = (tenant.into(), recipient.into());
        Self { tenant, recipient, now, since, unread: None, severity: None, snoozed: None }
    }

    fn severity(&self) -> Option<&'static str> {
        self.severity.map(Severity::as_str)
    }
}

/// How many entries wait to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct InboxCounts {
    /// Not read and not put off: the badge.
    pub unread: i64,
    /// Of these, only to be known.
    pub info: i64,
    /// Of these, to be looked at.
    pub warning: i64,
    /// Of these, to be acted on.
    pub critical: i64,
    /// Put off, read or not.
    pub snoozed: i64,
}

// As `Severity::of` reads it.
macro_rules! severity_sql {
    () => {
        "case when jsonb_typeof(d.attributes -> 'severity') = 'string'
              and d.attributes ->> 'severity' in ('warning', 'critical')
              then d.attributes ->> 'severity' else 'info' end"
    };
}

macro_rules! columns_sql {
    () => {
        "i.delivery, i.recipient, i.distribution, d.report, d.version, d.title, d.attributes,
         d.artifacts, i.format, i.resend, d.corrected_by, d.withdrawn_at, d.withdraw_reason,
         i.served_at, i.content_sha256, i.read_at, i.acknowledged_at, i.snoozed_until,
         i.answer, i.position,
         greatest(i.last_position,
             case when coalesce(d.corrected_by, d.withdraw_reason) is null then 0
             else d.last_position end) as last_position"
    };
}

macro_rules! page_sql {
    ($order:literal) => {
        concat!(
            "select ",
            columns_sql!(),
            " from read.inbox i join read.distributions d using (distribution)
             where ($1::bigint is null or i.position > $1)
               and ($3::bigint is null or i.position < $3)
               and i.tenant = $6 and i.recipient = $7
               and i.position is not null and i.served_at >= $9
               and ($10::boolean is null or (i.read_at is null) = $10)
               and ($11::text is null or ",
            severity_sql!(),
            " = $11)
               and ($12::boolean is null or coalesce(i.snoozed_until > $8, false) = $12)
             order by i.position ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str = concat!(
    "select count(*) from read.inbox i join read.distributions d using (distribution)
     where i.tenant = $1 and i.recipient = $2 and i.position is not null and i.served_at >= $4
       and ($5::boolean is null or (i.read_at is null) = $5)
       and ($6::text is null or ",
    severity_sql!(),
    " = $6)
       and ($7::boolean is null or coalesce(i.snoozed_until > $3, false) = $7)"
);

const COUNTS: &str = concat!(
    "with waiting as (
        select ",
    severity_sql!(),
    " as severity
        from read.inbox i join read.distributions d using (distribution)
        where i.tenant = $1 and i.recipient = $2 and i.read_at is null
          and i.position is not null and i.served_at >= $4
          and (i.snoozed_until is null or i.snoozed_until <= $3)
    )
    select count(*) as unread,
           count(*) filter (where severity = 'info') as info,
           count(*) filter (where severity = 'warning') as warning,
           count(*) filter (where severity = 'critical') as critical,
           (select count(*) from read.inbox i
            where i.tenant = $1 and i.recipient = $2 and i.snoozed_until > $3
              and i.position is not null and i.served_at >= $4) as snoozed
    from waiting"
);

const BY_IDS: &str = concat!(
    "select ",
    columns_sql!(),
    " from read.inbox i join read.distributions d using (distribution)
     where i.tenant = $1 and i.recipient = $2 and i.position is not null and i.delivery = any($3)"
);

const BY_ID: &str = concat!(
    "select ",
    columns_sql!(),
    " from read.inbox i join read.distributions d using (distribution)
     where i.tenant = $1 and i.delivery = $2 and i.position is not null and i.served_at >= $3"
);

const EXPECTED: &str = "
    select delivery, distribution from read.inbox
    where tenant = $1 and recipient = $2 and (served_at is null or served_at >= $3)
    order by scheduled_position desc limit $4";

const UNREAD_THROUGH: &str = "
    select delivery from read.inbox
    where tenant = $1 and recipient = $2 and read_at is null and position <= $3 and served_at >= $4
    order by position limit $5";

/// Entries, ordered by when they came.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &InboxFilter,
    request: &PageRequest,
) -> Result<Page<InboxRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { page_sql!("asc") } else { page_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.recipient.clone())
        .bind(filter.now)
        .bind(filter.since)
        .bind(filter.unread)
        .bind(filter.severity())
        .bind(filter.snoozed);
    page::fetch(pool, query, request, |row: &InboxRow| Cursor::at(row.position)).await
}

/// How many entries the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &InboxFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(&filter.recipient)
        .bind(filter.now)
        .bind(filter.since)
        .bind(filter.unread)
        .bind(filter.severity())
        .bind(filter.snoozed)
        .fetch_one(pool)
        .await
}

/// How many entries of a whole inbox wait to be read.
///
/// # Errors
/// The database's.
pub async fn counts(pool: &PgPool, whole: &InboxFilter) -> Result<InboxCounts, sqlx::Error> {
    sqlx::query_as(COUNTS)
        .bind(&whole.tenant)
        .bind(&whole.recipient)
        .bind(whole.now)
        .bind(whole.since)
        .fetch_one(pool)
        .await
}

/// A recipient's entries by their deliveries, in no order; what is not there, or not yet, is absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    recipient: &str,
    deliveries: &[Uuid],
) -> Result<Vec<InboxRow>, sqlx::Error> {
    sqlx::query_as(BY_IDS).bind(tenant).bind(recipient).bind(deliveries).fetch_all(pool).await
}

/// An entry by its delivery, whosesoever, if it came since.
///
/// # Errors
/// The database's.
pub async fn by_id(
    pool: &PgPool,
    tenant: &str,
    delivery: Uuid,
    since: DateTime<Utc>,
) -> Result<Option<InboxRow>, sqlx::Error> {
    sqlx::query_as(BY_ID).bind(tenant).bind(delivery).bind(since).fetch_optional(pool).await
}

/// The deliveries of a recipient's entries, and of those still on their way, each with its distribution: the newest
/// `limit` of those that came since.
///
/// # Errors
/// The database's.
pub async fn expected(
    pool: &PgPool,
    tenant: &str,
    recipient: &str,
    since: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(Uuid, Uuid)>, sqlx::Error> {
    sqlx::query_as(EXPECTED)
        .bind(tenant)
        .bind(recipient)
        .bind(since)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}

/// The deliveries of the first `limit` unread entries that came up to a position.
///
/// # Errors
/// The database's.
pub async fn unread_through(
    pool: &PgPool,
    whole: &InboxFilter,
    through: i64,
    limit: u32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(UNREAD_THROUGH)
        .bind(&whole.tenant)
        .bind(&whole.recipient)
        .bind(through)
        .bind(whole.since)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}
