use super::{Filter, Question};

/// Where and when attempts fail alike: class × destination × hour, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureClusters {
    /// Of which attempts; the time is when they ended.
    pub filter: Filter,
    /// So many at most.
    pub limit: u32,
}

impl From<FailureClusters> for Question {
    fn from(asked: FailureClusters) -> Self {
        let ended = Filter::on("recorded_at");
        let sql = format!(
            "select fault_class, destination, date_trunc('hour', recorded_at) as hour,
                    count(*) as attempts, count(distinct delivery) as deliveries,
                    count(*) filter (where next = 'dead_lettered') as dead_lettered,
                    min(fault_code) as code, count(distinct fault_code) as codes,
                    min(position) as first_position, max(position) as last_position
             from attempts where {ended}
             group by 1, 2, 3 order by attempts desc, 1, 2, 3 limit $7::bigint"
        );
        let mut values = asked.filter.values();
        values.push(asked.limit.into());
        Self { sql, values }
    }
}
