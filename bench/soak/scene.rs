use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use store::{Ledger, LedgerConfig};
use tokio::process::Command;

/// The servers this runs against, from the variables `scripts/services` writes.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The servers' run directory.
    pub run_dir: String,
    /// The Kafka brokers.
    pub brokers: String,
    /// The Python that has the outside judges.
    pub python: String,
    admin: String,
    owner: String,
    app: String,
    vault: String,
}

/// A ledger and a vault of this run's own.
#[derive(Clone, Debug)]
pub struct Database {
    /// The ledger's, as the application.
    pub app_url: String,
    /// The ledger's, as its owner.
    pub owner_url: String,
    /// The vault's.
    pub vault_url: String,
    /// The ledger's, as superuser.
    pub admin_url: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bench is told of its servers by the environment"
)]
fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set; run this by its make target"))
}

/// The same server and user, another database.
fn on_database(url: &str, database: &str) -> Result<String> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options.database(database).to_url_lossy().to_string())
}

impl Scene {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_env() -> Result<Self> {
        Ok(Self {
            run_dir: variable("WAYBILL_TEST_RUN_DIR")?,
            brokers: variable("WAYBILL_KAFKA__BROKERS")?,
            python: variable("WAYBILL_TEST_PYTHON")?,
            admin: variable("WAYBILL_TEST_ADMIN_URL")?,
            owner: variable("WAYBILL_DATABASE__OWNER_URL")?,
            app: variable("WAYBILL_DATABASE__URL")?,
            vault: variable("WAYBILL_VAULT__URL")?,
        })
    }

    /// A fresh ledger and vault, migrated.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database(&self, name: &str) -> Result<Database> {
        let vault = format!("{name}_vault");
        let owner: PgConnectOptions = self.owner.parse()?;
        let app: PgConnectOptions = self.app.parse()?;
        let mut admin = sqlx::PgConnection::connect(&self.admin).await?;
        for (database, owner) in
            [(name, owner.get_username()), (vault.as_str(), app.get_username())]
        {
            let drop = format!("drop database if exists {database} with (force)");
            sqlx::query(&drop).execute(&mut admin).await?;
            let create = format!("create database {database} owner {owner}");
            sqlx::query(&create).execute(&mut admin).await?;
        }
        let database = Database {
            app_url: on_database(&self.app, name)?,
            owner_url: on_database(&self.owner, name)?,
            vault_url: on_database(&self.vault, &vault)?,
            admin_url: on_database(&self.admin, name)?,
        };
        let (owner, vault) = (database.owner_url.clone().into(), database.vault_url.clone().into());
        store::migrate(&owner, &vault).await?;
        Ok(database)
    }

    /// Ends a server as kill -9 does, and starts it again on its data and port.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn crash(&self, server: &str) -> Result<()> {
        let ports = || std::fs::read_to_string(self.directory("ports")).context("ports");
        let before = ports()?;
        for words in [["stop", server, "-9"].as_slice(), ["start", server].as_slice()] {
            let mut services = Command::new("scripts/services");
            services.args(["--run-dir", &self.run_dir]).args(words).stderr(Stdio::piped());
            let ended = services.output().await.context("scripts/services")?;
            let said = String::from_utf8_lossy(&ended.stderr);
            ensure!(ended.status.success(), "scripts/services {}: {said}", words.join(" "));
        }
        ensure!(ports()? == before, "{server} came back on another port");
        Ok(())
    }

    /// A directory for this run's files.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.run_dir).join(name)
    }
}

impl Database {
    /// Connects as the product does.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn ledger(&self) -> Result<Arc<Ledger>> {
        Ok(Ledger::connect(LedgerConfig::new(self.app_url.clone().into())).await?)
    }

    /// Plain connections as the application's role.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn app_pool(&self, connections: u32) -> Result<PgPool> {
        let options: PgConnectOptions = self.app_url.parse()?;
        Ok(PgPoolOptions::new()
            .max_connections(connections)
            .connect_with(options.disable_statement_logging())
            .await?)
    }

    /// Connections as the ledger's owner, handed out without being tried first: fast, and lost with their server.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn owner_pool(&self, connections: u32) -> Result<PgPool> {
        let options: PgConnectOptions = self.owner_url.parse()?;
        Ok(PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .connect_with(options.application_name("bench").disable_statement_logging())
            .await?)
    }
}
