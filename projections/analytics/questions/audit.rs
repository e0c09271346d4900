use schema::Position;
use serde_json::Value;

use super::{Filter, Question};

/// Events, oldest first: by report, recipient, actor, kind, stream, time; paged by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditTrail {
    /// By report, recipient, channel, destination, time.
    pub filter: Filter,
    /// Caused by this actor.
    pub actor: Option<String>,
    /// Of this name, such as `DeliveryScheduled`.
    pub event_type: Option<String>,
    /// Of this stream: its id.
    pub stream: Option<String>,
    /// Behind this position.
    pub after: Position,
    /// So many at most.
    pub limit: u32,
}

impl From<AuditTrail> for Question {
    fn from(asked: AuditTrail) -> Self {
        let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
        let mut values = asked.filter.values();
        values.extend([
            text(asked.actor),
            text(asked.event_type),
            text(asked.stream),
            asked.after.0.into(),
            asked.limit.into(),
        ]);
        // Later events of a subscription do not repeat what their stream is about. They are asked apart, for which
        // streams they are of costs as much to read as all else together.
        let told = "position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, event_version,
                   actor, report, version, recipient, channel, destination";
        let narrowed = "($1::timestamp is null or recorded_at >= $1::timestamp)
              and ($2::timestamp is null or recorded_at < $2::timestamp)
              and ($4::varchar is null or channel = $4::varchar)
              and ($5::varchar is null or destination = $5::varchar)
              and ($7::varchar is null or actor = $7::varchar)
              and ($8::varchar is null or event_type = $8::varchar)
              and ($9::varchar is null or aggregate_id = $9::varchar)
              and position > $10::bigint";
        let sql = format!(
            "with subscriptions as (
                select aggregate_id, report, recipient from events where aggregate_type = 'subscription'
            )
            select {told} from (
                select {told} from events
                where aggregate_type <> 'subscription' and {narrowed}
                  and ($3::varchar is null or report = $3::varchar)
                  and ($6::varchar is null or recipient = $6::varchar)
                union all
                select {told} from events
                where aggregate_type = 'subscription' and {narrowed}
                  and ($3::varchar is null or aggregate_id in
                       (select aggregate_id from subscriptions where report = $3::varchar))
                  and ($6::varchar is null or aggregate_id in
                       (select aggregate_id from subscriptions where recipient = $6::varchar))
            )
            order by position
            limit $11::bigint"
        );
        Self { sql, values }
    }
}
