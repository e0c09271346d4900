use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use super::{SOON, http, nobody, until};

/// A `waybill serve` of its own process.
pub struct Node {
    child: Child,
    /// Where its API is.
    pub url: String,
    /// Where operators look without a key.
    pub ops_url: String,
    log: PathBuf,
    http: reqwest::Client,
}

impl Node {
    pub(super) async fn start(mut command: Command, id: &str, directory: &Path) -> Self {
        let log = directory.join(format!("{id}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let address = nobody();
        let url = format!("http://{address}");
        command.env("WAYBILL_API__PUBLIC_URL", &url).env("WAYBILL_API__BIND", address.to_string());
        let ops = nobody();
        let ops_url = format!("http://{ops}");
        command.env("WAYBILL_API__OPS_BIND", ops.to_string());
        command.env("WAYBILL_NODE__ID", id).arg("serve").stdout(Stdio::null()).stderr(file);
        let child = command.spawn().unwrap();
        let mut node = Self { child, url, ops_url, log, http: http() };
        until("the node answers", async || {
            let ended = node.child.try_wait().unwrap();
            assert!(ended.is_none(), "waybill serve ended at once: {}", node.log());
            let answer = node.http.get(format!("{}/healthz", node.url)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        node
    }

    /// Waits until it says it is ready.
    pub async fn await_ready(&mut self) {
        until("the node is ready", async || (self.readiness().await.0 == 200).then_some(())).await;
    }

    /// What `/readyz` says to operators: its status and its words.
    pub async fn readiness(&self) -> (u16, Value) {
        let answer = self.http.get(format!("{}/readyz", self.ops_url)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// What was counted so far: each series of `/metrics` with its value.
    pub async fn counts(&self) -> BTreeMap<String, f64> {
        let answer = self.http.get(format!("{}/metrics", self.ops_url)).send().await.unwrap();
        let text = answer.error_for_status().unwrap().text().await.unwrap();
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let counts = series.filter_map(|line| line.rsplit_once(' '));
        counts.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
    }

    /// What `/readyz` says of one part.
    pub async fn part(&self, name: &str) -> Option<Value> {
        let (_, said) = self.readiness().await;
        said["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).cloned()
    }

    /// Asks it to stop (SIGTERM); its exit code.
    pub async fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM").await;
        let ended = tokio::time::timeout(SOON, self.child.wait()).await;
        ended.expect("the node does not end").unwrap().code()
    }

    /// Has it stand still (SIGSTOP).
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Has it go on (SIGCONT).
    pub async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await.unwrap();
        assert!(sent.success(), "the node is already gone");
    }

    /// kill -9.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// A path as this process sees it, which may have mounts of its own.
    pub fn seen(&self, path: impl AsRef<Path>) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id().unwrap()));
        root.join(path.as_ref().strip_prefix("/").unwrap())
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}
