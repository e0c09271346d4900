//! Questions about distributions: how they stand, and why somebody did not get something.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::{DistributionRow, NotPlannedRow, OutcomeRow};
use crate::page::{self, Cursor, Page, PageRequest};

/// Which distributions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Only of this report.
    pub report: Option<String>,
    /// Only of the version of this name.
    pub version: Option<String>,
    /// Those not yet reconciled, or those that are.
    pub open: Option<bool>,
    /// Received at or after.
    pub received_from: Option<DateTime<Utc>>,
    /// Received before.
    pub received_until: Option<DateTime<Utc>>,
}

impl DistributionFilter {
    /// All of a tenant.
    pub fn of(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            report: None,
            version: None,
            open: None,
            received_from: None,
            received_until: None,
        }
    }
}

/// By what distributions are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DistributionSort {
    /// As the log took them.
    #[default]
    Position,
    /// By the clock of the node that took them.
    ReceivedAt,
    /// By when they were reconciled; open ones are left out.
    ReconciledAt,
}

macro_rules! page_sql {
    ($key:literal, $kind:literal, $tie:literal, $order:literal) => {
        concat!(
            "select * from read.distributions
             where ($1::",
            $kind,
            " is null or (",
            $key,
            ", ",
            $tie,
            ") > ($1, $2))
               and ($3::",
            $kind,
            " is null or (",
            $key,
            ", ",
            $tie,
            ") < ($3, $4))
               and tenant = $6
               and ($7::text is null or report = $7)
               and ($8::text is null or version = $8)
               and ($9::boolean is null or (reconciled_at is null) = $9)
               and ($10::timestamptz is null or received_at >= $10)
               and ($11::timestamptz is null or received_at < $11)
               and ",
            $key,
            " is not null
             order by ",
            $key,
            " ",
            $order,
            ", ",
            $tie,
            " ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str = "
    select count(*) from read.distributions
    where tenant = $1
      and ($2::text is null or report = $2)
      and ($3::text is null or version = $3)
      and ($4::boolean is null or (reconciled_at is null) = $4)
      and ($5::timestamptz is null or received_at >= $5)
      and ($6::timestamptz is null or received_at < $6)";

const BY_IDS: &str =
    "select * from read.distributions where tenant = $1 and distribution = any($2)";

const OUTCOMES: &str = "
    select o.* from read.distribution_outcomes o
    join read.distributions d using (distribution)
    where d.tenant = $1 and o.distribution = any($2)
    order by o.distribution, o.channel, o.resend";

/// Distributions in the order asked for. When counting, mind that [`DistributionSort::ReconciledAt`] leaves out open
/// ones.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &DistributionFilter,
    sort: DistributionSort,
    request: &PageRequest,
) -> Result<Page<DistributionRow>, sqlx::Error> {
    let up = request.reads_upwards();
    let query = match sort {
        DistributionSort::Position if up => {
            page::by_number(page_sql!("position", "bigint", "position", "asc"), request)
        }
        DistributionSort::Position => {
            page::by_number(page_sql!("position", "bigint", "position", "desc"), request)
        }
        DistributionSort::ReceivedAt if up => {
            page::by_time(page_sql!("received_at", "timestamptz", "position", "asc"), request)
        }
        DistributionSort::ReceivedAt => {
            page::by_time(page_sql!("received_at", "timestamptz", "position", "desc"), request)
        }
        DistributionSort::ReconciledAt if up => {
            page::by_time(page_sql!("reconciled_at", "timestamptz", "position", "asc"), request)
        }
        DistributionSort::ReconciledAt => {
            page::by_time(page_sql!("reconciled_at", "timestamptz", "position", "desc"), request)
        }
    };
    let query = query
        .bind(filter.tenant.clone())
        .bind(filter.report.clone())
        .bind(filter.version.clone())
        .bind(filter.open)
        .bind(filter.received_from)
        .bind(filter.received_until);
    page::fetch(pool, query, request, |row| cursor(row, sort)).await
}

fn cursor(row: &DistributionRow, sort: DistributionSort) -> Cursor {
    match sort {
        DistributionSort::Position => Cursor::at(row.position),
        DistributionSort::ReceivedAt => Cursor::of_time(row.received_at, row.position),
        DistributionSort::ReconciledAt => {
            Cursor::of_time(row.reconciled_at.unwrap_or_default(), row.position)
        }
    }
}

/// How many distributions the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &DistributionFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(&filter.report)
        .bind(&filter.version)
        .bind(filter.open)
        .bind(filter.received_from)
        .bind(filter.received_until)
        .fetch_one(pool)
        .await
}

/// Distributions by id, in no order; unknown ones and those of other tenants are absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    distributions: &[Uuid],
) -> Result<Vec<DistributionRow>, sqlx::Error> {
    sqlx::query_as(BY_IDS).bind(tenant).bind(distributions).fetch_all(pool).await
}

/// How deliveries of these distributions stand, per channel, resends apart. One without a delivery has no row. Add up
/// with [`super::OutcomeSums::of`].
///
/// # Errors
/// The database's.
pub async fn outcomes_of(
    pool: &PgPool,
    tenant: &str,
    distributions: &[Uuid],
) -> Result<Vec<OutcomeRow>, sqlx::Error> {
    sqlx::query_as(OUTCOMES).bind(tenant).bind(distributions).fetch_all(pool).await
}

/// Which decisions against a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPlannedFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Only of this run.
    pub distribution: Option<Uuid>,
    /// Only of this report.
    pub report: Option<String>,
    /// Only about this recipient: why did X not get it.
    pub recipient: Option<String>,
    /// Only about this subscription.
    pub subscription: Option<String>,
    /// Only for this reason.
    pub reason: Option<String>,
}

impl NotPlannedFilter {
    /// All of a tenant.
    pub fn of(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            distribution: None,
            report: None,
            recipient: None,
            subscription: None,
            reason: None,
        }
    }
}

