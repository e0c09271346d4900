use aggregates::retry::default_schedule;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use schema::{ChannelKind, Invalid, RetrySchedule};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

/// Length of the vault's master key.
const MASTER_KEY_BYTES: usize = 32;

/// This process.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSection {
    /// Name of the node in events, 1 to 64 bytes; a random one when absent. Key `node.id`.
    pub id: Option<String>,
}

impl NodeSection {
    pub(super) fn wrong(&self) -> Vec<Invalid> {
        let id = self.id.as_deref();
        id.and_then(|id| schema::checked_line("node.id", id, 64).err()).into_iter().collect()
    }
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
    pub(super) fn wrong(&self) -> Vec<Invalid> {
        let owner_url = self.owner_url.as_ref();
        let mut wrong = Vec::from_iter(not_postgres("database.url", &self.url));
        wrong.extend(owner_url.and_then(|url| not_postgres("database.owner_url", url)));
        wrong.extend(Invalid::unless_within("database.writers", self.writers.into(), 2, 4));
        wrong.extend(Invalid::unless_within("database.readers", self.readers.into(), 2, 100));
        wrong
    }
}

fn not_postgres(key: &str, url: &SecretString) -> Option<Invalid> {
    let fits = url.expose_secret().starts_with("postgres");
    (!fits).then(|| Invalid::new(key, "(secret)", "must begin with postgres://"))
}

/// The keys' database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSection {
    /// URL of the database that holds the keys: another one than the ledger's. Key `vault.url`.
    pub url: SecretString,
    /// Master key that wraps all others: 32 bytes, base64. Key `vault.master_key`.
    pub master_key: SecretString,
    /// Master keys before it: they open what they wrapped until `waybill keys rotate-master` has wrapped it anew. At
    /// most 8, empty by default. Key `vault.previous_master_keys`.
    #[serde(default)]
    pub previous_master_keys: Vec<SecretString>,
}

/// Earlier master keys, at most.
const MAX_PREVIOUS_KEYS: usize = 8;

impl VaultSection {
    pub(super) fn wrong(&self) -> Vec<Invalid> {
        let mut wrong = Vec::from_iter(not_postgres("vault.url", &self.url));
        if !is_master_key(&self.master_key) {
            wrong.push(Invalid::new("vault.master_key", "(secret)", "must be 32 bytes in base64"));
        }
        const PREVIOUS: &str = "vault.previous_master_keys";
        if !self.previous_master_keys.iter().all(is_master_key) {
            wrong.push(Invalid::new(PREVIOUS, "(secret)", "must each be 32 bytes in base64"));
        }
        let count = self.previous_master_keys.len();
        if count > MAX_PREVIOUS_KEYS {
            let rule = format!("must be at most {MAX_PREVIOUS_KEYS}");
            wrong.push(Invalid::new(PREVIOUS, &count.to_string(), rule));
        }
        wrong
    }
}

fn is_master_key(key: &SecretString) -> bool {
    let key = key.expose_secret().trim().trim_end_matches('=');
    STANDARD_NO_PAD.decode(key).map_or(0, |bytes| bytes.len()) == MASTER_KEY_BYTES
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
    /// Key `retry.inbox`.
    #[serde(deserialize_with = "StrictSchedule::deserialize")]
    pub inbox: RetrySchedule,
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
            inbox: default_schedule(ChannelKind::Inbox),
        }
    }
}

impl RetrySection {
    pub(super) fn wrong(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        let schedules = [
            ("retry.mail", self.mail),
            ("retry.webhook", self.webhook),
            ("retry.inbox", self.inbox),
        ];
        for (name, schedule) in schedules {
            let attempts = u64::from(schedule.attempt_limit);
            let key = |part: &str| format!("{name}.{part}");
            wrong.extend(Invalid::unless_within(&key("attempt_limit"), attempts, 1, 100));
            if schedule.base_ms == 0 || schedule.base_ms > schedule.cap_ms {
                let value = schedule.base_ms.to_string();
                wrong.push(Invalid::new(key("base_ms"), &value, "must be 1 to cap_ms"));
            }
        }
        wrong
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
    pub(super) fn wrong(&self) -> Vec<Invalid> {
        let known = ["error", "warn", "info", "debug", "trace"].contains(&self.level.as_str());
        let rule = "must be error, warn, info, debug or trace";
        (!known).then(|| Invalid::new("log.level", &self.level, rule)).into_iter().collect()
    }
}

/// Traces by OTLP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesConfig {
    /// Where a collector takes OTLP over gRPC, such as `http://127.0.0.1:4317`; none are sent when absent. Key
    /// `traces.otlp_endpoint`.
    pub otlp_endpoint: Option<String>,
    /// Which part of all traces is sent, 0 to 1; a trace is sent whole. Key `traces.sample_ratio`.
    pub sample_ratio: f64,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 1.0 }
    }
}

impl TracesConfig {
    pub(super) fn wrong(&self) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        let url = self.otlp_endpoint.as_ref().map(|text| (text, Url::parse(text)));
        if let Some((text, url)) = url
            && !url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            let rule = "must be an absolute http or https URL";
            wrong.push(Invalid::new("traces.otlp_endpoint", text, rule));
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            let ratio = self.sample_ratio.to_string();
            wrong.push(Invalid::new("traces.sample_ratio", &ratio, "must be 0 to 1"));
        }
        wrong
    }
}
