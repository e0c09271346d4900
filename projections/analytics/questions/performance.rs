use super::{Filter, Question};

/// What figures are given for each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The channel.
    Channel,
    /// The report.
    Report,
    /// The hour in which deliveries closed.
    Hour,
    /// The destination.
    Destination,
}

impl By {
    const fn column(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Report => "report",
            Self::Hour => "date_trunc('hour', closed_at)",
            Self::Destination => "destination",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Report => "report",
            Self::Hour => "hour",
            Self::Destination => "destination",
        }
    }
}

/// How deliveries ended and how long they took. Percentiles are of the time from receipt of the version to the first
/// byte sent, and of the other side's time, both in microseconds, by the nearest rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPerformance {
    /// Of which deliveries; the time is when they closed.
    pub filter: Filter,
    /// One row for each of these; one in all, when empty.
    pub by: Vec<By>,
    /// So many rows at most.
    pub limit: u32,
}

/// Columns that count outcomes.
pub(super) const OUTCOMES: &str = "
    count(*) filter (where outcome = 'delivered') as delivered,
    count(*) filter (where outcome = 'accepted') as accepted,
    count(*) filter (where outcome = 'dead_lettered') as dead_lettered,
    count(*) filter (where outcome = 'cancelled') as cancelled,
    count(*) filter (where outcome = 'expired') as expired,
    count(*) filter (where outcome = 'suppressed') as suppressed";

impl From<DeliveryPerformance> for Question {
    fn from(asked: DeliveryPerformance) -> Self {
        let (mut keys, mut names, mut on) = (String::new(), String::new(), "true".to_owned());
        for by in &asked.by {
            keys.push_str(&format!("{} as {}, ", by.column(), by.name()));
            names.push_str(&format!("{}, ", by.name()));
            on.push_str(&format!(" and c.{0} = b.{0}", by.name()));
        }
        let group = if asked.by.is_empty() { "()" } else { names.trim_end_matches(", ") };
        let on_closed = Filter::on("closed_at");
        let sql = format!(
            "with c as (
                select {keys} count(*) as closed, {OUTCOMES},
                       sum(attempts)::bigint as attempts,
                       count(latency_us) as sent,
                       quantile_disc(latency_us, [0.5, 0.95, 0.99]) as latency,
                       max(latency_us) as max_us,
                       quantile_disc(elapsed_us, [0.5, 0.95, 0.99]) as elapsed,
                       min(position) as first_position, max(position) as last_position
                from deliveries where resend = 0 and {on_closed} group by {group} having count(*) > 0
            ), b as (
                select {keys} count(*) as bounced from evidence
                where kind = 'bounced' and outcome = 'accepted' and resend = 0 and {on_closed} group by {group}
            )
            select {c_names} closed, delivered, accepted, dead_lettered, cancelled, expired, suppressed,
                   coalesce(bounced, 0) as bounced, attempts, sent,
                   latency[1] as p50_us, latency[2] as p95_us, latency[3] as p99_us, max_us,
                   elapsed[1] as remote_p50_us, elapsed[2] as remote_p95_us, elapsed[3] as remote_p99_us,
                   first_position, last_position
            from c left join b on {on}
            order by {c_names} closed desc
            limit $7::bigint",
            c_names = asked.by.iter().map(|by| format!("c.{}, ", by.name())).collect::<String>(),
        );
        let mut values = asked.filter.values();
        values.push(asked.limit.into());
        Self { sql, values }
    }
}
