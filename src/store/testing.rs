//! A private ledger and vault per test, on a real server. It does not know what is tested. Here the vault is a schema
//! of the ledger's database, found by its URL: a second database would double what a test costs.

#![expect(clippy::expect_used, reason = "a test without its server has nothing to say but why")]

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use futures::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::{Ledger, LedgerConfig, Vault, VaultConfig, migrate};

/// 32 bytes of base64: every test's master key.
const MASTER_KEY: &str = "d2F5YmlsbC10ZXN0LW1hc3Rlci1rZXktMzItYnl0ZXM=";
/// Held while a template is made ("waybill!").
const TEMPLATE_LOCK: i64 = 0x7761_7962_696c_6c21;

/// A ledger and a vault of one test's own, dropped with it.
pub struct TestLedger {
    /// Connected as the application.
    pub ledger: Arc<Ledger>,
    /// With a master key of the test's own.
    pub vault: Arc<Vault>,
    /// The ledger's database, as its owner.
    pub owner_url: SecretString,
    /// The ledger's database, as the application.
    pub app_url: SecretString,
    /// The vault's schema, as the application.
    pub vault_url: SecretString,
    /// The ledger's database, as superuser.
    pub admin_url: SecretString,
    /// The vault's master key, base64.
    pub master_key: SecretString,
    /// The ledger database's name.
    pub database: String,
}

impl TestLedger {
    /// A new database, migrated, and connections to it.
    ///
    /// # Panics
    /// When the servers of `.run/env` are not there: `scripts/services up`.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// As [`TestLedger::start`], with the ledger's configuration changed.
    ///
    /// # Panics
    /// As [`TestLedger::start`].
    pub async fn start_with(change: impl FnOnce(&mut LedgerConfig)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nanos = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970").subsec_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = format!("waybill_t{}_{nanos}_{count}", std::process::id());

        let template = template().await;
        let mut admin = admin().await;
        reap(&mut admin).await;
        copy(&mut admin, &template, &database).await;
        admin.close().await.expect("a connection that closes");

        let app_url = url("WAYBILL_DATABASE__URL", &database);
        let vault_url = vault_url(&database);
        let master_key = SecretString::from(MASTER_KEY);
        let mut config = LedgerConfig::new(app_url.clone());
        change(&mut config);
        Self {
            ledger: Ledger::connect(config).await.expect("a migrated ledger"),
            vault: Vault::connect(VaultConfig::new(vault_url.clone(), master_key.clone()))
                .await
                .expect("a migrated vault"),
            owner_url: url("WAYBILL_DATABASE__OWNER_URL", &database),
            admin_url: url("WAYBILL_TEST_ADMIN_URL", &database),
            app_url,
            vault_url,
            master_key,
            database,
        }
    }

    /// A connection to the ledger's database as its owner.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn owner(&self) -> PgConnection {
        connect(&self.owner_url).await
    }

    /// A connection to the ledger's database as the application.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn app(&self) -> PgConnection {
        connect(&self.app_url).await
    }

    /// A connection to the ledger's database as superuser.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn superuser(&self) -> PgConnection {
        connect(&self.admin_url).await
    }
}

impl Drop for TestLedger {
    fn drop(&mut self) {
        // Not waited for: dropping makes the server write a checkpoint, which takes longer than most tests.
        drop_databases(vec![self.database.clone()]);
    }
}

/// Drops databases on a thread with a runtime of its own: a test's own may be ending. A few at a time, since each drop
/// waits for a checkpoint and they share it.
fn drop_databases(databases: Vec<String>) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let dropped = databases.iter().map(|database| async move {
            let mut admin = admin().await;
            let statement = format!("drop database if exists {database} with (force)");
            // One that stays is found by the next process's `reap`.
            drop(admin.execute(statement.as_str()).await);
        });
        runtime.block_on(stream::iter(dropped).buffer_unordered(8).for_each(|()| ready(())));
    });
}

