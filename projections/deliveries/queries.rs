//! Questions about deliveries. Timeline and evidence of one are its stream in the log (`Ledger::load_streams`).

use chrono::{DateTime, Utc};
use schema::{DistributionId, ReportName, TenantId, VersionName};
use sqlx::PgPool;
use uuid::Uuid;

use super::rows::{DeliveryOutcome, DeliveryRow, DeliveryState};
use crate::page::{self, Cursor, Page, PageQuery, PageRequest};

/// Which deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Only of this run. Cheaper than a report's name.
    pub distribution: Option<Uuid>,
    /// Only of this report. With `version`, as cheap as `distribution`.
    pub report: Option<String>,
    /// Only of the version of this name.
    pub version: Option<String>,
    /// Only to this recipient.
    pub recipient: Option<String>,
    /// Only because of this subscription.
    pub subscription: Option<String>,
    /// Only on this channel.
    pub channel: Option<String>,
    /// Only to this destination.
    pub destination: Option<String>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those not closed, or only those closed.
    pub open: Option<bool>,
    /// Only those that ended so.
    pub outcome: Option<DeliveryOutcome>,
    /// Only those whose last failure or doubt was of this class.
    pub fault_class: Option<String>,
    /// Only those that came back after they were accepted, or only others.
    pub bounced: Option<bool>,
    /// Only resends, or only planned ones.
    pub resends: Option<bool>,
    /// Their version was received at or after.
    pub received_from: Option<DateTime<Utc>>,
    /// Their version was received before.
    pub received_until: Option<DateTime<Utc>>,
}

impl DeliveryFilter {
    /// All of a tenant.
    pub fn of(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            distribution: None,
            report: None,
            version: None,
            recipient: None,
            subscription: None,
            channel: None,
            destination: None,
            state: None,
            open: None,
            outcome: None,
            fault_class: None,
            bounced: None,
            resends: None,
            received_from: None,
            received_until: None,
        }
    }

    /// The run asked for, by its id or by report and version. Names that cannot be names lead to no run.
    fn run(&self) -> Option<Uuid> {
        if self.distribution.is_some() {
            return self.distribution;
        }
        let (report, version) = (self.report.as_ref()?, self.version.as_ref()?);
        let tenant = TenantId::try_new(&self.tenant).ok()?;
        let report = ReportName::try_new(report).ok()?;
        let version = VersionName::try_new(version).ok()?;
        Some(DistributionId::of(&tenant, &report, &version).as_uuid())
    }

    /// Whether only deliveries with trouble can be meant: they are listed apart.
    fn means_troubled(&self) -> bool {
        use DeliveryOutcome as O;
        use DeliveryState as S;
        let state = matches!(self.state, Some(S::Retrying | S::InDoubt | S::Held));
        let outcome = matches!(
            self.outcome,
            Some(O::DeadLettered | O::Cancelled | O::Expired | O::Suppressed)
        );
        state || outcome || self.bounced == Some(true)
    }
}

/// By what deliveries are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliverySort {
    /// As they were planned.
    #[default]
    Position,
    /// By when their version was received. Sorts all that the filter lets through: give it a run or a recipient.
    ReceivedAt,
    /// By when they ended; open ones are left out. Sorts all that the filter lets through: give it a run or a
    /// recipient.
    ClosedAt,
}

macro_rules! filter_sql {
    () => {
        " and ($7::uuid is null or d.distribution = $7)
          and ($8::text is null or d.report = $8)
          and ($9::text is null or d.version = $9)
          and ($10::text is null or d.recipient = $10)
          and ($11::text is null or d.subscription = $11)
          and ($12::text is null or d.channel = $12)
          and ($13::text is null or d.destination = $13)
          and ($14::text is null or d.state = $14)
          and ($15::boolean is null or (d.outcome is null) = $15)
          and ($16::text is null or d.outcome = $16)
          and ($17::text is null or d.fault_class = $17)
          and ($18::boolean is null or (d.bounced_at is not null) = $18)
          and ($19::boolean is null or (d.resend > 0) = $19)
          and ($20::timestamptz is null or d.received_at >= $20)
          and ($21::timestamptz is null or d.received_at < $21)"
    };
}

