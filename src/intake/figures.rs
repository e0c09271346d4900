//! What intake counts and measures. Labels are names out of fixed sets: never a tenant, a report or a topic.

use std::time::Instant;

use metrics::{counter, gauge, histogram};

use crate::{ReceiveError, Received};

/// Versions that came in, by result.
const REPORTS_TOTAL: &str = "waybill_reports_total";
/// From a version's arrival, files stored, to its durable answer, by result.
const RECEIVE_SECONDS: &str = "waybill_receive_seconds";
/// Pairs of subscription and recipient that were looked at.
const CONSIDERED_TOTAL: &str = "waybill_pairs_considered_total";
/// Deliveries planned.
const PLANNED_TOTAL: &str = "waybill_deliveries_planned_total";
/// Attempts recorded as started together with their plan.
const STARTED_TOTAL: &str = "waybill_deliveries_started_at_once_total";
/// Plans of more than one slice being worked on.
const PLANNING: &str = "waybill_distributions_planning";
/// Messages read from Kafka, by what became of them.
const MESSAGES_TOTAL: &str = "waybill_kafka_messages_total";
/// Messages read from Kafka and not answered yet.
const MESSAGES_UNDER_WAY: &str = "waybill_kafka_messages_under_way";

/// Measures one receive.
pub(crate) struct Timer(Instant);

impl Timer {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn received(&self, result: &Result<Received, ReceiveError>) {
        let name = match result {
            Ok(Received { repeated: true, .. }) => "repeated",
            Ok(_) => "received",
            Err(error) => error.reason(),
        };
        counter!(REPORTS_TOTAL, "result" => name).increment(1);
        let kind = if result.is_ok() { "taken" } else { "not_taken" };
        histogram!(RECEIVE_SECONDS, "result" => kind).record(self.0.elapsed().as_secs_f64());
    }
}

/// A slice was appended.
pub(crate) fn planned(considered: u64, planned: u64, started: usize) {
    counter!(CONSIDERED_TOTAL).increment(considered);
    counter!(PLANNED_TOTAL).increment(planned);
    counter!(STARTED_TOTAL).increment(started as u64);
}

pub(crate) fn planning(plans: usize) {
    gauge!(PLANNING).set(plans as f64);
}

pub(crate) fn message(result: &'static str) {
    counter!(MESSAGES_TOTAL, "result" => result).increment(1);
}

pub(crate) fn messages_under_way(messages: usize) {
    gauge!(MESSAGES_UNDER_WAY).set(messages as f64);
}
