use super::{Filter, Question};

/// Hour of day × day of week (1 is Monday, ISO 8601), in UTC, by when versions came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Of which deliveries; the time is when they closed.
    pub filter: Filter,
}

impl From<Patterns> for Question {
    fn from(asked: Patterns) -> Self {
        let closed = Filter::on("closed_at");
        let sql = format!(
            "select isodow(received_at) as weekday, hour(received_at) as hour, count(*) as closed,
                    count(*) filter (where outcome in ('delivered', 'accepted')) as succeeded,
                    count(*) filter (where attempts > 1) as retried,
                    quantile_disc(latency_us, 0.5) as p50_us, quantile_disc(latency_us, 0.99) as p99_us
             from deliveries where resend = 0 and {closed}
             group by 1, 2 order by 1, 2"
        );
        Self { sql, values: asked.filter.values() }
    }
}
