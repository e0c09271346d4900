use schema::Timestamp;
use serde_json::Value;

/// What a question is narrowed to; absent parts narrow nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Of this report.
    pub report: Option<String>,
    /// On this channel.
    pub channel: Option<String>,
    /// To this destination, a pseudonym.
    pub destination: Option<String>,
    /// To this recipient, a pseudonym.
    pub recipient: Option<String>,
}

impl Filter {
    /// Values for `$1` to `$6`, as [`Filter::on`] names them.
    pub(super) fn values(&self) -> Vec<Value> {
        let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| written(at).into());
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::from);
        vec![
            time(self.from),
            time(self.to),
            text(&self.report),
            text(&self.channel),
            text(&self.destination),
            text(&self.recipient),
        ]
    }

    /// The condition on rows whose time is in this column.
    pub(super) fn on(time: &str) -> String {
        format!(
            "($1::timestamp is null or {time} >= $1::timestamp) \
             and ($2::timestamp is null or {time} < $2::timestamp) \
             and ($3::varchar is null or report = $3::varchar) \
             and ($4::varchar is null or channel = $4::varchar) \
             and ($5::varchar is null or destination = $5::varchar) \
             and ($6::varchar is null or recipient = $6::varchar)"
        )
    }
}

/// An instant as SQL reads it: UTC, without zone.
pub(super) fn written(at: Timestamp) -> String {
    at.to_chrono().format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}
