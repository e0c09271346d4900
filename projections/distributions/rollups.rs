//! Sums over the versions received within a span: considered = planned + not planned, planned = outcomes + open,
//! whatever they are cut by. Resends are left out, as they are from a distribution's sums.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

/// What sums are made for each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollupBy {
    /// All in one.
    Tenant,
    /// Each report.
    Report,
    /// Each run.
    Distribution,
    /// Each channel; pairs that were not planned have none and stand in a row of their own, [`NO_CHANNEL`].
    Channel,
}

impl RollupBy {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Tenant, Self::Report, Self::Distribution, Self::Channel];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Report => "report",
            Self::Distribution => "distribution",
            Self::Channel => "channel",
        }
    }
}

/// The key of pairs that never came to have a channel.
pub const NO_CHANNEL: &str = "none";

macro_rules! ends_sql {
    () => {
        "sum(o.scheduled)::bigint as scheduled, sum(o.delivered)::bigint as delivered,
         sum(o.accepted)::bigint as accepted, sum(o.dead_lettered)::bigint as dead_lettered,
         sum(o.cancelled)::bigint as cancelled, sum(o.expired)::bigint as expired,
         sum(o.suppressed)::bigint as suppressed, sum(o.bounced)::bigint as bounced"
    };
}

macro_rules! runs_sql {
    () => {
        "with runs as (
            select * from read.distributions
            where tenant = $1 and received_at >= $2 and received_at < $3
        )"
    };
}

macro_rules! by_sql {
    ($key:literal) => {
        concat!(
            runs_sql!(),
            ", sums as (
                select ",
            $key,
            " as key, sum(considered)::bigint as considered, sum(planned)::bigint as planned,
                  sum(not_planned)::bigint as not_planned
                from runs group by 1
            ), ends as (
                select ",
            $key,
            " as key, ",
            ends_sql!(),
            " from runs join read.distribution_outcomes o using (distribution)
                where not o.resend group by 1
            ), reasons as (
                select key, jsonb_object_agg(reason, pairs) as not_planned_by from (
                    select ",
            $key,
            " as key, e.key as reason, sum(e.value::bigint)::bigint as pairs
                    from runs, jsonb_each_text(not_planned_by) e group by 1, 2
                ) counted group by 1
            )
            select s.key, s.considered, s.planned, s.not_planned,
                   coalesce(r.not_planned_by, '{}') as not_planned_by,
                   coalesce(e.delivered, 0) as delivered, coalesce(e.accepted, 0) as accepted,
                   coalesce(e.dead_lettered, 0) as dead_lettered,
                   coalesce(e.cancelled, 0) as cancelled, coalesce(e.expired, 0) as expired,
                   coalesce(e.suppressed, 0) as suppressed, coalesce(e.bounced, 0) as bounced
            from sums s left join ends e using (key) left join reasons r using (key)
            order by s.key limit $4"
        )
    };
}

const BY_CHANNEL: &str = concat!(
    runs_sql!(),
    ", ends as (
        select o.channel as key, ",
    ends_sql!(),
    " from runs join read.distribution_outcomes o using (distribution)
        where not o.resend group by 1
    ), reasons as (
        select e.key as reason, sum(e.value::bigint)::bigint as pairs
        from runs, jsonb_each_text(not_planned_by) e group by 1
    ), sums as (
        select key, scheduled as considered, scheduled as planned, 0::bigint as not_planned,
               '{}'::jsonb as not_planned_by, delivered, accepted, dead_lettered, cancelled,
               expired, suppressed, bounced
        from ends
        union all
        select 'none', sum(pairs)::bigint, 0, sum(pairs)::bigint, jsonb_object_agg(reason, pairs),
               0, 0, 0, 0, 0, 0, 0
        from reasons having count(*) > 0
    )
    select * from sums order by key limit $4"
);

/// Sums of one key.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RollupRow {
    /// What they are of: a tenant, a report, a distribution's id, a channel.
    pub key: String,
    /// Pairs of subscription and recipient looked at.
    pub considered: i64,
    /// Pairs that led to a delivery.
    pub planned: i64,
    /// Pairs that did not.
    pub not_planned: i64,
    /// Those, by [`schema::events::NotPlannedReason`]'s name.
    pub not_planned_by: Json<BTreeMap<String, i64>>,
    /// Closed: the receiver confirmed it.
    pub delivered: i64,
    /// Closed: handed over. Bounced ones are among them.
    pub accepted: i64,
    /// Closed: given up.
    pub dead_lettered: i64,
    /// Closed: called off.
    pub cancelled: i64,
    /// Closed: too late.
    pub expired: i64,
    /// Closed: held back by a rule at the moment of sending.
    pub suppressed: i64,
    /// Of the accepted ones: came back.
    pub bounced: i64,
}

impl RollupRow {
    /// Planned deliveries that are not closed.
    #[must_use]
    pub const fn open(&self) -> i64 {
        let closed = self.delivered + self.accepted + self.dead_lettered;
        self.planned - closed - self.cancelled - self.expired - self.suppressed
    }
}

/// Sums over the versions of `tenant` received from `since` until before `until`, in the order of their keys.
///
/// # Errors
/// The database's.
pub async fn rollups(
    pool: &PgPool,
    tenant: &str,
    by: RollupBy,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    limit: u32,
) -> Result<Vec<RollupRow>, sqlx::Error> {
    let sql = match by {
        RollupBy::Tenant => by_sql!("tenant"),
        RollupBy::Report => by_sql!("report"),
        RollupBy::Distribution => by_sql!("distribution::text"),
        RollupBy::Channel => BY_CHANNEL,
    };
    sqlx::query_as(sql)
        .bind(tenant)
        .bind(since)
        .bind(until)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}
