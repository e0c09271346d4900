use std::path::PathBuf;

use schema::{Invalid, Timestamp};
use serde::{Deserialize, Serialize};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// How the API serves. Keys lie under `api`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Where it listens, as `host:port`; `api.bind`.
    pub bind: String,
    /// Where `/metrics` and the probes are served without a key, as `host:port`, for a network that only operators
    /// reach; nowhere when absent; `api.ops_bind`.
    pub ops_bind: Option<String>,
    /// Address under which recipients reach this installation, for links in mails; `api.public_url`.
    pub public_url: String,
    /// PEM file with the certificate chain, the server's own first: with it `api.bind` answers HTTPS and gRPC over TLS
    /// alone. Read again when it changes. `api.tls_cert_file`.
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with the certificate's private key; needs `api.tls_cert_file`, and the reverse; `api.tls_key_file`.
    pub tls_key_file: Option<PathBuf>,
    /// Milliseconds between looks at whether those files have changed, 100 to 3,600,000; `api.tls_check_ms`.
    pub tls_check_ms: u64,
    /// Requests under way at once, 1 to 100,000; more are answered 503; `api.request_limit`.
    pub request_limit: usize,
    /// Connections open at once, 1 to 100,000; more wait to be accepted; `api.connection_limit`.
    pub connection_limit: usize,
    /// Largest JSON body in bytes, 1,024 to 16,777,216; `api.body_limit_bytes`.
    pub body_limit_bytes: usize,
    /// Milliseconds until a request's head must have come, 100 to 60,000; an idle connection is closed after as many.
    /// Key `api.header_timeout_ms`.
    pub header_timeout_ms: u64,
    /// Milliseconds until a request must be answered, an upload from when it has arrived, 100 to 600,000; then 503.
    /// What waits to become durable gives up well before. `api.request_timeout_ms`.
    pub request_timeout_ms: u64,
    /// Milliseconds until an upload must have arrived, 1,000 to 3,600,000; `api.upload_timeout_ms`.
    pub upload_timeout_ms: u64,
    /// Milliseconds a read waits for `at_least_position`, 0 to 5,000; `api.position_wait_ms`.
    pub position_wait_ms: u64,
    /// Milliseconds that open requests are given at shutdown, 0 to 600,000; `api.drain_ms`.
    pub drain_ms: u64,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8080".to_owned(),
            ops_bind: None,
            public_url: "http://127.0.0.1:8080".to_owned(),
            tls_cert_file: None,
            tls_key_file: None,
            tls_check_ms: 10_000,
            request_limit: 1024,
            connection_limit: 4096,
            body_limit_bytes: 1024 * 1024,
            header_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            upload_timeout_ms: 600_000,
            position_wait_ms: 5_000,
            drain_ms: 30_000,
        }
    }
}

impl ApiConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let ranges: [(&str, u64, u64, u64); 9] = [
            ("api.tls_check_ms", self.tls_check_ms, 100, 3_600_000),
            ("api.request_limit", self.request_limit as u64, 1, 100_000),
            ("api.connection_limit", self.connection_limit as u64, 1, 100_000),
            ("api.body_limit_bytes", self.body_limit_bytes as u64, 1024, 16_777_216),
            ("api.header_timeout_ms", self.header_timeout_ms, 100, 60_000),
            ("api.request_timeout_ms", self.request_timeout_ms, 100, 600_000),
            ("api.upload_timeout_ms", self.upload_timeout_ms, 1_000, 3_600_000),
            ("api.position_wait_ms", self.position_wait_ms, 0, 5_000),
            ("api.drain_ms", self.drain_ms, 0, 600_000),
        ];
        let within = |(key, value, least, most)| Invalid::unless_within(key, value, least, most);
        let mut wrong: Vec<Invalid> = ranges.into_iter().filter_map(within).collect();
        let binds = [("api.bind", Some(&self.bind)), ("api.ops_bind", self.ops_bind.as_ref())];
        for (key, bind) in binds {
            if let Some(bind) = bind.filter(|bind| !names_a_port(bind)) {
                wrong.push(Invalid::new(key, bind, "must be host:port"));
            }
        }
        if self.tls_cert_file.is_some() != self.tls_key_file.is_some() {
            let rule = "must be given together with api.tls_key_file";
            let given = self.tls_cert_file.as_ref().map(|path| path.display().to_string());
            wrong.push(Invalid::new("api.tls_cert_file", &given.unwrap_or_default(), rule));
        }
        let url = url::Url::parse(&self.public_url).ok();
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
            let rule = "must be an absolute http or https URL";
            wrong.push(Invalid::new("api.public_url", &self.public_url, rule));
        }
        wrong
    }
}

fn names_a_port(bind: &str) -> bool {
    let parts = bind.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Recipients' inboxes. Keys lie under `inbox`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InboxConfig {
    /// Days for which an entry is shown after it came, 1 to 3,650. What is no longer shown stays in the ledger.
    /// Key `inbox.retention_days`.
    pub retention_days: u32,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self { retention_days: 90 }
    }
}

impl InboxConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let days = u64::from(self.retention_days);
        Invalid::unless_within("inbox.retention_days", days, 1, 3_650).into_iter().collect()
    }

    /// What came before is no longer shown at `now`.
    #[must_use]
    pub fn shown_since(&self, now: Timestamp) -> Timestamp {
        let days_us = i64::from(self.retention_days) * DAY_US;
        Timestamp::from_unix_micros(now.unix_micros().saturating_sub(days_us))
    }
}
