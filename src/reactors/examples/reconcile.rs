//! What it costs to reconcile N distributions of one delivery each: the log is written first, then the reactor catches
//! up. Needs `. .run/env`. `cargo run --release -p waybill-reactors --example reconcile [-- N]`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement has nothing to say but its figures, or why there are none"
)]

extern crate waybill_reactors as reactors;

#[path = "../tests/support.rs"]
#[expect(dead_code, reason = "what the tests need besides")]
mod support;

use schema::{LedgerEvent, Proof, StreamId};
use support::{
    House, delivery, distribution, ended, received, scheduled, slice, started, succeeded,
};
use tokio::time::Instant;

/// Distributions written in one unit.
const AT_A_TIME: u64 = 200;

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().nth(1).map_or(10_000, |n| n.parse().unwrap());
    let mut house = House::start().await;
    house.sleep().await;
    let mut last = schema::Position(0);
    for first in (0..count).step_by(AT_A_TIME as usize) {
        let lives = (first..(first + AT_A_TIME).min(count)).flat_map(single).collect();
        last = house.append(lives).await;
    }
    let started = Instant::now();
    let before = cpu(&house).await;
    house.wake().await;
    house.reached("reconciliation", last).await;
    let seconds = started.elapsed().as_secs_f64();
    let after = cpu(&house).await;
    let events = house.ledger().head().await.unwrap().0 - last.0;
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    println!(
        "{count} distributions, {events} reconciled in {seconds:.2} s; \
         each {:.1} us, CPU here {:.1} us, Postgres {:.1} us",
        each(seconds),
        each(after.0 - before.0),
        each(after.1 - before.1)
    );
    house.sleep().await;
}

/// A distribution of one delivery, received, planned and delivered.
fn single(number: u64) -> Vec<(StreamId, i64, Vec<LedgerEvent>)> {
    let version = format!("v{number}");
    let run = StreamId::distribution(distribution(&version));
    let life = vec![scheduled(&version, "a"), started(1), ended(1, succeeded(Proof::Delivered))];
    vec![(run, 0, vec![received(&version), slice(0, true, 1)]), (delivery(&version, "a"), 0, life)]
}

/// CPU seconds used so far by this process, and by the database's backends (which must be on this machine).
async fn cpu(house: &House) -> (f64, f64) {
    let pids: Vec<i32> =
        sqlx::query_scalar("select pid from pg_stat_activity where datname = current_database()")
            .fetch_all(&mut house.test.superuser().await)
            .await
            .unwrap();
    let backends = pids.into_iter().map(|pid| ticks(&format!("/proc/{pid}/stat"))).sum();
    (ticks("/proc/self/stat"), backends)
}

/// User and system time of a process, from `proc(5)`.
fn ticks(file: &str) -> f64 {
    let Ok(text) = std::fs::read_to_string(file) else { return 0.0 };
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}
