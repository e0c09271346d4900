//! The figures behind the gates: how many got through in time, how fast they left, what recipients say of it. Of the
//! versions that came in within a span; nothing is told of what is not counted without its class.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

/// First attempts are to leave within this time, in microseconds.
pub const LATENCY_BOUND_US: i64 = 100_000;

macro_rules! span_sql {
    () => {
        "from read.distributions r join read.deliveries d using (distribution)
         where r.tenant = $1 and d.tenant = $1 and r.received_at >= $2 and r.received_at < $3"
    };
}

const SUCCESS: &str = concat!(
    "with judged as (
        select case
                   when d.outcome in ('suppressed', 'cancelled') then d.outcome || ':' || d.reason
                   when d.fault_class = 'recipient_permanent'
                       and (d.outcome = 'dead_lettered' or d.bounced_at is not null)
                       then 'hard_invalid'
                   when d.outcome is null and d.deadline > $4 then 'not_due'
               end as excluded,
               coalesce(d.outcome in ('delivered', 'accepted') and d.closed_at <= d.deadline
                   and d.bounced_at is null, false) as good ",
    span_sql!(),
    " and d.resend = 0
    )
    select excluded, count(*) as deliveries, count(*) filter (where good) as good
    from judged group by 1 order by 1 nulls first"
);

const NOT_PLANNED: &str = "
    select 'not_planned:' || e.key as excluded, sum(e.value::bigint)::bigint as deliveries,
           0::bigint as good
    from read.distributions r, jsonb_each_text(r.not_planned_by) e
    where r.tenant = $1 and r.received_at >= $2 and r.received_at < $3
    group by 1 order by 1";

const LATENCY: &str = concat!(
    "select count(*) filter (where d.first_sent_at is null) as not_sent,
            count(*) filter (where d.left_by > 0) as retried,
            count(*) filter (where d.left_by = 0 and d.first_sent_at is not null) as planned_later,
            count(*) filter (where d.left_by is null and d.latency_us is not null) as measured,
            count(*) filter (where d.left_by is null and d.latency_us < $4) as within,
            percentile_disc(0.95) within group (order by d.latency_us)
                filter (where d.left_by is null) as p95_us,
            percentile_disc(0.99) within group (order by d.latency_us)
                filter (where d.left_by is null) as p99_us ",
    span_sql!(),
    " and d.resend = 0"
);

const SAID: &str = concat!(
    "select count(*) filter (where d.answer = 'on_time') as on_time, count(d.answer) as answered,
            count(*) filter (where d.answer is null and d.outcome in ('delivered', 'accepted'))
                as silent ",
    span_sql!()
);

const DUE: &str = concat!(
    "with due as (
        select d.outcome in ('delivered', 'accepted') and d.closed_at <= d.deadline
                   and d.bounced_at is null as good,
               d.outcome in ('suppressed', 'cancelled') as called_off,
               d.outcome is null and d.deadline > $4 as not_due ",
    span_sql!(),
    " and d.resend = 0
    )
    select count(*) filter (where good) as on_time,
           count(*) filter (where called_off is not true and not not_due) as due,
           count(*) filter (where called_off) as called_off,
           count(*) filter (where not_due) as not_due
    from due"
);

/// Deliveries of one class; those that count have none.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct SuccessRow {
    /// Why they are left out: `suppressed:…` and `cancelled:…` with the event's reason, `hard_invalid`, `not_due`, or
    /// `not_planned:…` with the decision's.
    pub excluded: Option<String>,
    /// How many.
    pub deliveries: i64,
    /// Of them got through before their deadline and did not come back.
    pub good: i64,
}

/// From receipt of the version to the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct LatencyGateRow {
    /// Nothing of them ever left.
    pub not_sent: i64,
    /// Their first attempt did not leave: a rule made a later one of it.
    pub retried: i64,
    /// Sent, and not meant to leave at once: their subscription says when.
    pub planned_later: i64,
    /// What is left.
    pub measured: i64,
    /// Of these within [`LATENCY_BOUND_US`].
    pub within: i64,
    /// 95 % left within, in microseconds.
    pub p95_us: Option<i64>,
    /// 99 % left within, in microseconds.
    pub p99_us: Option<i64>,
}

/// What recipients say; resends count, too, since people are asked of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct SaidRow {
    /// Came on time.
    pub on_time: i64,
    /// Answers.
    pub answered: i64,
    /// Got through, and nothing was said.
    pub silent: i64,
}

/// Deliveries against the deadlines of their subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct DueRow {
    /// Got through before it.
    pub on_time: i64,
    /// Ended, or should have.
    pub due: i64,
    /// Held back or called off.
    pub called_off: i64,
    /// Still have time.
    pub not_due: i64,
}

/// Whose versions, received when (`until` exclusive), looked at when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateSpan {
    /// Whose.
    pub tenant: String,
    /// Received at or after.
    pub since: DateTime<Utc>,
    /// Received before.
    pub until: DateTime<Utc>,
    /// Deadlines later than this are still to come.
    pub now: DateTime<Utc>,
}

/// Deliveries by why they do not count, pairs that were never planned among them.
///
/// # Errors
/// The database's.
pub async fn success(pool: &PgPool, span: &GateSpan) -> Result<Vec<SuccessRow>, sqlx::Error> {
    let mut rows: Vec<SuccessRow> = sqlx::query_as(SUCCESS)
        .bind(&span.tenant)
        .bind(span.since)
        .bind(span.until)
        .bind(span.now)
        .fetch_all(pool)
        .await?;
    let not_planned: Vec<SuccessRow> = sqlx::query_as(NOT_PLANNED)
        .bind(&span.tenant)
        .bind(span.since)
        .bind(span.until)
        .fetch_all(pool)
        .await?;
    rows.extend(not_planned);
    Ok(rows)
}

/// How fast planned deliveries first left.
///
/// # Errors
/// The database's.
pub async fn latency(pool: &PgPool, span: &GateSpan) -> Result<LatencyGateRow, sqlx::Error> {
    sqlx::query_as(LATENCY)
        .bind(&span.tenant)
        .bind(span.since)
        .bind(span.until)
        .bind(LATENCY_BOUND_US)
        .fetch_one(pool)
        .await
}

/// What recipients answered.
///
/// # Errors
/// The database's.
pub async fn said(pool: &PgPool, span: &GateSpan) -> Result<SaidRow, sqlx::Error> {
    sqlx::query_as(SAID).bind(&span.tenant).bind(span.since).bind(span.until).fetch_one(pool).await
}

/// How many kept their deadlines.
///
/// # Errors
/// The database's.
pub async fn due(pool: &PgPool, span: &GateSpan) -> Result<DueRow, sqlx::Error> {
    sqlx::query_as(DUE)
        .bind(&span.tenant)
        .bind(span.since)
        .bind(span.until)
        .bind(span.now)
        .fetch_one(pool)
        .await
}
