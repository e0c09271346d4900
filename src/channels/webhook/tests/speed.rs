#![expect(clippy::print_stderr, reason = "the figures are for whoever runs it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use super::{channel, parcel};
use crate::Channel;
use crate::testing::{Answer, Receiver};

/// Webhooks for one measurement: many in an optimised build, few in the build that the test suite makes.
const WEBHOOKS: usize = if cfg!(debug_assertions) { 300 } else { 40_000 };
/// Guards against a wait in each request, as delayed ACKs would cause.
const FLOOR: f64 = 100.0;
const SENDERS: usize = 8;

/// Run it with `--release -- --nocapture` for the figures. The receiver keeps each request, and counts in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_leave_without_waiting_for_each_other() {
    let receiver = Receiver::start(vec![Answer::status(200, "", "")]).await;
    let channel = Arc::new(channel());
    let left = Arc::new(AtomicUsize::new(WEBHOOKS));
    let begun = Instant::now();
    let senders = (0..SENDERS).map(|_| {
        let (channel, left, parcel) = (Arc::clone(&channel), Arc::clone(&left), parcel(&receiver));
        tokio::spawn(async move {
            while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                channel.send(&parcel).await.unwrap();
            }
        })
    });
    futures::future::join_all(senders.collect::<Vec<_>>()).await;
    let rate = WEBHOOKS as f64 / begun.elapsed().as_secs_f64();
    eprintln!("webhook: {SENDERS} senders: {rate:.0} webhooks/s");
    assert!(rate > FLOOR, "{rate:.0} webhooks/s");
}
