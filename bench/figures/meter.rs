use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::machine::{load, syncs};
use super::server::{Server, Ticks, busy_s};
use super::spread::Spread;

/// Between two looks at how long an fsync takes.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// Whose processes used the machine while something was measured.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    pub wall_s: f64,
    /// This process: load generator and sinks.
    pub bench_s: f64,
    pub node_s: f64,
    /// Postgres, by what its processes are for.
    pub postgres: BTreeMap<String, f64>,
    /// Everyone else's.
    pub others_s: f64,
    pub fsync: Spread,
    pub load: f64,
}

impl Usage {
    pub fn postgres_s(&self) -> f64 {
        self.postgres.values().sum()
    }

    /// Processor time of one of `count` things, by process.
    pub fn each(&self, count: usize) -> String {
        let us = |seconds: f64| seconds * 1e6 / count as f64;
        let roles: Vec<String> = self
            .postgres
            .iter()
            .filter(|(_, seconds)| us(**seconds) >= 0.5)
            .map(|(role, seconds)| format!("{role} {:.0}", us(*seconds)))
            .collect();
        format!(
            "CPU each, µs: waybill {:.0}, Postgres {:.0} ({}), bench with sinks {:.0}",
            us(self.node_s),
            us(self.postgres_s()),
            roles.join(", "),
            us(self.bench_s)
        )
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = |seconds: f64| seconds / self.wall_s;
        write!(
            f,
            "load {:.1}, others {:.2} cores, fsync p50 {:.2} ms; waybill {:.2}, Postgres {:.2}, bench {:.2} cores",
            self.load,
            cores(self.others_s),
            self.fsync.p50(),
            cores(self.node_s),
            cores(self.postgres_s()),
            cores(self.bench_s)
        )
    }
}

/// Looks at the machine from now until it is read.
pub(super) struct Meter {
    server: Server,
    node: Option<u32>,
    began: Instant,
    busy: f64,
    bench: f64,
    node_before: f64,
    postgres: BTreeMap<String, f64>,
    ended: Arc<AtomicBool>,
    probing: JoinHandle<Result<Spread>>,
}

fn own_s() -> Result<f64> {
    Ok(Ticks::of(i32::try_from(std::process::id())?)?.own)
}

fn node_s(node: Option<u32>) -> Result<f64> {
    node.map_or(Ok(0.0), |pid| Ok(Ticks::of(i32::try_from(pid)?)?.own))
}

impl Meter {
    pub async fn start(server: &Server, node: Option<u32>) -> Result<Self> {
        let directory = server.directory().await?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let probing = thread::spawn(move || {
            let mut took = Vec::new();
            while !end.load(Ordering::Relaxed) {
                let one = syncs(&directory, 1, PROBE_EVERY)?;
                took.push(Duration::from_secs_f64(one.p50() / 1000.0));
            }
            Ok(Spread::of(took))
        });
        Ok(Self {
            server: server.clone(),
            node,
            postgres: server.cpu().await?,
            bench: own_s()?,
            node_before: node_s(node)?,
            busy: busy_s()?,
            began: Instant::now(),
            ended,
            probing,
        })
    }

    pub async fn read(self) -> Result<Usage> {
        let wall_s = self.began.elapsed().as_secs_f64();
        let busy = busy_s()? - self.busy;
        let bench_s = own_s()? - self.bench;
        let node_s = node_s(self.node)? - self.node_before;
        let mut postgres = self.server.cpu().await?;
        for (role, before) in &self.postgres {
            *postgres.entry(role.clone()).or_default() -= before;
        }
        self.ended.store(true, Ordering::Relaxed);
        let fsync = self.probing.join().unwrap_or_else(|_| Ok(Spread::default()))?;
        let ours = bench_s + node_s + postgres.values().sum::<f64>();
        let others_s = (busy - ours).max(0.0);
        Ok(Usage { wall_s, bench_s, node_s, postgres, others_s, fsync, load: load()? })
    }
}
