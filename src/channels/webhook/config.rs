use std::path::PathBuf;

use schema::Invalid;
use serde::Deserialize;

use super::WebhookGuard;

/// The webhook channel's configuration, key `webhook`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Limit for a whole send, in milliseconds, 2 to 300,000; more than `webhook.connect_timeout_ms`.
    /// Key `webhook.timeout_ms`.
    pub timeout_ms: u64,
    /// Limit for resolving, TCP and TLS, in milliseconds, 1 to 60,000. Key `webhook.connect_timeout_ms`.
    pub connect_timeout_ms: u64,
    /// Idle connections kept per host, 0 to 1,000. Key `webhook.idle_per_host`.
    pub idle_per_host: usize,
    /// An idle connection is closed after this many milliseconds. Key `webhook.idle_limit_ms`.
    pub idle_limit_ms: u64,
    /// Files ride in the body, in their order, while they have at most this many bytes together, 0 to 67,108,864; of
    /// the others the body has name, size and digest. Key `webhook.inline_limit_bytes`.
    pub inline_limit_bytes: usize,
    /// Memory for encoded files, in bytes. Key `webhook.encoded_cache_bytes`.
    pub encoded_cache_bytes: usize,
    /// Allows `http:` beside `https:`. Key `webhook.allow_http`.
    pub allow_http: bool,
    /// Networks (`10.1.0.0/16`), addresses and host names that may be reached although they are not public. A name is
    /// trusted with whatever it resolves to. Key `webhook.allow`.
    pub allow: Vec<String>,
    /// PEM file with certificates to trust beside the system's. Key `webhook.ca_file`.
    pub ca_file: Option<PathBuf>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 15_000,
            connect_timeout_ms: 5_000,
            idle_per_host: 256,
            idle_limit_ms: 30_000,
            inline_limit_bytes: 256 * 1024,
            encoded_cache_bytes: 64 * 1024 * 1024,
            allow_http: false,
            allow: Vec::new(),
            ca_file: None,
        }
    }
}

impl WebhookConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let mut wrong = self.wrong_limits();
        wrong.extend(WebhookGuard::try_new(self).err());
        wrong
    }

    /// The same but for the allow-list, which the guard reads.
    pub(super) fn wrong_limits(&self) -> Vec<Invalid> {
        let limits = [
            ("webhook.timeout_ms", self.timeout_ms, 2, 300_000),
            ("webhook.connect_timeout_ms", self.connect_timeout_ms, 1, 60_000),
            ("webhook.idle_per_host", self.idle_per_host as u64, 0, 1_000),
            ("webhook.inline_limit_bytes", self.inline_limit_bytes as u64, 0, 64 << 20),
        ];
        let within = |(key, value, least, most)| Invalid::unless_within(key, value, least, most);
        let mut wrong: Vec<Invalid> = limits.into_iter().filter_map(within).collect();
        if self.connect_timeout_ms >= self.timeout_ms {
            // Only then is a send that runs out of time known to have been connected.
            let rule = "must be less than webhook.timeout_ms";
            let value = self.connect_timeout_ms.to_string();
            wrong.push(Invalid::new("webhook.connect_timeout_ms", &value, rule));
        }
        wrong
    }
}
