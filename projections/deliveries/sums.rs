//! Questions whose answer is a sum over deliveries: how fast they left, and what goes wrong.

use sqlx::{FromRow, PgPool};
use uuid::Uuid;

const LATENCY: &str = "
    select count(latency_us) as sent,
           percentile_disc(0.5) within group (order by latency_us) as p50_us,
           percentile_disc(0.95) within group (order by latency_us) as p95_us,
           percentile_disc(0.99) within group (order by latency_us) as p99_us,
           max(latency_us) as max_us
    from read.deliveries
    where tenant = $1 and distribution = any($2) and resend = 0";

const FAULTS: &str = "
    select d.outcome is null as open, d.channel, d.fault_class, d.fault_code, count(*) as deliveries
    from read.troubled t join read.deliveries d using (delivery)
    where t.tenant = $1 and d.fault_class is not null
      and ($2::uuid is null or d.distribution = $2)
    group by 1, 2, 3, 4
    order by 5 desc, 1, 2, 3, 4
    limit $3";

/// From receipt of a version to the first byte of each delivery, over whole distributions; resends are left out.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct LatencyRow {
    /// Deliveries of which something was sent.
    pub sent: i64,
    /// The median, in microseconds.
    pub p50_us: Option<i64>,
    /// 95 % were sent within, in microseconds.
    pub p95_us: Option<i64>,
    /// 99 % were sent within, in microseconds.
    pub p99_us: Option<i64>,
    /// The slowest, in microseconds.
    pub max_us: Option<i64>,
}

/// How long first sends took after receipt, over these distributions together.
///
/// # Errors
/// The database's.
pub async fn latency(
    pool: &PgPool,
    tenant: &str,
    distributions: &[Uuid],
) -> Result<LatencyRow, sqlx::Error> {
    sqlx::query_as(LATENCY).bind(tenant).bind(distributions).fetch_one(pool).await
}

/// Deliveries with trouble, grouped by what went wrong last.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct FaultRow {
    /// Whether they are still open, or ended so.
    pub open: bool,
    /// On which channel.
    pub channel: String,
    /// [`schema::FailureClass`]'s name.
    pub fault_class: String,
    /// The taxonomy's name for it.
    pub fault_code: String,
    /// How many.
    pub deliveries: i64,
}

/// What goes wrong at the moment and what ended badly, most frequent first; of one distribution, or of all.
///
/// # Errors
/// The database's.
pub async fn faults(
    pool: &PgPool,
    tenant: &str,
    distribution: Option<Uuid>,
    limit: u32,
) -> Result<Vec<FaultRow>, sqlx::Error> {
    sqlx::query_as(FAULTS)
        .persistent(false)
        .bind(tenant)
        .bind(distribution)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}
