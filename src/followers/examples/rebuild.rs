//! How fast a read model is rebuilt: a log of N deliveries of three events each, in versions of 100,000, all of a
//! version planned first and sent after; folded by the live follower, then rebuilt at full speed. Needs `. .run/env`.
//!
//! `cargo run --release -p waybill-followers --example rebuild [-- N]`

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

use followers::{FollowerConfig, Rate, RebuildOptions, RebuildReport, Runner, Then, projectors};
use schema::{LedgerEvent, Position, StreamId};
use sqlx::Executor;
use store::{Tail, TailConfig};
use support::{House, PATIENCE, delivered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Deliveries of a version.
const VERSION: u64 = 100_000;
/// Deliveries of a unit.
const SLICE: usize = 500;

type Appends = Vec<(StreamId, i64, Vec<LedgerEvent>)>;

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().nth(1).map_or(400_000, |n| n.parse().unwrap());
    let house = House::start().await;
    let last = seed(&house, count).await;
    let mut owner = house.test.superuser().await;
    owner.execute("vacuum analyze events").await.unwrap();
    follow(&house, last).await;
    owner.execute("vacuum analyze read.deliveries").await.unwrap();
    owner.execute("checkpoint").await.unwrap();
    let backend: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut owner).await.unwrap();
    let postmaster = stat(backend)[1] as i32;
    for turn in 1..=3 {
        let options = RebuildOptions {
            then: if turn == 3 { Then::Switch } else { Then::Compare },
            rate: Rate::Unlimited,
            ..RebuildOptions::default()
        };
        let stop = CancellationToken::new();
        let before = cpu(postmaster);
        let mut done =
            house.rebuilder().rebuild("deliveries", options, &mut |_| {}, &stop).await.unwrap();
        report(&done.remove(0), before, cpu(postmaster));
    }
}

async fn seed(house: &House, count: u64) -> Position {
    let (started, mut last) = (Instant::now(), Position(0));
    for version in 0..count.div_ceil(VERSION) {
        let some = VERSION.min(count - version * VERSION);
        for unit in planned_then_sent(&format!("v{version}"), some) {
            last = house.append(unit).await;
        }
    }
    println!(
        "seeded   {count} deliveries, {last} events in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    last
}

async fn follow(house: &House, last: Position) {
    let stop = CancellationToken::new();
    let tail = Tail::start(house.ledger(), TailConfig::default(), stop.clone()).await.unwrap();
    let live = projectors().into_iter().find(|one| one.name() == "deliveries").unwrap();
    let runner =
        Runner::new(house.ledger(), &Arc::new(tail), live, FollowerConfig::default(), "bench");
    let started = Instant::now();
    let running = tokio::spawn(runner.run(stop.clone()));
    house.checkpoints.await_position(&["deliveries"], last, PATIENCE * 30).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!("followed {:.1} s, {:.0} events/s", seconds, last.0 as f64 / seconds);
    stop.cancel();
    running.await.unwrap();
}

/// CPU seconds used so far by this process and by Postgres' (which must be on this machine), ended ones included.
fn cpu(postmaster: i32) -> (f64, f64) {
    let used = |pid: i32| stat(pid).get(11..15).map_or(0.0, |it| it.iter().sum::<f64>() / 100.0);
    let alive =
        |pid: &i32| stat(*pid).get(1).is_some_and(|parent| *parent == f64::from(postmaster));
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().parse::<i32>().ok());
    (used(std::process::id() as i32), used(postmaster) + pids.filter(alive).map(used).sum::<f64>())
}

/// The numbers of `proc(5)` behind a process' name: state, parent, and so on; state is no number.
fn stat(pid: i32) -> Vec<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap().split_whitespace();
    fields.map(|field| field.parse().unwrap_or_default()).collect()
}

fn report(done: &RebuildReport, before: (f64, f64), after: (f64, f64)) {
    let whole = done.events as f64 / done.seconds;
    let built: f64 =
        done.stages.iter().filter(|at| at.stage.as_str() != "comparing").map(|at| at.seconds).sum();
    println!(
        "rebuilt  {} events, equal {}: {:.0} events/s until it could be switched ({built:.2} s), {whole:.0} with the \
         comparison ({:.2} s)",
        done.events,
        done.is_equal(),
        done.events as f64 / built,
        done.seconds
    );
    let (here, there) = (after.0 - before.0, after.1 - before.1);
    println!("         CPU {here:.1} s here, {there:.1} s in Postgres, comparison included");
    for at in &done.stages {
        let rate = at.events as f64 / at.seconds;
        println!("         {:<12} {:>6.2} s {rate:>9.0} events/s", at.stage.as_str(), at.seconds);
    }
}

/// The lives of `count` deliveries as units: all plans first, then the attempts of each slice.
fn planned_then_sent(version: &str, count: u64) -> Vec<Appends> {
    let mut lives = delivered(version, count).into_iter();
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
