//! Ended attempts per tenant, channel, destination and minute: how a channel does, and how fast the other side answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schema::FailureClass;
use schema::events::AttemptOutcome;
use sqlx::{FromRow, PgConnection, PgPool};

/// Upper bounds of the buckets of answer times, in milliseconds; what takes longer is in the last.
pub const BUCKETS_MS: [u64; 6] = [10, 50, 100, 500, 1_000, 5_000];

/// Name of the result of attempts that worked.
const SUCCEEDED: &str = "succeeded";

const ADD: &str = "
    insert into channel_health as h (tenant, channel, destination, minute, result, attempts,
        elapsed_us, le_10, le_50, le_100, le_500, le_1000, le_5000, le_inf)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bigint[])
    on conflict (tenant, channel, destination, minute, result) do update
    set attempts = h.attempts + excluded.attempts, elapsed_us = h.elapsed_us + excluded.elapsed_us,
        le_10 = h.le_10 + excluded.le_10, le_50 = h.le_50 + excluded.le_50,
        le_100 = h.le_100 + excluded.le_100, le_500 = h.le_500 + excluded.le_500,
        le_1000 = h.le_1000 + excluded.le_1000, le_5000 = h.le_5000 + excluded.le_5000,
        le_inf = h.le_inf + excluded.le_inf";

const SUMS: &str = "
    select channel, destination, date_bin($6 * interval '1 minute', minute, 'epoch') as since,
           result, sum(attempts)::bigint as attempts, sum(elapsed_us)::bigint as elapsed_us,
           array[sum(le_10), sum(le_50), sum(le_100), sum(le_500), sum(le_1000), sum(le_5000),
                 sum(le_inf)]::bigint[] as answered
    from read.channel_health
    where tenant = $1 and minute >= $2 and minute < $3
      and ($4::text is null or channel = $4)
      and ($5::text is null or destination = $5)
    group by 1, 2, 3, 4
    order by 3, 1, 2, 4
    limit $7";

/// What a batch adds to one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    attempts: i64,
    elapsed_us: i64,
    answered: [i64; 7],
}

impl Health {
    /// `succeeded`, `in_doubt` or the class of the failure.
    pub(super) const fn result(outcome: &AttemptOutcome) -> &'static str {
        match outcome {
            AttemptOutcome::Succeeded { .. } => SUCCEEDED,
            AttemptOutcome::Failed { fault, .. } => fault.class.as_str(),
            AttemptOutcome::InDoubt { .. } => FailureClass::InDoubt.as_str(),
        }
    }

    pub(super) fn count(&mut self, elapsed_us: Option<u64>) {
        self.attempts += 1;
        let Some(elapsed) = elapsed_us else { return };
        self.elapsed_us += i64::try_from(elapsed).unwrap_or(i64::MAX);
        let bucket = BUCKETS_MS.iter().position(|limit| elapsed <= limit * 1_000);
        self.answered[bucket.unwrap_or(BUCKETS_MS.len())] += 1;
    }
}

/// Adds what a batch counted, all in one statement.
pub(super) async fn add(
    conn: &mut PgConnection,
    counts: &BTreeMap<(String, String, String, i64, &'static str), Health>,
) -> Result<(), sqlx::Error> {
    if counts.is_empty() {
        return Ok(());
    }
    let minute = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap_or_default();
    let mut query = sqlx::query(ADD)
        .bind(counts.keys().map(|key| key.0.as_str()).collect::<Vec<&str>>())
        .bind(counts.keys().map(|key| key.1.as_str()).collect::<Vec<&str>>())
        .bind(counts.keys().map(|key| key.2.as_str()).collect::<Vec<&str>>())
        .bind(counts.keys().map(|key| minute(key.3)).collect::<Vec<DateTime<Utc>>>())
        .bind(counts.keys().map(|key| key.4).collect::<Vec<&str>>())
        .bind(counts.values().map(|row| row.attempts).collect::<Vec<i64>>())
        .bind(counts.values().map(|row| row.elapsed_us).collect::<Vec<i64>>());
    for bucket in 0..=BUCKETS_MS.len() {
        query = query.bind(counts.values().map(|row| row.answered[bucket]).collect::<Vec<i64>>());
    }
    query.execute(conn).await?;
    Ok(())
}

/// Which ended attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthFilter {
    /// Whose. Always.
    pub tenant: String,
    /// Ended in this minute or later.
    pub from: DateTime<Utc>,
    /// Ended before this minute.
    pub until: DateTime<Utc>,
    /// Only on this channel.
    pub channel: Option<String>,
    /// Only to this destination.
    pub destination: Option<String>,
    /// Minutes added up into one row, at least 1; counted from 1970.
    pub every_minutes: u32,
}

/// Attempts of one result to one destination in one span of time.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct HealthRow {
    /// On which channel.
    pub channel: String,
    /// Where sends end up.
    pub destination: String,
    /// When the span begins.
    pub since: DateTime<Utc>,
    /// `succeeded`, `in_doubt`, or [`FailureClass`]'s name.
    pub result: String,
    /// Attempts.
    pub attempts: i64,
    /// Time until the answer, summed, in microseconds.
    pub elapsed_us: i64,
    /// Attempts by time until the answer: up to each of [`BUCKETS_MS`], then the rest. Those that sent nothing are in
    /// none.
    pub answered: Vec<i64>,
}

impl HealthRow {
    /// Whether these attempts worked.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.result == SUCCEEDED
    }
}

/// Ended attempts by span of time, channel, destination and result, at most `limit` rows, oldest first.
///
/// # Errors
/// The database's.
pub async fn health(
    pool: &PgPool,
    filter: &HealthFilter,
    limit: u32,
) -> Result<Vec<HealthRow>, sqlx::Error> {
    sqlx::query_as(SUMS)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(filter.from)
        .bind(filter.until)
        .bind(&filter.channel)
        .bind(&filter.destination)
        .bind(f64::from(filter.every_minutes.max(1)))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}
