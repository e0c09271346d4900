use aggregates::retry::default_schedule;
use schema::{ChannelKind, Invalid, RetrySchedule};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

fn wrong(field: &str, value: &str, rule: &str) -> Result<(), Invalid> {
    Err(Invalid::new(field, value, rule))
}

/// This process.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSection {
    /// Name of the node in events; a random one when absent. Key `node.id`.
    pub id: Option<String>,
}

/// The ledger's database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSection {
    /// URL for the application's role, which can add to the ledger and never change it. Key `database.url`.
    pub url: SecretString,
    /// URL for the owner's role; only `waybill migrate` and a rebuild need it. Key `database.owner_url`.
    #[serde(default)]
    pub owner_url: Option<SecretString>,
    /// Connections that commit, 2 to 4. Key `database.writers`.
    #[serde(default = "two")]
    pub writers: u32,
    /// Connections that read, 2 to 100. Key `database.readers`.
    #[serde(default = "twelve")]
    pub readers: u32,
}

const fn two() -> u32 {
    2
}

const fn twelve() -> u32 {
    12
}

impl DatabaseSection {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if !self.url.expose_secret().starts_with("postgres") {
            return wrong("database.url", "(secret)", "must begin with postgres://");
        }
        if !(1..=8).contains(&self.writers) {
            return wrong("database.writers", &self.writers.to_string(), "must be 1 to 8");
        }
        if !(2..=100).contains(&self.readers) {
            return wrong("database.readers", &self.readers.to_string(), "must be 2 to 100");
        }
        Ok(())
    }
}

/// The keys' database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSection {
    /// URL of the database that holds the keys: another one than the ledger's. Key `vault.url`.
    pub url: SecretString,
    /// Master key that wraps all others: 32 bytes, base64. Key `vault.master_key`.
    pub master_key: SecretString,
}

impl VaultSection {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if !self.url.expose_secret().starts_with("postgres") {
            return wrong("vault.url", "(secret)", "must begin with postgres://");
        }
        Ok(())
    }
}

/// Retry schedules by channel.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySection {
    /// Key `retry.mail`.
    #[serde(deserialize_with = "StrictSchedule::deserialize")]
    pub mail: RetrySchedule,
    /// Key `retry.webhook`.
    #[serde(deserialize_with = "StrictSchedule::deserialize")]
    pub webhook: RetrySchedule,
}

/// [`RetrySchedule`] as an operator writes it: there an unknown key is a mistake, in a stored event it is the future.
#[derive(Deserialize)]
#[serde(remote = "RetrySchedule", deny_unknown_fields)]
struct StrictSchedule {
    base_ms: u64,
    cap_ms: u64,
    attempt_limit: u32,
    retry_after_cap_ms: u64,
    doubt_limit: u32,
}

impl Default for RetrySection {
    fn default() -> Self {
        Self {
            mail: default_schedule(ChannelKind::Mail),
            webhook: default_schedule(ChannelKind::Webhook),
        }
    }
}

impl RetrySection {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        for (name, schedule) in [("retry.mail", self.mail), ("retry.webhook", self.webhook)] {
            if schedule.attempt_limit == 0 || schedule.attempt_limit > 100 {
                let value = schedule.attempt_limit.to_string();
                return wrong(&format!("{name}.attempt_limit"), &value, "must be 1 to 100");
            }
            if schedule.base_ms == 0 || schedule.base_ms > schedule.cap_ms {
                let value = schedule.base_ms.to_string();
                return wrong(&format!("{name}.base_ms"), &value, "must be 1 to cap_ms");
            }
        }
        Ok(())
    }
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Text,
}

/// Logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// error, warn, info, debug or trace, for Waybill's own crates. Key `log.level`.
    pub level: String,
    /// json or text. Key `log.format`.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Json }
    }
}

impl LogConfig {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if !["error", "warn", "info", "debug", "trace"].contains(&self.level.as_str()) {
            return wrong("log.level", &self.level, "must be error, warn, info, debug or trace");
        }
        Ok(())
    }
}
