use schema::{ChannelKind, Invalid};
use serde::{Deserialize, Serialize};

/// How many sends may be under way, and how the queue is worked. Section `dispatch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchConfig {
    /// Attempts under way on this node, recorded as started and not yet as ended: 4 to 10,000. A kill puts at most
    /// so many in doubt. Key `dispatch.permits`.
    pub permits: u32,
    /// Attempts under way for one tenant: 1 to `permits`. Key `dispatch.tenant_permits`.
    pub tenant_permits: u32,
    /// Mails under way: 1 to `permits`. More than a few for each of `mail.pool_size` connections would wait inside of
    /// their own time limit. Key `dispatch.mail_permits`.
    pub mail_permits: u32,
    /// Webhooks under way: 1 to `permits`. Key `dispatch.webhook_permits`.
    pub webhook_permits: u32,
    /// Sends under way to one destination: 1 to `permits`. Key `dispatch.destination_permits`.
    pub destination_permits: u32,
    /// The retry lane's share of each of these, in percent: 1 to 90. First tries have the rest; neither lane can take
    /// the other's. Key `dispatch.retry_percent`.
    pub retry_percent: u32,
    /// Rows of the queue claimed in one transaction: 1 to 500. Key `dispatch.claim_rows`.
    pub claim_rows: u32,
    /// What a lease lasts beyond the longest send timeout, in milliseconds, for the commits before and after the
    /// send: 1,000 to 600,000. Key `dispatch.lease_margin_ms`.
    pub lease_margin_ms: u64,
    /// Longest pause between two looks at an empty queue, in milliseconds: 10 to 60,000. Key `dispatch.idle_poll_ms`.
    pub idle_poll_ms: u64,
    /// Report versions whose facts stay in memory: 1 to 100,000. Key `dispatch.cached_versions`.
    pub cached_versions: u32,
    /// Bytes of artifacts that stay in memory between sends: 0 to 8 GiB. Key `dispatch.cached_artifact_bytes`.
    pub cached_artifact_bytes: u64,
}

impl Default for DispatchConfig {
    fn default() -> Self {
        Self {
            permits: 512,
            tenant_permits: 448,
            mail_permits: 64,
            webhook_permits: 384,
            destination_permits: 256,
            retry_percent: 25,
            claim_rows: 200,
            lease_margin_ms: 10_000,
            idle_poll_ms: 250,
            cached_versions: 1_000,
            cached_artifact_bytes: 64 * 1024 * 1024,
        }
    }
}

impl DispatchConfig {
    /// Sends under way on one channel.
    #[must_use]
    pub const fn channel_permits(&self, channel: ChannelKind) -> u32 {
        match channel {
            ChannelKind::Mail => self.mail_permits,
            ChannelKind::Webhook => self.webhook_permits,
            // Nothing leaves this machine and nobody is waited for: all there are.
            ChannelKind::Inbox => self.permits,
        }
    }

    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let most = u64::from(self.permits);
        [
            ("dispatch.permits", most, 4, 10_000),
            ("dispatch.tenant_permits", self.tenant_permits.into(), 1, most),
            ("dispatch.mail_permits", self.mail_permits.into(), 1, most),
            ("dispatch.webhook_permits", self.webhook_permits.into(), 1, most),
            ("dispatch.destination_permits", self.destination_permits.into(), 1, most),
            ("dispatch.retry_percent", self.retry_percent.into(), 1, 90),
            ("dispatch.claim_rows", self.claim_rows.into(), 1, 500),
            ("dispatch.lease_margin_ms", self.lease_margin_ms, 1_000, 600_000),
            ("dispatch.idle_poll_ms", self.idle_poll_ms, 10, 60_000),
            ("dispatch.cached_versions", self.cached_versions.into(), 1, 100_000),
            ("dispatch.cached_artifact_bytes", self.cached_artifact_bytes, 0, 8 << 30),
        ]
        .into_iter()
        .filter_map(|(key, value, least, most)| Invalid::unless_within(key, value, least, most))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(DispatchConfig::default().wrong(), []);
    }

    #[test]
    fn a_limit_above_all_permits_is_named() {
        let config = DispatchConfig { permits: 300, tenant_permits: 300, ..Default::default() };
        let wrong: Vec<String> = config.wrong().iter().map(ToString::to_string).collect();
        assert_eq!(wrong, ["dispatch.webhook_permits: \"384\" must be 1 to 300"]);
    }
}
