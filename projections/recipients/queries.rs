//! Questions about recipients, their addresses and entitlements.

use sqlx::PgPool;

use super::{AddressRow, EntitlementRow, RecipientRow};
use crate::page::{self, Cursor, Page, PageRequest};

/// Which recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientFilter {
    /// Whose. Always.
    pub tenant: String,
    /// `person`, `team` or `system`.
    pub kind: Option<String>,
    /// Retired ones, or those that are not.
    pub retired: Option<bool>,
    /// Only those with an active address on this channel.
    pub channel: Option<String>,
    /// Only those with an active address that ends up here.
    pub destination: Option<String>,
}

impl RecipientFilter {
    /// All of a tenant.
    pub fn of(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), kind: None, retired: None, channel: None, destination: None }
    }
}

macro_rules! page_sql {
    ($order:literal) => {
        concat!(
            "select r.* from read.recipients r
             where ($1::bigint is null or r.position > $1)
               and ($3::bigint is null or r.position < $3)
               and r.tenant = $6
               and ($7::text is null or r.kind = $7)
               and ($8::boolean is null or (r.retired_at is not null) = $8)
               and (($9::text is null and $10::text is null) or exists (
                   select from read.addresses a
                   where a.tenant = r.tenant and a.recipient = r.recipient and a.retired_at is null
                     and ($9 is null or a.channel = $9)
                     and ($10 is null or a.destination = $10)))
             order by r.position ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str = "
    select count(*) from read.recipients r
    where r.tenant = $1
      and ($2::text is null or r.kind = $2)
      and ($3::boolean is null or (r.retired_at is not null) = $3)
      and (($4::text is null and $5::text is null) or exists (
          select from read.addresses a
          where a.tenant = r.tenant and a.recipient = r.recipient and a.retired_at is null
            and ($4 is null or a.channel = $4)
            and ($5 is null or a.destination = $5)))";

const BY_IDS: &str = "select * from read.recipients where tenant = $1 and recipient = any($2)";

const ADDRESSES: &str = "
    select * from read.addresses where tenant = $1 and recipient = any($2)
    order by recipient, position, address";

const ENTITLEMENTS: &str = "
    select * from read.entitlements where tenant = $1 and recipient = any($2)
    order by recipient, position, grant_id";

macro_rules! grants_sql {
    ($order:literal) => {
        concat!(
            "select * from read.entitlements
             where ($1::bigint is null or position > $1)
               and ($3::bigint is null or position < $3)
               and tenant = $6 and report in ($7, '*')
             order by position ",
            $order,
            " limit $5"
        )
    };
}

const GRANT_COUNT: &str = "
    select count(*) from read.entitlements where tenant = $1 and report in ($2, '*')";

/// Recipients, ordered by when they were made known.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &RecipientFilter,
    request: &PageRequest,
) -> Result<Page<RecipientRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { page_sql!("asc") } else { page_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.kind.clone())
        .bind(filter.retired)
        .bind(filter.channel.clone())
        .bind(filter.destination.clone());
    page::fetch(pool, query, request, |row: &RecipientRow| Cursor::at(row.position)).await
}

/// How many recipients the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &RecipientFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(&filter.kind)
        .bind(filter.retired)
        .bind(&filter.channel)
        .bind(&filter.destination)
        .fetch_one(pool)
        .await
}

/// Recipients by id, in no order; unknown ones are absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    recipients: &[String],
) -> Result<Vec<RecipientRow>, sqlx::Error> {
    sqlx::query_as(BY_IDS).bind(tenant).bind(recipients).fetch_all(pool).await
}

/// All addresses of these recipients, retired ones included: by recipient, then as they were added.
///
/// # Errors
/// The database's.
pub async fn addresses_of(
    pool: &PgPool,
    tenant: &str,
    recipients: &[String],
) -> Result<Vec<AddressRow>, sqlx::Error> {
    sqlx::query_as(ADDRESSES).bind(tenant).bind(recipients).fetch_all(pool).await
}

/// All grants to these recipients, revoked and ended ones included: by recipient, then as they were granted.
///
/// # Errors
/// The database's.
pub async fn entitlements_of(
    pool: &PgPool,
    tenant: &str,
    recipients: &[String],
) -> Result<Vec<EntitlementRow>, sqlx::Error> {
    sqlx::query_as(ENTITLEMENTS).bind(tenant).bind(recipients).fetch_all(pool).await
}

/// Every grant that covers `report`, those for all reports included, ordered by when it was granted: who may have it.
///
/// # Errors
/// The database's.
pub async fn entitlements_for(
    pool: &PgPool,
    tenant: &str,
    report: &str,
    request: &PageRequest,
) -> Result<Page<EntitlementRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { grants_sql!("asc") } else { grants_sql!("desc") };
    let query = page::by_number(sql, request).bind(tenant.to_owned()).bind(report.to_owned());
    page::fetch(pool, query, request, |row: &EntitlementRow| Cursor::at(row.position)).await
}

/// How many grants cover `report`.
///
/// # Errors
/// The database's.
pub async fn count_entitlements_for(
    pool: &PgPool,
    tenant: &str,
    report: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(GRANT_COUNT).bind(tenant).bind(report).fetch_one(pool).await
}
