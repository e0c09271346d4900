use schema::Position;
use serde_json::Value;

use super::{Filter, Question};

/// The closed deliveries behind a number, with the events that planned and closed them; paged by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryList {
    /// Of which deliveries; the time is when they closed.
    pub filter: Filter,
    /// Only of this outcome.
    pub outcome: Option<String>,
    /// Only of this distribution.
    pub distribution: Option<String>,
    /// Behind this position.
    pub after: Position,
    /// So many at most.
    pub limit: u32,
}

impl From<DeliveryList> for Question {
    fn from(asked: DeliveryList) -> Self {
        let closed = Filter::on("closed_at");
        let sql = format!(
            "select delivery, distribution, report, version, recipient, channel, destination, subscription,
                    subscription_version, grant_id, outcome, reason, attempts, doubts, fault_class, fault_code,
                    received_at, first_sent_at, closed_at, latency_us, scheduled_position, position
             from deliveries
             where resend = 0 and {closed} and ($7::varchar is null or outcome = $7::varchar)
               and ($8::varchar is null or distribution = $8::varchar) and position > $9::bigint
             order by position limit $10::bigint"
        );
        let mut values = asked.filter.values();
        let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
        values.extend([text(asked.outcome), text(asked.distribution)]);
        values.extend([asked.after.0.into(), asked.limit.into()]);
        Self { sql, values }
    }
}

/// The failed and doubtful attempts behind a number, with their events; paged by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureList {
    /// Of which attempts; the time is when they ended.
    pub filter: Filter,
    /// Only of this class.
    pub class: Option<String>,
    /// Behind this position.
    pub after: Position,
    /// So many at most.
    pub limit: u32,
}

impl From<FailureList> for Question {
    fn from(asked: FailureList) -> Self {
        let ended = Filter::on("recorded_at");
        let sql = format!(
            "select delivery, distribution, report, version, recipient, channel, destination, attempt, result,
                    fault_class, fault_code, next, sent_at, elapsed_us, recorded_at, position
             from attempts
             where {ended} and ($7::varchar is null or fault_class = $7::varchar) and position > $8::bigint
             order by position limit $9::bigint"
        );
        let mut values = asked.filter.values();
        values.push(asked.class.map_or(Value::Null, Value::from));
        values.extend([asked.after.0.into(), asked.limit.into()]);
        Self { sql, values }
    }
}
