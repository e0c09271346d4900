//! Which planned deliveries of a distribution failed and were not sent again since with a better end.

use sqlx::{FromRow, PgPool};
use uuid::Uuid;

const FAILED: &str = "
    select d.delivery, d.last_position from read.troubled t
    join read.deliveries d using (delivery)
    where t.tenant = $1 and d.tenant = $1 and d.distribution = $2 and d.resend = 0
      and (d.outcome = any($3) or ($4 and d.bounced_at is not null))
      and not exists (
          select from read.deliveries r
          where r.tenant = $1 and r.recipient = d.recipient and r.resend_of = d.delivery
            and (r.state <> 'closed'
                 or (r.outcome in ('delivered', 'accepted') and r.bounced_at is null)))
    order by d.position
    limit $5";

/// What counts as failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Whose. Always.
    pub tenant: String,
    /// Of which run.
    pub distribution: Uuid,
    /// Ends that count, by their names.
    pub outcomes: Vec<String>,
    /// Whether one that came back after it was accepted counts, too.
    pub bounced: bool,
}

/// A delivery that failed.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct FailedRow {
    /// Which.
    pub delivery: Uuid,
    /// The last event of its stream.
    pub last_position: i64,
}

/// Those that failed, in the order in which they were planned. One that a repetition of is open or got through is not
/// among them.
///
/// # Errors
/// The database's.
pub async fn failed(
    pool: &PgPool,
    which: &Failed,
    limit: i64,
) -> Result<Vec<FailedRow>, sqlx::Error> {
    sqlx::query_as(FAILED)
        .persistent(false)
        .bind(&which.tenant)
        .bind(which.distribution)
        .bind(&which.outcomes)
        .bind(which.bounced)
        .bind(limit)
        .fetch_all(pool)
        .await
}
