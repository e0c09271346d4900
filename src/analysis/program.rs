use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use analytics::{Reply, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::AnalysisError;

/// Longest answer, in bytes. Longer ones are written to files.
const ANSWER_LIMIT: u64 = 256 * 1024 * 1024;

/// The program that holds DuckDB.
pub(crate) struct Program {
    pub path: PathBuf,
    pub timeout_ms: u64,
}

impl Program {
    /// Beside the program that runs.
    pub(crate) fn beside() -> PathBuf {
        let own = std::env::current_exe().unwrap_or_default();
        own.with_file_name("waybill-duckdb")
    }

    /// Asks it, in a process that ends with the question: nothing of one is left for the next.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Reply, AnalysisError> {
        let timeout_ms = self.timeout_ms;
        let asked = timeout(Duration::from_millis(timeout_ms), self.run(request)).await;
        asked.unwrap_or(Err(AnalysisError::TooSlow { timeout_ms }))
    }

    async fn run(&self, request: &Request) -> Result<Reply, AnalysisError> {
        let failed = |error: &dyn ToString| AnalysisError::Failed { reason: error.to_string() };
        let text = serde_json::to_vec(request).map_err(|error| failed(&error))?;
        let mut process = Command::new(&self.path)
            // It is told nothing of what this process knows.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.missing(error.to_string()))?;
        let (mut stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let mut stderr = process.stderr.take();
        let telling = async {
            if let Some(mut stdin) = stdin.take() {
                // One that ended before it has read says why on its standard error.
                drop(stdin.write_all(&text).await);
            }
        };
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        let hearing = async {
            match stdout {
                Some(stdout) => stdout.take(ANSWER_LIMIT).read_to_end(&mut said).await,
                None => Ok(0),
            }
        };
        let complaining = async {
            match stderr.as_mut() {
                Some(stderr) => stderr.take(4_096).read_to_end(&mut complaint).await,
                None => Ok(0),
            }
        };
        let ((), heard, _) = tokio::join!(telling, hearing, complaining);
        heard.map_err(|error| failed(&error))?;
        let status = process.wait().await.map_err(|error| failed(&error))?;
        if said.is_empty() {
            let complaint = String::from_utf8_lossy(&complaint);
            let first = complaint.lines().next().unwrap_or("it said nothing");
            return Err(self.missing(format!("{status}: {first}")));
        }
        serde_json::from_slice(&said).map_err(|error| failed(&error))
    }

    fn missing(&self, reason: String) -> AnalysisError {
        AnalysisError::NoProgram { program: self.path.clone(), reason }
    }
}
