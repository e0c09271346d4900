use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::env;

/// What the variables say by which servers are known: this run's, or what a test has in their place.
#[derive(Clone, Default)]
pub struct Whereabouts(BTreeMap<String, String>);

impl Whereabouts {
    pub fn of(&self, variable: &str) -> String {
        self.0.get(variable).cloned().unwrap_or_else(|| env(variable))
    }
}

/// A server of one test's own, which may die while other tests use theirs.
pub struct OwnServer {
    name: &'static str,
    directory: TempDir,
}

impl OwnServer {
    /// Starts `postgres` or `kafka` on free ports.
    pub async fn start(name: &'static str) -> Self {
        let directory = TempDir::new().unwrap();
        // Postgres runs as another user and must be able to walk there.
        let walkable = PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(directory.path(), walkable).unwrap();
        let server = Self { name, directory };
        server.start_again().await;
        server
    }

    /// Starts it on the port it had.
    pub async fn start_again(&self) {
        self.order(&["start", self.name]).await;
    }

    /// kill -9.
    pub async fn kill(&self) {
        self.order(&["stop", self.name, "-9"]).await;
    }

    /// The variables it is known by, in the place of this run's.
    pub fn whereabouts(&self) -> Whereabouts {
        let prefixes: &[&str] = match self.name {
            "postgres" => &["WAYBILL_DATABASE__", "WAYBILL_VAULT__URL", "WAYBILL_TEST_ADMIN_URL"],
            _ => &["WAYBILL_KAFKA__"],
        };
        let text = std::fs::read_to_string(self.directory.path().join("env")).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let pairs =
            lines.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()));
        let is_ours = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        Whereabouts(pairs.filter(|(name, _)| is_ours(name)).collect())
    }

    async fn order(&self, words: &[&str]) {
        let mut command = tokio::process::Command::from(services(self.directory.path(), words));
        let ended = command.output().await.unwrap();
        assert!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

fn services(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("scripts/services");
    command.args(words).arg("--run-dir").arg(directory);
    command
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let ended = services(self.directory.path(), &["down", "--wipe"]).output();
        // While a test fails already there is nothing better to do than to go on.
        let ended = ended.is_ok_and(|ended| ended.status.success());
        assert!(ended || std::thread::panicking(), "a server of the test's own does not stop");
    }
}
