//! Who was served with a version, and whether what corrects it has reached them since.

use chrono::{DateTime, Utc};
use schema::{DistributionId, ReportName, TenantId, VersionName};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::rows::DeliveryOutcome;
use crate::distributions::{DistributionRow, queries};
use crate::page::{self, Cursor, Page, PageRequest};

/// So many corrections of corrections are followed.
const MAX_CORRECTIONS: usize = 100;

// Of what corrects it, the recipient's delivery that got through first, else one that is still open.
macro_rules! served_sql {
    () => {
        " from read.deliveries d
         left join lateral (
             select r.version, r.delivery, r.closed_at from read.deliveries r
             where r.tenant = d.tenant and r.recipient = d.recipient
               and r.distribution = any($8)
               and (r.state <> 'closed'
                    or (r.outcome in ('delivered', 'accepted') and r.bounced_at is null))
             order by r.closed_at nulls last, r.position limit 1
         ) c on true
         where d.tenant = $6 and d.distribution = $7
           and d.outcome in ('delivered', 'accepted')
           and ($9::boolean is null or (c.closed_at is not null) = $9)
           and ($1::bigint is null or d.position > $1)
           and ($3::bigint is null or d.position < $3)"
    };
}

macro_rules! page_sql {
    ($order:literal) => {
        concat!(
            "select d.delivery, d.recipient, d.channel, d.outcome, d.resend_of,
                    d.closed_at as served_at, d.bounced_at, d.position, c.version as correction,
                    c.delivery as correction_delivery, c.closed_at as corrected_at",
            served_sql!(),
            " order by d.position ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str = concat!("select count(*)", served_sql!());

/// Which of those that were served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedFilter {
    /// Whose. Always.
    pub tenant: String,
    /// With which run. Always.
    pub distribution: Uuid,
    /// What corrects it, from [`corrections_of`].
    pub corrections: Vec<Uuid>,
    /// Only those that a correction has reached, or only others.
    pub reached: Option<bool>,
}

/// A delivery that got through: delivered or accepted.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ServedRow {
    /// Which.
    pub delivery: Uuid,
    /// To whom.
    pub recipient: String,
    /// On which channel.
    pub channel: String,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// The delivery it repeats.
    pub resend_of: Option<Uuid>,
    /// When it got through.
    pub served_at: DateTime<Utc>,
    /// When it came back all the same.
    pub bounced_at: Option<DateTime<Utc>>,
    /// By which event it was planned.
    pub position: i64,
    /// The version that corrects it for this recipient: reached or still on its way.
    pub correction: Option<String>,
    /// By which delivery, on whatever channel.
    pub correction_delivery: Option<Uuid>,
    /// When that one got through; none while it is on its way.
    pub corrected_at: Option<DateTime<Utc>>,
}

/// The run of what corrects a version, of what corrects that one, and so on.
///
/// # Errors
/// The database's.
pub async fn corrections_of(
    pool: &PgPool,
    version: &DistributionRow,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut corrections = Vec::new();
    let mut next = corrected_by(version);
    while let Some(id) = next
        && corrections.len() < MAX_CORRECTIONS
    {
        corrections.push(id);
        let found = queries::by_ids(pool, &version.tenant, &[id]).await?;
        next = found.first().and_then(corrected_by);
    }
    Ok(corrections)
}

fn corrected_by(version: &DistributionRow) -> Option<Uuid> {
    let by = VersionName::try_new(version.corrected_by.as_ref()?).ok()?;
    let tenant = TenantId::try_new(&version.tenant).ok()?;
    let report = ReportName::try_new(&version.report).ok()?;
    Some(DistributionId::of(&tenant, &report, &by).as_uuid())
}

/// Those that were served, in the order in which they were planned.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &ServedFilter,
    request: &PageRequest,
) -> Result<Page<ServedRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { page_sql!("asc") } else { page_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.distribution)
        .bind(filter.corrections.clone())
        .bind(filter.reached);
    page::fetch(pool, query, request, |row: &ServedRow| Cursor::at(row.position)).await
}

/// How many were served, as filtered.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &ServedFilter) -> Result<i64, sqlx::Error> {
    // Bounds and limit come first in a page's arguments; here there are none.
    let nothing: Option<i64> = None;
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(nothing)
        .bind(nothing)
        .bind(nothing)
        .bind(nothing)
        .bind(nothing)
        .bind(&filter.tenant)
        .bind(filter.distribution)
        .bind(&filter.corrections)
        .bind(filter.reached)
        .fetch_one(pool)
        .await
}