// `$of` is the table that names tenant and position: `d`, or `t` for those with trouble.
macro_rules! page_sql {
    ($from:literal, $of:literal, $key:literal, $kind:literal, $order:literal) => {
        concat!(
            "select d.* from ",
            $from,
            " where ($1::",
            $kind,
            " is null or (",
            $key,
            ", ",
            $of,
            ".position) > ($1, $2))
                and ($3::",
            $kind,
            " is null or (",
            $key,
            ", ",
            $of,
            ".position) < ($3, $4))
                and ",
            $of,
            ".tenant = $6",
            filter_sql!(),
            " and ",
            $key,
            " is not null
              order by ",
            $key,
            " ",
            $order,
            ", ",
            $of,
            ".position ",
            $order,
            " limit $5"
        )
    };
}

macro_rules! all_sql {
    ($key:literal, $kind:literal, $order:literal) => {
        page_sql!("read.deliveries d", "d", $key, $kind, $order)
    };
}

macro_rules! troubled_sql {
    ($key:literal, $kind:literal, $order:literal) => {
        page_sql!(
            "read.troubled t join read.deliveries d using (delivery)",
            "t",
            $key,
            $kind,
            $order
        )
    };
}

macro_rules! count_sql {
    ($from:literal, $of:literal) => {
        concat!(
            "select count(*) from ",
            $from,
            " where coalesce($1, $2, $3, $4, $5) is null and ",
            $of,
            ".tenant = $6",
            filter_sql!()
        )
    };
}

const BY_IDS: &str = "select * from read.deliveries where tenant = $1 and delivery = any($2)";

/// Deliveries in the order asked for.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &DeliveryFilter,
    sort: DeliverySort,
    request: &PageRequest,
) -> Result<Page<DeliveryRow>, sqlx::Error> {
    let query = if filter.means_troubled() {
        troubled_query(sort, request)
    } else {
        all_query(sort, request)
    };
    page::fetch(pool, bound(query, filter), request, |row| cursor(row, sort)).await
}

fn all_query(sort: DeliverySort, request: &PageRequest) -> PageQuery<DeliveryRow> {
    use DeliverySort as By;
    match (sort, request.reads_upwards()) {
        (By::Position, true) => page::by_number(all_sql!("d.position", "bigint", "asc"), request),
        (By::Position, false) => page::by_number(all_sql!("d.position", "bigint", "desc"), request),
        (By::ReceivedAt, true) => {
            page::by_time(all_sql!("d.received_at", "timestamptz", "asc"), request)
        }
        (By::ReceivedAt, false) => {
            page::by_time(all_sql!("d.received_at", "timestamptz", "desc"), request)
        }
        (By::ClosedAt, true) => {
            page::by_time(all_sql!("d.closed_at", "timestamptz", "asc"), request)
        }
        (By::ClosedAt, false) => {
            page::by_time(all_sql!("d.closed_at", "timestamptz", "desc"), request)
        }
    }
}

fn troubled_query(sort: DeliverySort, request: &PageRequest) -> PageQuery<DeliveryRow> {
    use DeliverySort as By;
    match (sort, request.reads_upwards()) {
        (By::Position, true) => {
            page::by_number(troubled_sql!("t.position", "bigint", "asc"), request)
        }
        (By::Position, false) => {
            page::by_number(troubled_sql!("t.position", "bigint", "desc"), request)
        }
        (By::ReceivedAt, true) => {
            page::by_time(troubled_sql!("d.received_at", "timestamptz", "asc"), request)
        }
        (By::ReceivedAt, false) => {
            page::by_time(troubled_sql!("d.received_at", "timestamptz", "desc"), request)
        }
        (By::ClosedAt, true) => {
            page::by_time(troubled_sql!("d.closed_at", "timestamptz", "asc"), request)
        }
        (By::ClosedAt, false) => {
            page::by_time(troubled_sql!("d.closed_at", "timestamptz", "desc"), request)
        }
    }
}

fn bound<R>(query: PageQuery<R>, filter: &DeliveryFilter) -> PageQuery<R> {
    query
        .bind(filter.tenant.clone())
        .bind(filter.run())
        .bind(filter.report.clone())
        .bind(filter.version.clone())
        .bind(filter.recipient.clone())
        .bind(filter.subscription.clone())
        .bind(filter.channel.clone())
        .bind(filter.destination.clone())
        .bind(filter.state.map(DeliveryState::as_str))
        .bind(filter.open)
        .bind(filter.outcome.map(DeliveryOutcome::as_str))
        .bind(filter.fault_class.clone())
        .bind(filter.bounced)
        .bind(filter.resends)
        .bind(filter.received_from)
        .bind(filter.received_until)
}

fn cursor(row: &DeliveryRow, sort: DeliverySort) -> Cursor {
    match sort {
        DeliverySort::Position => Cursor::at(row.position),
        DeliverySort::ReceivedAt => Cursor::of_time(row.received_at, row.position),
        DeliverySort::ClosedAt => Cursor::of_time(row.closed_at.unwrap_or_default(), row.position),
    }
}

/// How many deliveries the filter lets through, whatever the order. Reads them all: a run's id or a recipient keeps it
/// quick.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &DeliveryFilter) -> Result<i64, sqlx::Error> {
    let sql = if filter.means_troubled() {
        count_sql!("read.troubled t join read.deliveries d using (delivery)", "t")
    } else {
        count_sql!("read.deliveries d", "d")
    };
    // Bounds and limit come first in a page's arguments; here there are none.
    let nothing: Option<i64> = None;
    let query: PageQuery<(i64,)> = sqlx::query_as(sql)
        .persistent(false)
        .bind(nothing)
        .bind(nothing)
        .bind(nothing)
        .bind(nothing)
        .bind(nothing);
    let (count,) = bound(query, filter).fetch_one(pool).await?;
    Ok(count)
}

/// Deliveries by id, in no order; unknown ones and those of other tenants are absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    deliveries: &[Uuid],
) -> Result<Vec<DeliveryRow>, sqlx::Error> {
    sqlx::query_as(BY_IDS).bind(tenant).bind(deliveries).fetch_all(pool).await
}