macro_rules! against_sql {
    ($order:literal) => {
        concat!(
            "select * from read.not_planned
             where ($1::bigint is null or (position, ordinal) > ($1, $2))
               and ($3::bigint is null or (position, ordinal) < ($3, $4))
               and tenant = $6
               and ($7::uuid is null or distribution = $7)
               and ($8::text is null or report = $8)
               and ($9::text is null or recipient = $9)
               and ($10::text is null or subscription = $10)
               and ($11::text is null or reason = $11)
             order by position ",
            $order,
            ", ordinal ",
            $order,
            " limit $5"
        )
    };
}

const AGAINST_COUNT: &str = "
    select count(*) from read.not_planned
    where tenant = $1
      and ($2::uuid is null or distribution = $2)
      and ($3::text is null or report = $3)
      and ($4::text is null or recipient = $4)
      and ($5::text is null or subscription = $5)
      and ($6::text is null or reason = $6)";

/// Decisions against a delivery, as the log took them.
///
/// # Errors
/// The database's.
pub async fn not_planned(
    pool: &PgPool,
    filter: &NotPlannedFilter,
    request: &PageRequest,
) -> Result<Page<NotPlannedRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { against_sql!("asc") } else { against_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.distribution)
        .bind(filter.report.clone())
        .bind(filter.recipient.clone())
        .bind(filter.subscription.clone())
        .bind(filter.reason.clone());
    page::fetch(pool, query, request, |row: &NotPlannedRow| Cursor {
        key: row.position,
        tie: i64::from(row.ordinal),
    })
    .await
}

/// How many decisions the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count_not_planned(
    pool: &PgPool,
    filter: &NotPlannedFilter,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(AGAINST_COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(filter.distribution)
        .bind(&filter.report)
        .bind(&filter.recipient)
        .bind(&filter.subscription)
        .bind(&filter.reason)
        .fetch_one(pool)
        .await
}
