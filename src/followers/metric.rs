//! What followers tell of themselves. The only label is the follower's name: as many as there are.

use std::time::Duration;

use schema::Position;

pub(crate) fn applied(follower: &str, events: usize, took: Duration) {
    let label = [("follower", follower.to_owned())];
    metrics::counter!("waybill_follower_events_total", &label).increment(events as u64);
    metrics::histogram!("waybill_follower_batch_seconds", &label).record(took.as_secs_f64());
}

pub(crate) fn reached(follower: &str, position: Position, head: Position, behind: Duration) {
    let label = [("follower", follower.to_owned())];
    metrics::gauge!("waybill_follower_position", &label).set(position.0 as f64);
    let lag = head.0.saturating_sub(position.0).max(0);
    metrics::gauge!("waybill_follower_lag_events", &label).set(lag as f64);
    let behind = if lag > 0 { behind.as_secs_f64() } else { 0.0 };
    metrics::gauge!("waybill_follower_lag_seconds", &label).set(behind);
}

pub(crate) fn stands_still(follower: &str, still: bool) {
    let label = [("follower", follower.to_owned())];
    metrics::gauge!("waybill_follower_poisoned", &label).set(f64::from(u8::from(still)));
}

pub(crate) fn leads(follower: &str, leads: bool) {
    let label = [("follower", follower.to_owned())];
    metrics::gauge!("waybill_follower_runs_here", &label).set(f64::from(u8::from(leads)));
}
