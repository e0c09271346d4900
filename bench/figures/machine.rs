use std::fmt;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::server::Server;
use super::spread::Spread;
use crate::soak::Scene;

/// Writes and fsyncs while nothing else is measured.
const PROBES: u32 = 400;
/// One block of the write-ahead log.
const BLOCK: [u8; 8192] = [0x5a; 8192];
/// The file that is synced again and again.
const PROBE_FILE: &str = "waybill-bench-fsync";

/// What figures were measured on.
#[derive(Clone, Debug)]
pub struct Machine {
    cores: usize,
    model: String,
    memory_mb: u64,
    kernel: String,
    postgres: String,
    fsync: Spread,
}

impl Machine {
    /// Looks.
    ///
    /// # Errors
    /// When /proc or the server cannot be read.
    pub async fn look(scene: &Scene) -> Result<Self> {
        let database = scene.database("bench_machine").await?;
        let server = Server::connect(&database).await?;
        let info = fs::read_to_string("/proc/cpuinfo")?;
        let model = info.lines().find_map(|line| line.strip_prefix("model name"));
        let memory = fs::read_to_string("/proc/meminfo")?;
        let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let total_kb: u64 =
            total.and_then(|text| text.trim().strip_suffix(" kB")).context("MemTotal")?.parse()?;
        Ok(Self {
            cores: thread::available_parallelism()?.get(),
            model: model.unwrap_or(": unknown").trim_start_matches(['\t', ' ', ':']).to_owned(),
            memory_mb: total_kb / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            postgres: server.version().await?,
            fsync: syncs(&server.directory().await?, PROBES, Duration::ZERO)?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores ({}), {} MB, Linux {}, PostgreSQL {}, write + fdatasync of 8 KB before: {} ms; sinks \
             and load generator run on the same cores",
            self.cores, self.model, self.memory_mb, self.kernel, self.postgres, self.fsync
        )
    }
}

/// How long a write with fdatasync takes beside the database's files, `pause` apart.
pub(super) fn syncs(directory: &Path, count: u32, pause: Duration) -> Result<Spread> {
    let path = directory.join(PROBE_FILE);
    let mut file = File::create(&path).with_context(|| path.display().to_string())?;
    file.write_all(&BLOCK)?;
    file.sync_all()?;
    let mut took = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        took.push(started.elapsed());
        thread::sleep(pause);
    }
    drop(file);
    fs::remove_file(&path)?;
    Ok(Spread::of(took))
}

/// The load average of the last minute.
pub(super) fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().context("loadavg")?.parse()?)
}
