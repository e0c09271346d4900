use serde::{Deserialize, Serialize};

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
    /// Requests under way at once, 1 to 100,000; more are answered 503; `api.request_limit`.
    pub request_limit: usize,
    /// Connections open at once, 1 to 100,000; more wait to be accepted; `api.connection_limit`.
    pub connection_limit: usize,
    /// Largest JSON body in bytes, 1,024 to 16,777,216; `api.body_limit_bytes`.
    pub body_limit_bytes: usize,
    /// Milliseconds until a request's head must have come, 100 to 60,000; `api.header_timeout_ms`.
    pub header_timeout_ms: u64,
    /// Milliseconds until a request must be answered, 100 to 600,000; `api.request_timeout_ms`.
    pub request_timeout_ms: u64,
    /// Milliseconds until an upload must be answered, 1,000 to 3,600,000; `api.upload_timeout_ms`.
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
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`schema::Invalid`] naming the key, the value and its range.
    pub fn check(&self) -> Result<(), schema::Invalid> {
        let ranges: [(&str, u64, u64, u64); 8] = [
            ("api.request_limit", self.request_limit as u64, 1, 100_000),
            ("api.connection_limit", self.connection_limit as u64, 1, 100_000),
            ("api.body_limit_bytes", self.body_limit_bytes as u64, 1024, 16_777_216),
            ("api.header_timeout_ms", self.header_timeout_ms, 100, 60_000),
            ("api.request_timeout_ms", self.request_timeout_ms, 100, 600_000),
            ("api.upload_timeout_ms", self.upload_timeout_ms, 1_000, 3_600_000),
            ("api.position_wait_ms", self.position_wait_ms, 0, 5_000),
            ("api.drain_ms", self.drain_ms, 0, 600_000),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                let rule = format!("must be {least} to {most}");
                return Err(schema::Invalid::new(key, &value.to_string(), rule));
            }
        }
        let url = url::Url::parse(&self.public_url).ok();
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
            let rule = "must be an absolute http or https URL";
            return Err(schema::Invalid::new("api.public_url", &self.public_url, rule));
        }
        Ok(())
    }
}