/// Once per process: drops what processes that have ended left behind.
async fn reap(admin: &mut PgConnection) {
    static REAPED: AtomicBool = AtomicBool::new(false);
    if REAPED.swap(true, Ordering::Relaxed) {
        return;
    }
    let names: Vec<String> = sqlx::query_scalar(
        "select datname from pg_database where datname ~ '^waybill_t[0-9]+_' and not datistemplate",
    )
    .fetch_all(admin)
    .await
    .expect("a server that answers");
    let ended = |name: &String| {
        let pid = name.trim_start_matches("waybill_t").split('_').next().unwrap_or_default();
        !Path::new("/proc").join(pid).exists()
    };
    let left: Vec<String> = names.into_iter().filter(ended).collect();
    if !left.is_empty() {
        drop_databases(left);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is told of its servers by the environment")]
fn variable(name: &str) -> String {
    std::env::var(name).expect("the servers of .run: `scripts/services up` and `. .run/env` first")
}

/// The URL in a variable, with another database.
fn url(name: &str, database: &str) -> SecretString {
    let text = variable(name);
    let (base, query) = text.split_once('?').map_or((text.as_str(), ""), |(base, q)| (base, q));
    let server = base.rsplit_once('/').expect("a URL with a database").0;
    let mark = if query.is_empty() { "" } else { "?" };
    SecretString::from(format!("{server}/{database}{mark}{query}"))
}

async fn connect(url: &SecretString) -> PgConnection {
    let options: PgConnectOptions = url.expose_secret().parse().expect("a Postgres URL");
    options.connect().await.expect("the server of .run/env: scripts/services up")
}

async fn admin() -> PgConnection {
    connect(&SecretString::from(variable("WAYBILL_TEST_ADMIN_URL"))).await
}

async fn copy(admin: &mut PgConnection, template: &str, database: &str) {
    let statement = format!("create database {database} template {template} owner waybill_owner");
    admin.execute(statement.as_str()).await.expect("a copy of the template");
}

/// The name of a migrated database to copy, made by the first test that needs it.
async fn template() -> String {
    let name = format!("waybill_template2_{}", &migrate::digest().to_string()[..12]);
    let mut admin = admin().await;
    lock(&mut admin, "select pg_advisory_lock($1)").await;
    let ready: bool = sqlx::query_scalar(
        "select exists(select from pg_database where datname = $1 and datistemplate)",
    )
    .bind(&name)
    .fetch_one(&mut admin)
    .await
    .expect("a server that answers");
    if !ready {
        make_template(&mut admin, &name).await;
    }
    lock(&mut admin, "select pg_advisory_unlock($1)").await;
    admin.close().await.expect("a connection that closes");
    name
}

async fn lock(admin: &mut PgConnection, statement: &str) {
    let query = sqlx::query(statement).bind(TEMPLATE_LOCK);
    query.execute(admin).await.expect("a server that answers");
}

async fn make_template(admin: &mut PgConnection, name: &str) {
    for statement in [
        format!("drop database if exists {name} with (force)"),
        format!("create database {name} owner waybill_owner"),
    ] {
        admin.execute(statement.as_str()).await.expect("a superuser that may create databases");
    }
    let mut superuser = connect(&url("WAYBILL_TEST_ADMIN_URL", name)).await;
    superuser.execute("create schema vault authorization waybill_app").await.expect("a schema");
    superuser.close().await.expect("a connection that closes");
    let owner = url("WAYBILL_DATABASE__OWNER_URL", name);
    migrate::migrate(&owner, &vault_url(name)).await.expect("migrations that run");
    let statement = format!("alter database {name} with is_template true");
    admin.execute(statement.as_str()).await.expect("a template");
}

fn vault_url(database: &str) -> SecretString {
    let url = url("WAYBILL_VAULT__URL", database);
    let mark = if url.expose_secret().contains('?') { '&' } else { '?' };
    SecretString::from(format!("{}{mark}options=-csearch_path%3Dvault", url.expose_secret()))
}
