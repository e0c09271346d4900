use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Node, Whereabouts, env};

/// 32 bytes, base64: protects nothing but tests.
const MASTER_KEY: &str = "d2F5YmlsbC10ZXN0LW1hc3Rlci1rZXktMzItYnl0ZXM=";
/// The tenant of every test.
pub const TENANT: &str = "acme";

/// Settings under which retries and leases show within seconds.
const QUICK: [(&str, &str); 16] = [
    ("vault.master_key", MASTER_KEY),
    ("mail.tls", "none"),
    ("mail.test_sink", "true"),
    ("mail.from_address", "reports@waybill.example"),
    ("mail.send_timeout_ms", "3000"),
    ("mail.command_timeout_ms", "2000"),
    ("mail.connect_timeout_ms", "1000"),
    ("webhook.allow_http", "true"),
    ("webhook.allow", "[\"127.0.0.1/32\"]"),
    ("webhook.timeout_ms", "3000"),
    ("webhook.connect_timeout_ms", "1000"),
    ("dispatch.lease_margin_ms", "1000"),
    ("intake.planning_lease_ms", "2000"),
    ("intake.planning_poll_ms", "100"),
    ("followers.lease_ms", "2000"),
    ("followers.heartbeat_ms", "500"),
];

/// A ledger, a vault and a directory of one test's own, and the settings its processes run with.
pub struct Scene {
    /// The ledger, as the application.
    pub pool: PgPool,
    directory: TempDir,
    name: String,
    settings: BTreeMap<String, String>,
    whereabouts: Whereabouts,
}

/// How a command ended.
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it answered.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Whereabouts {
    /// The server and user of `variable`, another database.
    fn on_database(&self, variable: &str, database: &str) -> String {
        let options: PgConnectOptions = self.of(variable).parse().unwrap();
        options.database(database).to_url_lossy().to_string()
    }

    async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.of("WAYBILL_TEST_ADMIN_URL")).await.unwrap()
    }

    async fn pool(&self, name: &str) -> PgPool {
        let url = self.on_database("WAYBILL_DATABASE__URL", name);
        PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap()
    }

    async fn create(&self, database: &str, rest: &str) {
        let sql = format!("create database {database} {rest}");
        sqlx::query(&sql).execute(&mut self.admin().await).await.unwrap();
    }
}

async fn drop_database(admin: &mut PgConnection, database: &str) {
    let sql = format!("drop database if exists {database} with (force)");
    sqlx::query(&sql).execute(admin).await.unwrap();
}

impl Scene {
    /// Fresh databases, brought up by `waybill migrate`.
    pub async fn set() -> Self {
        Self::set_at(Whereabouts::default()).await
    }

    /// The same on the servers of these whereabouts.
    pub async fn set_at(whereabouts: Whereabouts) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("waybill_it_{}_{count}", std::process::id());
        for (database, user) in
            [(name.clone(), "WAYBILL_DATABASE__OWNER_URL"), (vault_of(&name), "WAYBILL_VAULT__URL")]
        {
            let user: PgConnectOptions = whereabouts.of(user).parse().unwrap();
            whereabouts.create(&database, &format!("owner {}", user.get_username())).await;
        }
        let directory = TempDir::new().unwrap();
        let pool = whereabouts.pool(&name).await;
        let scene = Self { pool, directory, name, settings: BTreeMap::new(), whereabouts };
        let scene = scene.equipped();
        let ended = scene.waybill(&["migrate"]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        scene
    }

    fn equipped(mut self) -> Self {
        for (key, value) in QUICK {
            self.put(key, value);
        }
        for channel in ["mail", "webhook"] {
            for (key, value) in [
                ("base_ms", 200),
                ("cap_ms", 1_000),
                ("attempt_limit", 12),
                ("retry_after_cap_ms", 1_000),
                ("doubt_limit", 12),
            ] {
                self.put(&format!("retry.{channel}.{key}"), value);
            }
        }
        for (key, variable, database) in [
            ("database.url", "WAYBILL_DATABASE__URL", self.name.clone()),
            ("database.owner_url", "WAYBILL_DATABASE__OWNER_URL", self.name.clone()),
            ("vault.url", "WAYBILL_VAULT__URL", vault_of(&self.name)),
        ] {
            self.put(key, self.whereabouts.on_database(variable, &database));
        }
        self.put("artifacts.dir", self.directory.path().join("artifacts").display());
        self.put("mail.host", env("WAYBILL_MAIL__HOST"));
        self.put("mail.port", env("WAYBILL_MAIL__PORT"));
        self
    }

