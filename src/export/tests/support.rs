use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use export::{EXPORTER, ExportConfig, Exporter};
use followers::{Checkpoints, FollowerConfig, FollowerStatus};
use schema::{Position, Sha256};
use simulator::{Shape, Simulator, record};
use store::testing::TestLedger;
use store::{Tail, TailConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take beside a build.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A ledger with a folder to export to.
pub struct House {
    pub test: TestLedger,
    pub folder: tempfile::TempDir,
    pub history: Simulator,
}

/// A process that exports; dropped, it is as dead as after a kill.
pub struct Node {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Node {
    pub async fn shut_down(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    pub async fn kill(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }
}

impl House {
    pub async fn start() -> Self {
        let test = TestLedger::start().await;
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape { tenants: 2, recipients: 60, fan_out: 30, ..Shape::default() };
        Self { test, folder, history: Simulator::new(shape) }
    }

    pub fn config(&self) -> ExportConfig {
        let folder = self.folder.path().to_owned();
        ExportConfig { enabled: true, folder, block_events: 100 }
    }

    /// Goes on with the history; returns the position of its last event.
    pub async fn go_on(&mut self, events: usize) -> Position {
        let owner = &mut self.test.owner().await;
        record(owner, (&mut self.history).take(events)).await.unwrap();
        self.test.ledger.head().await.unwrap()
    }

    pub async fn node(&self, name: &str) -> Node {
        self.node_into(name, &self.config()).await
    }

    pub async fn node_into(&self, name: &str, config: &ExportConfig) -> Node {
        let stop = CancellationToken::new();
        let ledger = Arc::clone(&self.test.ledger);
        let tail = Tail::start(&ledger, TailConfig::default(), stop.clone()).await.unwrap();
        let exporter = Exporter::new(&ledger, config);
        let (tail, name, token) = (Arc::new(tail), name.to_owned(), stop.clone());
        let quick = FollowerConfig {
            lease_ms: 1_000,
            heartbeat_ms: 50,
            idle_checkpoint_ms: 20,
            batch_events: 130,
            ..FollowerConfig::default()
        };
        let running = tokio::spawn(async move {
            followers::run(&ledger, &tail, vec![Box::new(exporter)], quick, &name, &token).await;
        });
        Node { stop, running }
    }

    pub async fn reached(&self, position: Position) {
        let checkpoints = Checkpoints::new(Arc::clone(&self.test.ledger));
        checkpoints.await_position(&[EXPORTER], position, PATIENCE).await.unwrap();
    }

    /// Forgets that anything was exported.
    pub async fn start_anew(&self) {
        let mut app = self.test.owner().await;
        for table in ["export_blocks", "export_files", "checkpoints"] {
            sqlx::query(&format!("delete from {table}")).execute(&mut app).await.unwrap();
        }
    }

    /// Looks until the exporter's status is as wanted.
    pub async fn until(&self, wanted: impl Fn(&FollowerStatus) -> bool) -> FollowerStatus {
        let checkpoints = Checkpoints::new(Arc::clone(&self.test.ledger));
        let looking = async {
            loop {
                let all = checkpoints.status().await.unwrap();
                if let Some(found) = all.into_iter().find(|one| one.name == EXPORTER && wanted(one))
                {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap()
    }
}

/// Every Parquet file below a folder with the digest of its bytes.
pub fn files(folder: &Path) -> BTreeMap<String, Sha256> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, Sha256::of(&fs::read(&path).unwrap()));
            }
        }
    }
    found
}
