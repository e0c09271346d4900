use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::Bench;
use crate::soak::Node;

/// Lines of the report that are kept.
const LINES: usize = 45;

/// `perf record` on the node, when asked for.
pub(super) struct Profile(Option<(Child, PathBuf)>);

impl Profile {
    pub fn start(bench: &Bench, node: &Node, name: &str) -> Result<Self> {
        if !bench.profile {
            return Ok(Self(None));
        }
        let file = bench.scene.directory(&format!("perf-{name}-{}.data", node.pid()));
        let child = Command::new("perf")
            .args(["record", "-q", "-F", "499", "-g", "-p", &node.pid().to_string(), "-o"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("perf (Debian: linux-perf)")?;
        Ok(Self(Some((child, file))))
    }

    /// The functions that took most, the hottest first.
    pub fn read(self) -> Result<Vec<String>> {
        let Some((mut child, file)) = self.0 else { return Ok(Vec::new()) };
        Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
        child.wait()?;
        let said = Command::new("perf")
            .args([
                "report",
                "--stdio",
                "-g",
                "none",
                "--no-children",
                "--percent-limit",
                "0.6",
                "-i",
            ])
            .arg(&file)
            .output()?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let hot = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(hot.take(LINES).map(|line| format!("perf {}", line.trim())).collect())
    }
}
