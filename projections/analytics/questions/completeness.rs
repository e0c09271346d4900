use serde_json::Value;

use schema::events::NotPlannedReason;

use super::Question;
use super::performance::OUTCOMES;

/// The sums of each distribution: considered = planned + not planned, planned = sum over outcomes + open. `closes` says
/// that they hold and nothing is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Of this report.
    pub report: Option<String>,
    /// Of this version.
    pub version: Option<String>,
    /// Only those that do not close.
    pub unclosed_only: bool,
    /// So many at most, the newest first.
    pub limit: u32,
}

impl From<Completeness> for Question {
    fn from(asked: Completeness) -> Self {
        let reasons = NotPlannedReason::ALL.map(NotPlannedReason::as_str);
        let sums = reasons.map(|name| format!("sum(not_{name})::bigint as not_{name}")).join(", ");
        let names = reasons.map(|name| format!("not_{name}")).join(", ");
        let all = reasons.map(|name| format!("not_{name}")).join(" + ");
        let sql = format!(
            "with plans as (
                select distribution, report, version, sum(considered)::bigint as considered,
                       sum(planned)::bigint as planned, {sums}, max(is_last) = 1 as is_planned,
                       min(position) as position
                from slices
                where ($1::varchar is null or report = $1::varchar) and ($2::varchar is null or version = $2::varchar)
                group by distribution, report, version
            ), ends as (
                select distribution, count(*) as closed, {OUTCOMES} from deliveries
                where resend = 0 and ($1::varchar is null or report = $1::varchar)
                  and ($2::varchar is null or version = $2::varchar)
                group by distribution
            ), summed as (
                select distribution, report, version, is_planned, considered, planned, {names},
                       {all} as not_planned, coalesce(delivered, 0) as delivered, coalesce(accepted, 0) as accepted,
                       coalesce(dead_lettered, 0) as dead_lettered, coalesce(cancelled, 0) as cancelled,
                       coalesce(expired, 0) as expired, coalesce(suppressed, 0) as suppressed,
                       planned - coalesce(closed, 0) as open, position
                from plans left join ends using (distribution)
            )
            select *, is_planned and open = 0 and considered = planned + not_planned as closes from summed
            where not $3::boolean or not (is_planned and open = 0 and considered = planned + not_planned)
            order by position desc limit $4::bigint"
        );
        let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
        let (report, version) = (text(asked.report), text(asked.version));
        Self { sql, values: vec![report, version, asked.unclosed_only.into(), asked.limit.into()] }
    }
}
