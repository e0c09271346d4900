//! How much a delivery costs its followers: a log of N deliveries, planned first and sent after (the worst cut: every
//! row is inserted, then changed), caught up from nothing by each projection alone, then rebuilt. Needs `. .run/env`.
//!
//! `cargo run --release -p waybill-followers --example catch_up [-- N]`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement has nothing to say but its figures, or why there are none"
)]

extern crate waybill_followers as followers;

#[path = "../tests/support.rs"]
#[expect(dead_code, reason = "what the tests need besides")]
mod support;

use std::sync::Arc;

use followers::{FollowerConfig, RebuildOptions, Runner, projectors};
use schema::{LedgerEvent, Position, StreamId};
use store::{Tail, TailConfig};
use support::{House, PATIENCE, delivered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Deliveries planned in one unit.
const SLICE: usize = 500;

type Appends = Vec<(StreamId, i64, Vec<LedgerEvent>)>;

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().nth(1).map_or(100_000, |n| n.parse().unwrap());
    let house = House::start().await;
    let mut last = Position(0);
    for unit in planned_then_sent(count) {
        last = house.append(unit).await;
    }
    println!("{count} deliveries, {} events", last.0);
    let stop = CancellationToken::new();
    let tail = Tail::start(house.ledger(), TailConfig::default(), stop.clone()).await.unwrap();
    let tail = Arc::new(tail);
    for follower in projectors() {
        let name = follower.name().to_owned();
        let started = Instant::now();
        let before = cpu(&house).await;
        let config = FollowerConfig::default();
        let runner = Runner::new(house.ledger(), &tail, follower, config, "bench");
        let running = tokio::spawn(runner.run(stop.child_token()));
        house.checkpoints.await_position(&[&name], last, PATIENCE * 10).await.unwrap();
        report(&name, started, before, cpu(&house).await, count);
        running.abort();
    }
    for result in house
        .rebuilder()
        .rebuild("all", RebuildOptions::default(), &mut |_| {}, &stop)
        .await
        .unwrap()
    {
        let rate = result.events as f64 / result.seconds;
        println!(
            "rebuild {:<14} {:>8} events {:>7.2} s {rate:>9.0} events/s equal {}",
            result.name,
            result.events,
            result.seconds,
            result.is_equal()
        );
    }
    stop.cancel();
}

fn report(name: &str, started: Instant, before: (f64, f64), after: (f64, f64), count: u64) {
    let seconds = started.elapsed().as_secs_f64();
    let per_delivery = |seconds: f64| seconds * 1e6 / count as f64;
    println!(
        "follow  {name:<14} {seconds:>7.2} s; per delivery {:>6.1} us, CPU here {:>5.1} us, Postgres {:>5.1} us",
        per_delivery(seconds),
        per_delivery(after.0 - before.0),
        per_delivery(after.1 - before.1)
    );
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

/// The lives of `count` deliveries as units: all plans first, then the attempts of each slice.
fn planned_then_sent(count: u64) -> Vec<Appends> {
    let mut lives = delivered("v1", count).into_iter();
    let run = lives.next().unwrap();
    let lives: Appends = lives.collect();
    let part = |slice: &[(StreamId, i64, Vec<LedgerEvent>)], from: usize, to: usize| -> Appends {
        slice
            .iter()
            .map(|(stream, _, events)| (stream.clone(), from as i64, events[from..to].to_vec()))
            .collect()
    };
    let mut units = vec![vec![run]];
    units.extend(lives.chunks(SLICE).map(|slice| part(slice, 0, 1)));
    units.extend(lives.chunks(SLICE).map(|slice| part(slice, 1, 3)));
    units
}