    /// Changes a setting, named as the documentation names it: `dispatch.permits`.
    pub fn put(&mut self, key: &str, value: impl Display) {
        let variable = format!("WAYBILL_{}", key.to_uppercase().replace('.', "__"));
        self.settings.insert(variable, value.to_string());
    }

    /// The same, in a chain.
    pub fn with(mut self, key: &str, value: impl Display) -> Self {
        self.put(key, value);
        self
    }

    /// A setting as it stands.
    pub fn setting(&self, key: &str) -> &str {
        &self.settings[&format!("WAYBILL_{}", key.to_uppercase().replace('.', "__"))]
    }

    /// The program with these settings and nothing else of this process's environment.
    pub fn command(&self) -> Command {
        let mut command = bare();
        command.envs(&self.settings).current_dir(self.directory.path());
        command
    }

    /// Runs a command of the product to its end.
    pub async fn waybill(&self, words: &[&str]) -> Ended {
        run(self.command(), words).await
    }

    /// Issues a key with every scope, for the test's tenant.
    pub async fn key(&self) -> String {
        let ended = self.waybill(&["keys", "create-tenant", TENANT, "--title", "Acme"]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        self.key_of(TENANT).await
    }

    /// Issues a key with every scope, for a tenant that is there.
    pub async fn key_of(&self, tenant: &str) -> String {
        let scopes = "publish,subscribe,read,operate,audit";
        let words = ["keys", "issue", "--tenant", tenant, "--title", "it", "--scopes", scopes];
        let ended = self.waybill(&[&words[..], &["--output", "json"]].concat()).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        answer["key"].as_str().unwrap().to_owned()
    }

    /// Starts `waybill serve` under this name and waits until it is ready.
    pub async fn serve(&self, id: &str) -> Node {
        let mut node = self.start(id).await;
        node.await_ready().await;
        node
    }

    /// Starts `waybill serve` under this name and waits until it answers at all.
    pub async fn start(&self, id: &str) -> Node {
        Node::start(self.command(), id, self.directory.path()).await
    }

    /// The directory of the test's own.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Copies the ledger as it stands: a backup. No process may be connected.
    pub async fn backup(&mut self) {
        self.pool.close().await;
        self.whereabouts.create(&backup_of(&self.name), &format!("template {}", self.name)).await;
        self.pool = self.whereabouts.pool(&self.name).await;
    }

    /// Puts the backup in the place of the ledger.
    pub async fn restore(&mut self) {
        self.pool.close().await;
        drop_database(&mut self.whereabouts.admin().await, &self.name).await;
        self.whereabouts.create(&self.name, &format!("template {}", backup_of(&self.name))).await;
        self.pool = self.whereabouts.pool(&self.name).await;
    }

    /// A connection to the ledger as the server's administrator.
    pub async fn admin(&self) -> PgConnection {
        self.connect("WAYBILL_TEST_ADMIN_URL").await
    }

    /// A connection to the ledger as the user of `variable`.
    pub async fn connect(&self, variable: &str) -> PgConnection {
        PgConnection::connect(&self.whereabouts.on_database(variable, &self.name)).await.unwrap()
    }
}

/// The program without any setting.
pub fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybill"));
    command.env_clear().env("PATH", env("PATH")).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub async fn run(mut command: Command, words: &[&str]) -> Ended {
    let ended = command.args(words).output().await.unwrap();
    Ended {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

fn vault_of(name: &str) -> String {
    format!("{name}_vault")
}

fn backup_of(name: &str) -> String {
    format!("{name}_backup")
}

impl Drop for Scene {
    fn drop(&mut self) {
        let databases = [self.name.clone(), vault_of(&self.name), backup_of(&self.name)];
        let whereabouts = self.whereabouts.clone();
        let cleaning = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let mut admin = whereabouts.admin().await;
                for database in &databases {
                    drop_database(&mut admin, database).await;
                }
            });
        });
        // A database left behind does no harm.
        let _ = cleaning.join();
    }
}
