//! The gates (SPEC §4) as live figures: each with what it counts, over what, what is left out, and whether it is met.

use projections::deliveries::gates::{self, GateSpan, LATENCY_BOUND_US, SuccessRow};
use schema::{Invalid, Timestamp};
use store::Minutes;

use crate::clock::now;
use crate::error::ApiError;
use crate::extract::instant;
use crate::state::ApiState;

/// What is looked at when nothing is said.
const DAYS: i64 = 30;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Whether a gate is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// At least the target.
    Met,
    /// Less.
    Missed,
    /// There is nothing to judge: 0 of 0 is not 100 %.
    NoData,
}

impl Verdict {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NoData => "no_data",
        }
    }

    /// `parts` of `whole` against so many millionths.
    fn of(parts: i64, whole: i64, target_ppm: i64) -> Self {
        match whole {
            ..=0 => Self::NoData,
            _ if i128::from(parts) * 1_000_000 >= i128::from(whole) * i128::from(target_ppm) => {
                Self::Met
            }
            _ => Self::Missed,
        }
    }
}

/// One gate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gate {
    pub name: &'static str,
    pub definition: &'static str,
    pub target: &'static str,
    pub numerator: i64,
    pub denominator: i64,
    /// The percentile, in milliseconds, where the gate is one.
    pub value_ms: Option<f64>,
    pub verdict: Verdict,
    /// What is not in the denominator, by class.
    pub excluded: Vec<(String, i64)>,
}

/// From `since`, 30 days ago where nothing is said, until before `until`, now.
pub(crate) fn span(
    since: Option<&str>,
    until: Option<&str>,
) -> Result<(Timestamp, Timestamp), Invalid> {
    span_of(instant("since", since)?, instant("until", until)?)
}

/// The same of instants.
pub(crate) fn span_of(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<(Timestamp, Timestamp), Invalid> {
    let until = until.unwrap_or_else(now);
    let before_us = until.unix_micros().saturating_sub(DAYS * DAY_US);
    let days_before = Timestamp::from_unix_micros(before_us);
    let since = since.unwrap_or(days_before);
    if since >= until {
        return Err(Invalid::new("since", &since.to_string(), format!("must be before {until}")));
    }
    Ok((since, until))
}

/// All gates of a tenant over the versions received in the span; availability is the installation's.
pub(crate) async fn gates_of(
    api: &ApiState,
    tenant: &str,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<Gate>, ApiError> {
    let span = GateSpan {
        tenant: tenant.to_owned(),
        since: since.to_chrono(),
        until: until.to_chrono(),
        now: now().to_chrono(),
    };
    let minutes = api.ledger.minutes(since, until).await?;
    let success = success(gates::success(&api.reads, &span).await?);
    let [p95, p99] = latency(gates::latency(&api.reads, &span).await?);
    let [answers, deadlines] =
        satisfaction(gates::said(&api.reads, &span).await?, gates::due(&api.reads, &span).await?);
    Ok(vec![success, p95, p99, answers, deadlines, availability(minutes)])
}

fn success(rows: Vec<SuccessRow>) -> Gate {
    let counted = rows.iter().filter(|row| row.excluded.is_none());
    let (good, eligible) =
        counted.fold((0, 0), |sums, row| (sums.0 + row.good, sums.1 + row.deliveries));
    let excluded = |row: SuccessRow| Some((row.excluded?, row.deliveries));
    Gate {
        name: "success",
        definition: "eligible deliveries closed as delivered or accepted by their deadline, and not come back, of \
            all eligible; resends are not counted",
        target: ">= 99.99 %",
        numerator: good,
        denominator: eligible,
        value_ms: None,
        verdict: Verdict::of(good, eligible, 999_900),
        excluded: rows.into_iter().filter_map(excluded).collect(),
    }
}

fn latency(row: gates::LatencyGateRow) -> [Gate; 2] {
    let gate = |name, definition, value_us: Option<i64>| Gate {
        name,
        definition,
        target: "< 100 ms",
        numerator: row.within,
        denominator: row.measured,
        value_ms: value_us.map(|us| us as f64 / 1_000.0),
        verdict: match value_us {
            None => Verdict::NoData,
            Some(us) if us < LATENCY_BOUND_US => Verdict::Met,
            Some(_) => Verdict::Missed,
        },
        excluded: vec![
            ("not_sent".to_owned(), row.not_sent),
            ("retried_by_rule".to_owned(), row.retried),
            ("planned_for_later".to_owned(), row.planned_later),
        ],
    };
    [
        gate(
            "latency_p95",
            "from the version's receipt, which is before it is durable, to the first byte of the first attempt: \
             95 % of deliveries left within; the count is of those within 100 ms",
            row.p95_us,
        ),
        gate("latency_p99", "the same, of 99 % of deliveries", row.p99_us),
    ]
}

fn satisfaction(said: gates::SaidRow, due: gates::DueRow) -> [Gate; 2] {
    let answers = Gate {
        name: "satisfaction_answers",
        definition: "recipients' last answers to \"on time?\" that say yes, of all deliveries answered",
        target: ">= 90 %",
        numerator: said.on_time,
        denominator: said.answered,
        value_ms: None,
        verdict: Verdict::of(said.on_time, said.answered, 900_000),
        excluded: vec![("not_answered".to_owned(), said.silent)],
    };
    let deadlines = Gate {
        name: "satisfaction_deadlines",
        definition: "deliveries closed as delivered or accepted by their own deadline, and not come back, of those \
            that ended or whose deadline has passed; resends are not counted",
        target: ">= 90 %",
        numerator: due.on_time,
        denominator: due.due,
        value_ms: None,
        verdict: Verdict::of(due.on_time, due.due, 900_000),
        excluded: vec![
            ("called_off_or_held_back".to_owned(), due.called_off),
            ("not_due".to_owned(), due.not_due),
        ],
    };
    [answers, deadlines]
}

fn availability(minutes: Minutes) -> Gate {
    Gate {
        name: "availability",
        definition: "minutes in which a node was ready whenever it looked, of all since the first on record; the \
            installation's, whatever the tenant",
        target: ">= 99.9 %",
        numerator: minutes.available,
        denominator: minutes.known,
        value_ms: None,
        verdict: Verdict::of(minutes.available, minutes.known, 999_000),
        excluded: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn nothing_of_nothing_is_no_data_and_a_target_is_met_to_the_last_one() {
        assert_eq!(Verdict::of(0, 0, 900_000), Verdict::NoData);
        assert_eq!(Verdict::of(9_999, 10_000, 999_900), Verdict::Met);
        assert_eq!(Verdict::of(9_998, 9_999, 999_900), Verdict::Missed);
        assert_eq!(Verdict::of(0, 1, 900_000), Verdict::Missed);
    }
}
