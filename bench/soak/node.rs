use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Database;

/// 32 bytes, base64: the master key of runs that protect nothing.
const MASTER_KEY: &str = "d2F5YmlsbC1zb2FrLW1hc3Rlci1rZXktMzItYnl0ZXM=";
/// How long a node may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How a node runs.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its name in events.
    pub id: String,
    /// The databases.
    pub database: Database,
    /// Artifacts and logs go here.
    pub directory: PathBuf,
    /// Further settings, as variables.
    pub settings: Vec<(String, String)>,
}

/// A `waybill serve` of its own process.
pub struct Node {
    child: Child,
    /// Where its API is.
    pub url: String,
}

fn waybill() -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("waybill");
    ensure!(beside.exists(), "{} is missing: build the product first", beside.display());
    Ok(beside)
}

impl NodeConfig {
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(waybill()?);
        command
            .env("WAYBILL_NODE__ID", &self.id)
            .env("WAYBILL_DATABASE__URL", &self.database.app_url)
            .env("WAYBILL_DATABASE__OWNER_URL", &self.database.owner_url)
            .env("WAYBILL_VAULT__URL", &self.database.vault_url)
            .env("WAYBILL_VAULT__MASTER_KEY", MASTER_KEY)
            .env("WAYBILL_ARTIFACTS__DIR", self.directory.join("artifacts"))
            .env("WAYBILL_MAIL__TLS", "none")
            .env("WAYBILL_MAIL__TEST_SINK", "true")
            .env("WAYBILL_WEBHOOK__ALLOW_HTTP", "true")
            .env("WAYBILL_WEBHOOK__ALLOW", "[\"127.0.0.1/32\"]")
            .env_remove("WAYBILL_KAFKA__BROKERS")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs another command of the product on the same configuration; its answer as JSON.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, words: &[&str]) -> Result<Value> {
        let (answer, is_well) = self.ask(words)?;
        ensure!(is_well, "waybill {}: {answer}", words.join(" "));
        Ok(answer)
    }

    /// As [`NodeConfig::run`], where the answer may be that something is wrong: false then.
    ///
    /// # Errors
    /// When it has no answer.
    pub fn ask(&self, words: &[&str]) -> Result<(Value, bool)> {
        let ended = self.command()?.args(words).args(["--output", "json"]).output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        let answer = serde_json::from_slice(&ended.stdout)
            .with_context(|| format!("waybill {}: {said}", words.join(" ")))?;
        Ok((answer, ended.status.success()))
    }

    /// Starts another command of the product on the same configuration; what it says goes to a log of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, words: &[&str]) -> Result<Child> {
        let log = File::create(self.directory.join("command.log"))?;
        let mut command = self.command()?;
        command.args(words).args(["--output", "json"]);
        Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready in time.
    pub async fn serve(&self) -> Result<Node> {
        std::fs::create_dir_all(&self.directory)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join(format!("{}.log", self.id)))?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let child = self
            .command()?
            .env("WAYBILL_API__BIND", address.to_string())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut node = Node { child, url: format!("http://{address}") };
        node.await_ready().await?;
        Ok(node)
    }
}

impl Node {
    async fn await_ready(&mut self) -> Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait()? {
                bail!("waybill serve ended at once: {status}; see its log");
            }
            let answer = http.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("waybill serve was not ready within {READY_WITHIN:?}; see its log")
    }

    /// kill -9.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop (SIGTERM) and waits.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(asked.success(), "the node is already gone");
        let status = self.child.wait()?;
        ensure!(status.success(), "waybill serve ended with {status}");
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Ended already, or ended here; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
