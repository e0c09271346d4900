//! Questions about reports.

use chrono::{DateTime, Utc};
use schema::ColumnSpec;
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use crate::entity::Entity;
use crate::page::{self, Cursor, Page, PageRequest};

/// A kind of report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct ReportRow {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub report: String,
    /// Its name for people.
    pub title: String,
    /// Who answers for it, as an opaque id.
    pub owner: String,
    /// Seconds from receipt of a version until its deliveries expire.
    pub deadline_s: i64,
    /// When it was made known.
    pub registered_at: DateTime<Utc>,
    /// When its profile last changed.
    pub changed_at: DateTime<Utc>,
    /// When it was retired, if it was.
    pub retired_at: Option<DateTime<Utc>>,
    /// Why.
    pub retire_reason: Option<String>,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// Last sequence of its stream: what If-Match compares.
    pub sequence: i64,
    /// The columns its data frames must have, where it declares any.
    pub columns: Option<Json<Vec<ColumnSpec>>>,
    /// Whether recipients may subscribe themselves; unknown where the program before this one wrote the row.
    pub self_service: Option<bool>,
}

impl Entity for ReportRow {
    const LOAD: &'static str = "
        select r.* from reports r
        join unnest($1::text[], $2::text[]) as wanted (tenant, report)
            on r.tenant = wanted.tenant and r.report = wanted.report";
    const STORE: &'static str = "
        insert into reports select * from jsonb_populate_recordset(null::reports, $1::jsonb)
        on conflict (tenant, report) do update
        set title = excluded.title, owner = excluded.owner, deadline_s = excluded.deadline_s,
            registered_at = excluded.registered_at, changed_at = excluded.changed_at,
            retired_at = excluded.retired_at, retire_reason = excluded.retire_reason,
            position = excluded.position, sequence = excluded.sequence,
            columns = excluded.columns, self_service = excluded.self_service";

    fn key(&self) -> String {
        format!("{}/{}", self.tenant, self.report)
    }
}

/// Which reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Only those a `Some(true)` retired, or a `Some(false)` not retired.
    pub retired: Option<bool>,
    /// Only those of this owner.
    pub owner: Option<String>,
}

impl ReportFilter {
    /// All of a tenant.
    pub fn of(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), retired: None, owner: None }
    }
}

macro_rules! page_sql {
    ($order:literal) => {
        concat!(
            "select * from read.reports
             where ($1::bigint is null or position > $1)
               and ($3::bigint is null or position < $3)
               and tenant = $6
               and ($7::boolean is null or (retired_at is not null) = $7)
               and ($8::text is null or owner = $8)
             order by position ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str = "
    select count(*) from read.reports
    where tenant = $1
      and ($2::boolean is null or (retired_at is not null) = $2)
      and ($3::text is null or owner = $3)";

const BY_IDS: &str = "select * from read.reports where tenant = $1 and report = any($2)";

/// Reports, ordered by when they were made known.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &ReportFilter,
    request: &PageRequest,
) -> Result<Page<ReportRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { page_sql!("asc") } else { page_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.retired)
        .bind(filter.owner.clone());
    page::fetch(pool, query, request, |row: &ReportRow| Cursor::at(row.position)).await
}

/// How many reports the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &ReportFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(filter.retired)
        .bind(&filter.owner)
        .fetch_one(pool)
        .await
}

/// Reports by name, in no order; unknown ones are absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    reports: &[String],
) -> Result<Vec<ReportRow>, sqlx::Error> {
    sqlx::query_as(BY_IDS).bind(tenant).bind(reports).fetch_all(pool).await
}
